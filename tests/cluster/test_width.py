"""Many pods at once: one Indexed Job, a pod that is lost, a width that changes, a node that is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import artifact
from common.store import Store
from jobs.controller import runs
from jobs.controller.pods import is_running
from tests.cluster.cluster import Cluster
from tests.cluster.installed import RUN_S, STAGES, Installed, install
from tests.cluster.kubernetes import Kubernetes, wait_until
from tests.cluster.watched import watched
from tests.support.command import sets

WIDE = ("scrape.counts={dotted: 12, striped: 12}", "scrape.shardPictures=2", "refine.backbone=gabor-layout", "train.cValues=[0.1,1]")
WIDER = (*WIDE, "scrape.shardPictures=1")  # half a minute passes before four pods at a time leave fewer than eight
SHARDS = 24  # a picture of WIDER each
QUICK = {"requests": {"cpu": "50m"}, "limits": {"cpu": "1", "memory": "1Gi"}}
SLOW = {"requests": {"cpu": "50m"}, "limits": {"cpu": "150m", "memory": "1Gi"}}  # a pod of featurize takes some 10 s
LOST_WITHIN_S = 180.0


@pytest.fixture
def slow(kubernetes: Kubernetes, ours: Cluster, namespace: str, store: Store, tmp_path: Path) -> Iterator[Installed]:
    """Darkroom whose featurize takes long enough for something to happen."""
    needs = {**dict.fromkeys([*STAGES, "controller"], QUICK), "featurize": SLOW}
    with install(kubernetes, ours, namespace, store, tmp_path, {"resources": needs}) as found:
        yield found


@pytest.mark.long
def test_a_lost_pod_costs_its_shard_only_and_the_width_changes_while_it_runs(slow: Installed, store: Store) -> None:
    with watched(slow, "featurize") as seen:
        running = slow.start("submit", "fashionTexture", "--on", "kubernetes", "--nodes", "4", *sets(WIDER), "--json")
        wait_until(lambda: seen.most >= 4, 300)
        run = slow.begun()
        (job,) = (one for name, one in slow.jobs(run).items() if "-featurize-" in name)
        assert (job["spec"]["completionMode"], job["spec"]["completions"], job["spec"]["parallelism"]) == ("Indexed", SHARDS, 4)
        lost, index = next(iter(dict(seen.running).items()))
        slow.kubernetes.kubectl("delete", "pod", lost, "--namespace", slow.namespace, "--force", "--grace-period=0")
        told, err = slow.start("scale", run, "8").communicate(timeout=60)
        assert "up to 8 pods" in told, err
        wait_until(lambda: seen.most >= 8, 60)
        out, err = running.communicate(timeout=RUN_S)
    assert running.returncode == 0, err
    assert json.loads(out)["state"] == "done"
    again = {one: len(names) for one, names in seen.by_index.items() if len(names) > 1}
    assert again == {index: 2}
    assert len(seen.by_index) == SHARDS
    assert seen.most <= 8
    record = runs.read(store, run).records["featurize"]
    assert record.ref is not None
    assert len(artifact.read_ref(store, record.ref).units) == SHARDS


@pytest.mark.alone
def test_a_run_outlives_the_node_that_its_driver_and_its_pods_are_on(slow: Installed, ours: Cluster, store: Store) -> None:
    running = slow.start("submit", "fashionTexture", "--on", "kubernetes", "--nodes", "4", *sets(WIDE), "--json")
    wait_until(lambda: bool(slow.begun()) and sum(map(is_running, slow.pods(slow.begun(), "featurize"))) >= 4, 300)
    run = slow.begun()
    (driver,) = (pod for pod in slow.pods(run, "driver") if is_running(pod))
    lost = next(node for node in ours.nodes if node.name == driver["spec"]["nodeName"])
    there = [pod for pod in slow.pods(run, "featurize") if pod["spec"].get("nodeName") == lost.name and is_running(pod)]
    assert there, "the scheduler put nothing beside the driver"
    assert lost.freeze()
    stopped = time.monotonic()
    try:
        out, err = running.communicate(timeout=LOST_WITHIN_S)
        took = time.monotonic() - stopped
        assert running.returncode == 0, err
        document = json.loads(out)
        assert document["state"] == "done", document
        print(f"the run ended {took:.0f} s after its node was lost")
        before = whole_run(store, run)
    finally:
        lost.start_kubelet()
        wait_until(lambda: ours.node_states().get(lost.name) == "True", 60)
    wait_until(lambda: not [pod for stage in STAGES for pod in slow.pods(run, stage)], 120)
    assert whole_run(store, run) == before
    assert [stage["retries"] for stage in document["stages"]] == [0] * len(STAGES)


def whole_run(store: Store, run: str) -> dict[str, object]:
    """Return what must not change any more: how the run ended, what it made, what serves."""
    known = runs.read(store, run)
    (pointer,) = (store.get(one.key).data for one in store.list("models/") if one.key.endswith("current.json"))
    snapshots = [one.key for one in store.list("snapshots/")]
    return {"state": known.state, "records": known.records, "pointer": pointer, "snapshots": snapshots}
