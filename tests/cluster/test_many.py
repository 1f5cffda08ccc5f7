"""Ten runs at the same time, each of whose drivers is killed at a moment of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from common.store import Store
from jobs.controller.pods import is_running
from jobs.controller.render import RUN, STAGE, STEP, driver_name
from tests.cluster.installed import SMALL, Installed
from tests.cluster.kubernetes import wait_until
from tests.support.command import sets

# A driver is killed as soon as it runs, or as soon as it has begun a step.
MOMENTS = (
    "driver",
    "scrape.list",
    "scrape.fetch",
    "scrape.snapshot",
    "dedup.hash",
    "dedup.dataset",
    "featurize",
    "train",
    "evaluate",
    "gate",
)
LONG_S = 1800.0


@pytest.mark.alone
@pytest.mark.full
def test_drivers_that_are_killed_at_ten_moments_in_ten_runs_at_once(installed: Installed, store: Store) -> None:
    where = ("--source", "rendered", "--on", "kubernetes", "--json")
    started = [installed.start("submit", f"many{n}", *where, *sets([*SMALL, f"scrape.seed={n}"])) for n in range(len(MOMENTS))]
    moments, killed = dict[str, str](), set[str]()

    def kill_those_whose_moment_has_come() -> bool:
        pods = installed.kubernetes.get("--namespace", installed.namespace, "pods")["items"]
        for run in sorted({pod["metadata"]["labels"][RUN] for pod in pods} - moments.keys()):
            moments[run] = MOMENTS[len(moments)]
        for run in moments.keys() - killed:
            own = [pod for pod in pods if pod["metadata"]["labels"][RUN] == run]
            driver = next((pod for pod in own if step_of(pod) == "driver" and is_running(pod)), None)
            if driver is not None and moments[run] in map(step_of, own):
                gone = ("delete", "pod", driver["metadata"]["name"], "--namespace", installed.namespace)
                installed.kubernetes.kubectl(*gone, "--force", "--grace-period=0")
                killed.add(run)
        return len(killed) == len(MOMENTS)

    wait_until(kill_those_whose_moment_has_come, LONG_S)
    for process in started:
        out, err = process.communicate(timeout=LONG_S)
        assert process.returncode == 0, err
        document = json.loads(out)
        assert document["state"] == "done"
        assert document["stages"][0]["items"] == 24
        assert document["metrics"]["test"] is not None
    for run in moments:
        wait_until(lambda run=run: [job["status"].get("succeeded") for job in installed.jobs(run).values()] == [1], 60)  # type: ignore[misc]
        (driver,) = installed.jobs(run).values()
        assert driver["metadata"]["name"] == driver_name(run)
        assert driver["status"]["failed"] == 1  # the one that was killed
    pointers = [one.key for one in store.list("models/") if one.key.endswith("current.json")]
    assert len(pointers) == len(MOMENTS)


def step_of(pod: dict[str, Any]) -> str:
    labels = pod["metadata"]["labels"]
    return str(labels.get(STEP, labels[STAGE]))
