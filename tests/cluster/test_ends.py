"""Taking Darkroom away in the middle of a run, and going on after it is back."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.cluster.installed import RUN_S, SMALL, STAGES, Installed
from tests.cluster.kubernetes import wait_until
from tests.support.command import sets
from tests.support.helm import CHART, find


@pytest.mark.long
def test_uninstalling_leaves_nothing_and_the_run_goes_on_when_it_is_back(installed: Installed) -> None:
    running = installed.start("submit", "fashionTexture", "--on", "kubernetes", *sets(SMALL), "--json")
    wait_until(lambda: bool(installed.begun()) and bool(installed.pods(installed.begun(), "dedup")), 300)
    run = installed.begun()
    values = helm(installed, "get", "values", "darkroom", "--output", "yaml")
    helm(installed, "uninstall", "darkroom")
    wait_until(lambda: not left(installed), 300)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 1, err
    # Whichever goes first: the driver, or its rights. It never stays "running".
    ended = {"interrupted": "Its driver's Job is gone or has ended.", "failed": "The API server forbids it"}
    for document in (json.loads(out), installed.run("status", run)):
        assert ended[document["state"]] in document["reason"]

    helm(installed, "install", "darkroom", str(CHART), "--values", "-", given=values)
    document = installed.run("resume", run)
    assert document["state"] == "done"
    assert document["stages"][0]["cached"] is False
    first = installed.start("gc", "--keep-runs", "1").communicate(timeout=RUN_S)[0]
    again = installed.start("gc", "--keep-runs", "1").communicate(timeout=RUN_S)[0]
    assert "are gone" in first
    assert ": 0 objects" in again
    assert not [job for job in installed.jobs(run) if not job.endswith("-driver")]
    assert not [pod for stage in STAGES for pod in installed.pods(run, stage)]


def left(installed: Installed) -> list[str]:
    """Return everything of ours that is in the namespace still."""
    kinds = "jobs,cronjobs,pods,configmaps,serviceaccounts,roles,rolebindings,networkpolicies"
    words = (
        "get",
        kinds,
        "--namespace",
        installed.namespace,
        "--selector=app.kubernetes.io/managed-by in (darkroom, Helm)",
        "--output=name",
    )
    return installed.kubernetes.kubectl(*words).split()


def helm(installed: Installed, *words: str, given: str | None = None) -> str:
    command = [find(), *words, "--namespace", installed.namespace]
    done = subprocess.run(command, env=installed.environment, input=given, text=True, capture_output=True, timeout=60, check=True)
    return done.stdout
