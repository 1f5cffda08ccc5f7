"""One table of exit-code scripts and the conditions that follow: what every launcher must do with them.

The scripts are real processes. A script gives, for each index, the exit codes of its attempts
in order; the last one repeats. Attempts are counted in a store, which pods and processes reach.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.store import Store
from jobs.controller.launcher import JobStatus, Launcher
from jobs.controller.render import failure_rules

PATIENCE_S = 120.0

WORKER = """
import os, sys, time
from common.store import open_from_environment
store, script, index = open_from_environment(os.environ), eval(sys.argv[2]), os.environ["JOB_COMPLETION_INDEX"]
turns = f"{sys.argv[1]}/{index}/"
turn = sum(1 for _ in store.list(turns))
store.put(f"{turns}{turn}", b"")
codes = script[int(index)]
code = codes[min(turn, len(codes) - 1)]
code = 137 if code == "kill" and os.getpid() == 1 else code  # the first process of a pod cannot kill itself
time.sleep(300) if code == "hang" else os.kill(os.getpid(), 9) if code == "kill" else sys.exit(code)
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
    Case("a Job that hangs ends by its deadline", {0: ["hang"]}, "Failed", "DeadlineExceeded", attempts={0: 1}, deadline_s=25),
    Case("more indexes than places", {index: [0] for index in range(6)}, "Complete", succeeded=indexes(*range(6)), parallelism=2),
]


def job(case: Case, name: str, python: Sequence[str], environment: Mapping[str, str], pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Job of a case; `pod` and `container` in it say what a cluster wants to know beyond a process launcher."""
    labels = {"darkroom/run": name}
    container = {
        "name": "stage",
        "image": "darkroom-test",
        "command": [*python, "-c", WORKER],
        "args": [name, repr(dict(case.script))],
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        **pod.get("container", {}),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels},
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
                    "terminationGracePeriodSeconds": 1,
                    "containers": [container],
                    **pod.get("spec", {}),
                },
            },
        },
    }


def check(launcher: Launcher, store: Store, case: Case, job: dict[str, Any]) -> None:
    """Run a case's Job to its end and hold what came of it against the table."""
    name = job["metadata"]["name"]
    launcher.create(job)
    status = _finished(launcher, name)
    assert (status.condition, status.reason) == (case.condition, case.reason)
    if case.reason != "PodFailurePolicy":
        assert (status.succeeded, status.failed) == (case.succeeded, case.failed)
    for index, count in (case.attempts or {}).items():
        assert sum(1 for _ in store.list(f"{name}/{index}/")) == count, (index, status)
    codes = {ending.index: ending.exit_code for ending in status.endings}
    for index in status.failed:
        assert codes[index] in case.script[index]


def _finished(launcher: Launcher, name: str) -> JobStatus:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        (status,) = launcher.observe(name)
        if status.condition:
            return status
        launcher.wait(1.0)
    raise AssertionError(f"the Job did not end: {launcher.observe(name)}")
