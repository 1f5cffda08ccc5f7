"""The table of exit-code scripts, on the process launcher. tests/cluster runs it on a real Kubernetes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from common.store.local import LocalStore
from jobs.controller.processes import ProcessLauncher
from tests.support import scripts
from tests.support.command import ROOT
from tests.support.scripts import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_exit_codes_become_conditions(case: Case, tmp_path: Path) -> None:
    environment = {"DARKROOM_STORE": tmp_path.as_uri(), "PYTHONPATH": str(ROOT)}
    launcher = ProcessLauncher(slots=4)
    try:
        scripts.check(launcher, LocalStore(tmp_path), case, scripts.job(case, "contract", [sys.executable], environment, {}))
    finally:
        launcher.close()
