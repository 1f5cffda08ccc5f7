"""A prediction by pods: four at once, one that is lost, a folder that pods cannot see; and the scores of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import uploads
from common.store import Store, open_store
from jobs.controller import runs
from tests.cluster.cluster import Cluster
from tests.cluster.installed import ROOMS, RUN_S, Installed, digests, install
from tests.cluster.kubernetes import Kubernetes, wait_until
from tests.cluster.watched import watched
from tests.support.pictures import make_folder
from tests.support.predicted import let_serve, rows

SHARDS = 12  # of 24 pictures
QUICK = {"requests": {"cpu": "50m"}, "limits": {"cpu": "1", "memory": "1Gi"}}
SLOW = {"requests": {"cpu": "50m"}, "limits": {"cpu": "150m", "memory": "1Gi"}}  # a pod takes long enough to be lost


@pytest.fixture
def slow(kubernetes: Kubernetes, ours: Cluster, namespace: str, store: Store, tmp_path: Path) -> Iterator[Installed]:
    """Darkroom whose predict takes long enough for something to happen."""
    needs = {**dict.fromkeys([*ROOMS, "controller"], QUICK), "predict": SLOW}
    with install(kubernetes, ours, namespace, store, tmp_path, {"resources": needs}) as found:
        yield found


@pytest.mark.full
def test_four_pods_score_a_folder_as_this_machine_does_and_a_lost_one_costs_its_shard_only(
    slow: Installed, store: Store, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "pictures", {"bars": 12, "rows": 12})
    (folder / "broken.png").write_bytes(b"no picture")
    version = let_serve(store)
    words = ("predict", str(folder), "--set", "scrape.shardPictures=2")
    with watched(slow, "predict") as seen:
        running = slow.start(*words, "--on", "kubernetes", "--nodes", "4", "--json")
        wait_until(lambda: seen.most >= 4, 120)
        run = slow.begun()
        (job,) = (one for name, one in slow.jobs(run).items() if "-predict-score-" in name)
        assert (job["spec"]["completionMode"], job["spec"]["parallelism"]) == ("Indexed", 4)
        assert job["spec"]["completions"] == SHARDS + 1  # the one with the broken picture holds one alone
        lost, index = next(iter(dict(seen.running).items()))
        slow.kubernetes.kubectl("delete", "pod", lost, "--namespace", slow.namespace, "--force", "--grace-period=0")
        out, err = running.communicate(timeout=RUN_S)
    assert running.returncode == 0, err
    document = json.loads(out)
    assert document["state"] == "done", document
    assert (document["predictions"]["pictures"], document["predictions"]["refused"]) == (24, 1)
    assert len(seen.by_index[index]) >= 2
    assert sum(1 for _ in store.list(uploads.FOLDER)) == 25
    assert {row["version"] for row in rows(store, run)} == {version}

    let_serve(open_store((tmp_path / "local").as_uri()))
    assert digests(document) == digests(slow.run_here(tmp_path / "local", *words))


@pytest.mark.long
def test_a_prediction_that_was_cancelled_goes_on_where_it_was(slow: Installed, store: Store, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "pictures", {"bars": 12, "rows": 12})
    let_serve(store)
    words = ("predict", str(folder), "--set", "scrape.shardPictures=4", "--on", "kubernetes", "--nodes", "2", "--json")
    running = slow.start(*words)
    wait_until(lambda: bool(_scored(store)), 180)
    run = slow.begun()
    told, err = slow.start("cancel", run).communicate(timeout=120)
    assert "cancelled" in told, err
    running.communicate(timeout=120)
    kept = _scored(store)
    assert 0 < len(kept) < 6
    assert not slow.jobs(run) or all("-driver" in name for name in slow.jobs(run))
    document = slow.run("resume", run)
    assert document["state"] == "done", document
    assert runs.read(store, run).records["predict/score"].fresh <= 24 - 4 * len(kept)
    assert len(rows(store, run)) == 24


def _scored(store: Store) -> set[str]:
    """Return the manifests of shards that were scored."""
    return {one.key for one in store.list("artifacts/predict.score/") if one.key.endswith("/manifest.json")}
