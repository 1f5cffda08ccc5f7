"""One table of exit-code scripts and the conditions that follow: what every launcher must do with them.

The scripts are real processes. A script gives, for each index, the exit codes of its attempts
in order; the last one repeats.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jobs.controller.launcher import JobStatus, Launcher
from jobs.controller.processes import ProcessLauncher
from jobs.controller.render import failure_rules

PATIENCE_S = 60.0

WORKER = """
import os, sys, time
from pathlib import Path
folder, script = Path(sys.argv[1]), eval(sys.argv[2])
index = os.environ["JOB_COMPLETION_INDEX"]
turns = folder / index
turn = len(turns.read_text()) if turns.exists() else 0
turns.write_text("x" * (turn + 1))
codes = script[int(index)]
code = codes[min(turn, len(codes) - 1)]
time.sleep(60) if code == "hang" else os.kill(os.getpid(), 9) if code == "kill" else sys.exit(code)
"""


@dataclass(frozen=True)
class Case:
    """A script, what the Job says of itself, and what must come of it."""

    name: str
    script: Mapping[int, list[int | str]]
    condition: str
    reason: str = ""
    succeeded: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()
    attempts: Mapping[int, int] | None = None
    shards: bool = True
    backoff: int = 2
    deadline_s: int = 300
    parallelism: int = 2


def indexes(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


CASES = [
    Case("all succeed", {0: [0], 1: [0], 2: [0]}, "Complete", succeeded=indexes(0, 1, 2), attempts={0: 1, 1: 1, 2: 1}),
    Case("a retryable exit is tried again", {0: [10, 10, 0], 1: [0]}, "Complete", succeeded=indexes(0, 1), attempts={0: 3, 1: 1}),
    Case("retries are limited for each index", {0: [10], 1: [0]}, "Failed", "FailedIndexes", indexes(1), indexes(0), {0: 3, 1: 1}),
    Case(
        "a final exit fails its index only, and at once", {0: [20], 1: [0]}, "Failed", "FailedIndexes", indexes(1), indexes(0), {0: 1, 1: 1}
    ),
    Case("a final exit of a whole stage fails the Job", {0: [20]}, "Failed", "PodFailurePolicy", attempts={0: 1}, shards=False),
    Case("a stopped one fails the Job whatever the others do", {0: [30], 1: ["hang"]}, "Failed", "PodFailurePolicy", attempts={0: 1}),
    Case("another exit code is tried again", {0: [1, 0]}, "Complete", succeeded=indexes(0), attempts={0: 2}),
    Case("a killed one is tried again", {0: ["kill", 0]}, "Complete", succeeded=indexes(0), attempts={0: 2}),
    Case("no retries means none", {0: [10]}, "Failed", "FailedIndexes", failed=indexes(0), attempts={0: 1}, backoff=0),
    Case("a Job that hangs ends by its deadline", {0: ["hang"]}, "Failed", "DeadlineExceeded", attempts={0: 1}, deadline_s=2),
    Case("more indexes than places", {index: [0] for index in range(6)}, "Complete", succeeded=indexes(*range(6)), parallelism=2),
]


def job(case: Case, folder: Path) -> dict[str, Any]:
    labels = {"darkroom/run": "contract"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "contract", "labels": labels},
        "spec": {
            "completions": len(case.script),
            "parallelism": case.parallelism,
            "completionMode": "Indexed",
            "backoffLimitPerIndex": case.backoff,
            "podReplacementPolicy": "Failed",
            "activeDeadlineSeconds": case.deadline_s,
            "podFailurePolicy": {"rules": failure_rules(shards=case.shards)},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": 5,
                    "containers": [
                        {
                            "name": "stage",
                            "image": "darkroom-test",
                            "command": [sys.executable, "-c", WORKER],
                            "args": [str(folder), repr(dict(case.script))],
                            "env": [],
                        }
                    ],
                },
            },
        },
    }


def finished(launcher: Launcher) -> JobStatus:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        (status,) = launcher.observe("contract")
        if status.condition:
            return status
        launcher.wait(1.0)
    raise AssertionError("the Job did not end")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_exit_codes_become_conditions(case: Case, tmp_path: Path) -> None:
    launcher = ProcessLauncher(slots=4)
    try:
        launcher.create(job(case, tmp_path))
        status = finished(launcher)
    finally:
        launcher.close()
    assert (status.condition, status.reason) == (case.condition, case.reason)
    if case.reason != "PodFailurePolicy":
        assert (status.succeeded, status.failed) == (case.succeeded, case.failed)
    for index, count in (case.attempts or {}).items():
        assert len((tmp_path / str(index)).read_text()) == count
