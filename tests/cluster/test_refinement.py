"""Refinement with CNTK as a Job: ended again and again it gives one network, with the curve that it would have had."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.store import Store
from jobs.controller.pods import is_running
from tests.cluster.cluster import Cluster
from tests.cluster.installed import STAGES, Installed, install
from tests.cluster.kubernetes import Kubernetes, wait_until
from tests.support.command import sets

KILLS, LONG_S = 10, 1800.0
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
def roomy(kubernetes: Kubernetes, ours: Cluster, namespace: str, store: Store, tmp_path: Path) -> Installed:
    """Darkroom where refinement may have memory."""
    needs = {stage: {"requests": {"cpu": "50m"}, "limits": {"cpu": "1", "memory": "2Gi"}} for stage in [*STAGES, "controller"]}
    return install(kubernetes, ours, namespace, store, tmp_path, {"resources": needs})


def refined(document: dict[str, Any]) -> dict[str, Any]:
    (found,) = [stage for stage in document["stages"] if stage["name"] == "refine"]
    assert isinstance(found, dict)
    return found


def end(installed: Installed, pod: str) -> None:
    """Evict a pod, which has a second to go in."""
    place = f"/api/v1/namespaces/{installed.namespace}/pods/{pod}/eviction"
    wish = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}, "deleteOptions": {"gracePeriodSeconds": 1}}
    installed.kubernetes.kubectl("create", "--raw", place, "--filename=-", given=wish)


@pytest.mark.full
def test_ten_ends_in_the_middle_of_a_refinement_leave_one_network_and_the_clean_curve(
    roomy: Installed, store: Store, tmp_path: Path
) -> None:
    words = ("submit", "fashionTexture", *sets(SETTINGS))
    running = roomy.start(*words, "--on", "kubernetes", "--json")
    pieces, ended = set[str](), set[str]()

    def has_moved() -> bool:
        """Is there a checkpoint that was not there when the last pod was ended, and a pod that made it?"""
        assert running.poll() is None, running.communicate()
        run = roomy.begun()
        pods = [pod["metadata"]["name"] for pod in roomy.pods(run, "refine") if is_running(pod)] if run else []
        found = {one.key for one in store.list("artifacts/refine/") if "/pieces/" in one.key}
        if not found - pieces or not set(pods) - ended:
            return False
        pieces.update(found)
        (pod,) = set(pods) - ended
        ended.add(pod)
        end(roomy, pod)
        return True

    for _ in range(KILLS):
        wait_until(has_moved, LONG_S)
    out, err = running.communicate(timeout=LONG_S)
    assert running.returncode == 0, err
    document = json.loads(out)
    assert document["state"] == "done"
    assert len(ended) == KILLS
    assert [one.key for one in store.list("artifacts/refine/") if "/pieces/" in one.key] == []
    manifests = [one.key for one in store.list("artifacts/refine/") if one.key.endswith("manifest.json")]
    assert len(manifests) == 1, "one refinement, one network"

    clean = roomy.run_here(tmp_path / "clean", *words)
    assert refined(document)["content_digest"] == refined(clean)["content_digest"]
    curves = []
    for run, place in ((document["run"], store.url), (clean["run"], (tmp_path / "clean").as_uri())):
        roomy.environment["DARKROOM_STORE"] = place
        got = roomy.start("get", run, "refine", str(tmp_path / run))
        assert got.wait(60) == 0
        got.communicate()
        curves.append(next((tmp_path / run).rglob("curve.csv")).read_bytes())
    assert curves[0] == curves[1]
