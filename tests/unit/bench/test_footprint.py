"""The memory of a process and all that it started."""

from __future__ import annotations

import subprocess
import sys

from tests.bench.footprint import Footprint, watched

CHILD = "block = bytearray(64 * 2**20); print(flush=True); input()"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"


def test_what_a_child_of_a_child_holds_counts() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        footprint = Footprint()
        footprint.look([process.pid])
        process.stdin.close()
    assert 64 < footprint.peak_mib < 200


def test_a_process_that_is_gone_holds_nothing() -> None:
    footprint = Footprint()
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        with watched(footprint, [process.pid]):
            footprint.look([process.pid])
    assert footprint.peak_mib == 0
