"""Documents made to harm: each is refused with a reason, or read without harm, and none makes code run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from common import artifact
from common.errors import Damaged
from common.records import Part, Unit
from common.store.memory import MemoryStore
from tests.support import documents

MOST_SECONDS, MOST_MIB = 5.0, 1024
# Names in a tar are never used; a flipped bit in a table's values is found by the sum of its part.
HARMLESS = ("name-", "link.tar", "device.tar", "empty.tar", "flipped-")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("documents")
    documents.write(folder)
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.audited", str(folder)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert not (Path.cwd() / documents.CANARY).exists()
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_each_is_refused_with_a_reason_or_read_without_harm(told: list[dict[str, Any]]) -> None:
    assert len(told) > 100
    for one in told:
        assert one["outcome"].startswith(("BadInput: ", "BadParameters: ")) or (
            one["outcome"] == "read" and one["name"].startswith(HARMLESS)
        ), one


def test_none_makes_code_run(told: list[dict[str, Any]]) -> None:
    assert [one for one in told if one["events"]] == []


def test_each_ends_soon_in_little_memory_with_a_short_reason(told: list[dict[str, Any]]) -> None:
    for one in told:
        assert one["seconds"] < MOST_SECONDS, one
        assert one["peak_mib"] < MOST_MIB, one
        assert one["length"] < 1000, one


@pytest.mark.parametrize("name", ["../climbs", "/absolute", "a/b", ".hidden", "", "a\x00b"])
def test_a_manifest_cannot_name_a_file_that_climbs(name: str) -> None:
    part = Part(name=name, key="artifacts/s/k/parts/x", size=1, sha256="0" * 64)
    for changed in ({"content": (part,)}, {"evidence": (part,)}, {"units": (Unit(name=name, digest="d", content=()),)}):
        store = MemoryStore()
        store.put("artifacts/s/k/manifest.json", documents.manifest(**changed))
        with pytest.raises(Damaged, match="cannot be a file"):
            artifact.find(store, "s", "k")
