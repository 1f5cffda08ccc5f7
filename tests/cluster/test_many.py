"""Ten runs at the same time, each of whose drivers is killed at a moment of its own."""

from __future__ import annotations

import json
import subprocess

import pytest

from common.store import Store
from jobs.controller.pods import is_running
from tests.cluster.installed import SMALL, Installed
from tests.cluster.kubernetes import wait_until
from tests.support.command import sets

RUNS = 10
# A driver is killed as soon as a stage has begun; nought: as soon as it runs.
MOMENTS = (None, None, "scrape", "scrape", "dedup", "dedup", "featurize", "train", "evaluate", "gate")
LONG_S = 900.0


@pytest.mark.full
def test_drivers_that_are_killed_at_ten_moments_in_ten_runs_at_once(installed: Installed, store: Store) -> None:
    started: list[subprocess.Popen[str]] = []
    names: list[str] = []
    for number in range(RUNS):
        words = ("submit", "fashionTexture", "--on", "kubernetes", *sets([*SMALL, f"scrape.seed={number + 1}"]), "--json")
        started.append(installed.start(*words))
    left = dict(enumerate(MOMENTS))

    def kill_those_that_are_there() -> bool:
        found = installed.kubernetes.get("--namespace", installed.namespace, "pods")["items"]
        runs = sorted({pod["metadata"]["labels"]["darkroom/run"] for pod in found} | set(names))
        names[:] = runs
        for number, moment in list(left.items()):
            if number >= len(runs):
                continue
            own = [pod for pod in found if pod["metadata"]["labels"]["darkroom/run"] == runs[number]]
            driver = next((pod for pod in own if pod["metadata"]["labels"]["darkroom/stage"] == "driver" and is_running(pod)), None)
            if driver is None or not (moment is None or any(pod["metadata"]["labels"]["darkroom/stage"] == moment for pod in own)):
                continue
            gone = ("delete", "pod", driver["metadata"]["name"], "--namespace", installed.namespace, "--force", "--grace-period=0")
            installed.kubernetes.kubectl(*gone)
            del left[number]
        return not left

    wait_until(lambda: len(installed.kubernetes.get("--namespace", installed.namespace, "jobs")["items"]) >= RUNS, 300)
    wait_until(kill_those_that_are_there, LONG_S)
    for process in started:
        out, err = process.communicate(timeout=LONG_S)
        assert process.returncode == 0, err
        document = json.loads(out)
        assert document["state"] == "done"
        assert document["metrics"]["test"] is not None
    assert not [job for name in names for job in installed.jobs(name) if not job.endswith("-driver")]
    pointers = [one.key for one in store.list("models/") if one.key.endswith("current.json")]
    assert len(pointers) == 1
