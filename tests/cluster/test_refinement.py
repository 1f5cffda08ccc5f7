"""Refinement with CNTK as a Job: ended again and again it gives one network, with the curve that it would have had."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.store import Store
from jobs.controller.pods import is_running
from jobs.controller.render import KEY, RUN, STAGE, mark
from tests.cluster.cluster import Cluster
from tests.cluster.installed import STAGES, Installed, install
from tests.cluster.kubernetes import Kubernetes, wait_until
from tests.support.command import MAIN, sets

RUNS, KILLS, LONG_S = 2, 5, 1800.0
SETTINGS = (
    "scrape.counts={dotted: 12, striped: 12}",
    "scrape.shardPictures=12",
    "classifier=dnn",
    "refine.backend=cntk",
    "refine.gpu=none",
    "refine.epochs=12",
    "refine.mbSize=8",
    "refine.lrPerMb=[0.0005]",
)


@pytest.fixture
def roomy(kubernetes: Kubernetes, ours: Cluster, namespace: str, store: Store, tmp_path: Path) -> Iterator[Installed]:
    """Darkroom where refinement may have memory."""
    needs = {stage: {"requests": {"cpu": "50m"}, "limits": {"cpu": "1", "memory": "2Gi"}} for stage in [*STAGES, "controller"]}
    with install(kubernetes, ours, namespace, store, tmp_path, {"resources": needs}) as found:
        yield found


def refined(document: dict[str, Any]) -> dict[str, Any]:
    (found,) = [stage for stage in document["stages"] if stage["name"] == "refine"]
    assert isinstance(found, dict)
    return found


def end(installed: Installed, pod: str) -> None:
    """Evict a pod, which has a second to go in."""
    place = f"/api/v1/namespaces/{installed.namespace}/pods/{pod}/eviction"
    wish = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}, "deleteOptions": {"gracePeriodSeconds": 1}}
    installed.kubernetes.kubectl("create", "--raw", place, "--filename=-", given=wish)


def checkpoints(store: Store) -> dict[str, set[str]]:
    """Return the pieces of each refinement, by its key as labels hold it."""
    found: dict[str, set[str]] = {}
    for one in store.list("artifacts/refine/"):
        place = one.key.split("/")
        if place[3] == "pieces":
            found.setdefault(mark(place[2]), set()).add(one.key)
    return found


class Ending:
    """Ends each pod of the runs' refinements once a checkpoint is there that was not when the pod began, so many times a run."""

    def __init__(self, installed: Installed, store: Store) -> None:
        self._installed, self._store = installed, store
        self._begun: dict[str, set[str]] = {}
        self.ended: dict[str, set[str]] = {}

    def go_on(self) -> bool:
        """End whose moment has come; say whether all were ended often enough."""
        found = checkpoints(self._store)
        for pod in self._installed.kubernetes.get("--namespace", self._installed.namespace, "pods", f"--selector={STAGE}=refine")["items"]:
            name, ended = pod["metadata"]["name"], self.ended.setdefault(pod["metadata"]["labels"][RUN], set())
            now = found.get(pod["metadata"]["labels"][KEY], set())
            if is_running(pod) and len(ended) < KILLS and name not in ended and now - self._begun.setdefault(name, now):
                ended.add(name)
                end(self._installed, name)
        return len(self.ended) == RUNS and all(len(pods) == KILLS for pods in self.ended.values())


@pytest.mark.full
def test_ten_ends_in_the_middle_of_refinements_leave_one_network_each_and_the_clean_curve(
    roomy: Installed, store: Store, tmp_path: Path
) -> None:
    """Kubernetes waits twice as long after each end, so five ends in each of two runs take minutes, and ten in one an hour."""
    words = [("submit", f"fabrics{seed}", "--source", "rendered", *sets([*SETTINGS, f"refine.seed={seed}"])) for seed in range(RUNS)]
    started = [roomy.start(*one, "--on", "kubernetes", "--json") for one in words]
    ending = Ending(roomy, store)
    wait_until(ending.go_on, LONG_S)
    for one, running in zip(words, started, strict=True):
        out, err = running.communicate(timeout=LONG_S)
        assert running.returncode == 0, err
        document, here = json.loads(out), tmp_path / one[1]
        assert document["state"] == "done"
        clean = roomy.run_here(here, *one)
        assert refined(document)["content_digest"] == refined(clean)["content_digest"]
        assert curve(roomy, store.url, document["run"], tmp_path) == curve(roomy, here.as_uri(), clean["run"], tmp_path)
    assert checkpoints(store) == {}
    networks = [one.key for one in store.list("artifacts/refine/") if one.key.endswith("/manifest.json")]
    assert len(networks) == RUNS


def curve(installed: Installed, store: str, run: str, folder: Path) -> bytes:
    """Return the curve of a run's refinement, as `darkroom get` gives it."""
    own = {**installed.environment, "DARKROOM_STORE": store}
    subprocess.run([*MAIN, "get", run, "refine", str(folder / run)], env=own, check=True, capture_output=True, timeout=60)
    return next((folder / run).rglob("curve.csv")).read_bytes()
