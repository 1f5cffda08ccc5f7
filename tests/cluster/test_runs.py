"""Whole runs on a real Kubernetes: installed by the chart, submitted by the command, the same as on one machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobs.controller.pods import is_running
from jobs.controller.render import driver_name
from tests.cluster.installed import RUN_S, SMALL, STAGES, Installed, digests
from tests.cluster.kubernetes import wait_until
from tests.support.command import sets


@pytest.mark.long
def test_a_run_has_the_digests_that_it_has_on_one_machine_and_is_found_again(installed: Installed, tmp_path: Path) -> None:
    document = installed.submit()
    assert document["state"] == "done", document
    assert digests(document) == digests(installed.run_here(tmp_path / "local", "submit", "fashionTexture", *sets(SMALL)))
    again = installed.submit()
    assert all(stage["cached"] for stage in again["stages"])
    assert set(installed.jobs(again["run"])) == {driver_name(again["run"])}


@pytest.mark.long
def test_a_driver_that_is_killed_is_followed_by_one_that_ends_the_run(installed: Installed) -> None:
    running = installed.start("submit", "fashionTexture", "--on", "kubernetes", *sets(SMALL), "--json")

    def drivers_with_work() -> list[dict[str, Any]]:
        """A driver's first Job may be there before its kubelet has said that the driver runs."""
        run = installed.begun()
        return list(filter(is_running, installed.pods(run, "driver"))) if run and len(installed.jobs(run)) > 1 else []

    wait_until(lambda: bool(drivers_with_work()), 60)
    (driver,) = drivers_with_work()
    gone = ("delete", "pod", driver["metadata"]["name"], "--namespace", installed.namespace, "--force", "--grace-period=0")
    installed.kubernetes.kubectl(*gone)
    out, err = running.communicate(timeout=RUN_S)
    assert running.returncode == 0, err
    document = json.loads(out)
    assert document["state"] == "done"
    assert [stage["retries"] for stage in document["stages"]] == [0] * len(STAGES)


def test_a_cancelled_run_leaves_no_pods_and_keeps_its_record(installed: Installed) -> None:
    running = installed.start("submit", "fashionTexture", "--on", "kubernetes", *sets(SMALL), "--json")
    runs: list[str] = []

    def has_a_stage() -> bool:
        found = installed.kubernetes.get("--namespace", installed.namespace, "jobs")["items"]
        runs[:] = sorted({job["metadata"]["labels"]["darkroom/run"] for job in found})
        return len(found) > 1

    wait_until(has_a_stage, 60)
    (run,) = runs
    out, err = installed.start("cancel", run).communicate(timeout=60)
    assert "is cancelled" in out, err
    running.communicate(timeout=60)
    assert running.returncode == 1
    wait_until(lambda: not [pod for stage in STAGES for pod in installed.pods(run, stage)], 30)
    assert installed.run("status", run)["state"] == "cancelled"
