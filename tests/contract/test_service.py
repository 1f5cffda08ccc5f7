"""Schemathesis reads the service's description, asks what it allows and what it forbids, and finds nothing that is not so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from common.store.memory import MemoryStore
from tests.support import served

EXAMPLES = 8
ROOT = Path(__file__).resolve().parents[2]


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    store = MemoryStore()
    served.publish(store)
    hooks = {"SCHEMATHESIS_HOOKS": "tests.support.asked_by_schemathesis", "PYTHONPATH": str(ROOT)}
    with served.serving(store) as running:
        options = ["--max-examples", str(EXAMPLES), "--seed", "1", "--generation-database", "none", "--suppress-health-check", "all"]
        command = [str(Path(sys.executable).parent / "schemathesis"), "--no-color", "run", f"{running.url}/openapi.json", *options]
        done = subprocess.run(command, cwd=tmp_path, env={**os.environ, **hooks}, capture_output=True, timeout=600, check=False)
        replies = running.ask("GET", "/metrics").body.decode()
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said[:6000] + done.stderr.decode(errors="replace")[-2000:]
    assert "Tested: 12" in said
    for met in ('route="/classify",status="200"', 'infer",status="200"', 'route="/score",status="200"', 'infer",status="404"'):
        assert met in replies  # else it would have asked nonsense only
    assert 'status="5' not in replies
