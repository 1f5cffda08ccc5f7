"""Pictures that pods read: out of a folder here, which they cannot see, and out of object storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from common import artifact, uploads
from common.dataset import Row, rows_of
from common.store import Store, open_store
from jobs.controller import runs
from tests.cluster.cluster import Cluster
from tests.cluster.installed import Installed, digests
from tests.support.command import sets
from tests.support.pictures import make_folder

SMALL = ("scrape.shardPictures=6", "refine.backbone=gabor-layout", "train.cValues=[0.1,1]")


def rows(store: Store, document: dict[str, Any]) -> list[Row]:
    ref = runs.read(store, document["run"]).records["scrape/snapshot"].ref
    assert ref is not None
    return rows_of(artifact.read_ref(store, ref))


def fetched(store: Store, document: dict[str, Any]) -> int:
    return runs.read(store, document["run"]).records["scrape/fetch"].items


@pytest.mark.full
def test_pods_read_a_folder_and_object_storage_and_fetch_only_what_is_new(
    installed: Installed, ours: Cluster, store: Store, tmp_path: Path
) -> None:
    def submit(dataset: str, source: str) -> dict[str, Any]:
        document: dict[str, Any] = installed.run("submit", dataset, "--source", source, "--on", "kubernetes", *sets(SMALL))
        assert document["state"] == "done", document
        return document

    folder = make_folder(tmp_path / "pictures", {"bars": 12, "rows": 12})
    sent = submit("sent", str(folder))
    assert sum(1 for _ in store.list(uploads.FOLDER)) == 24
    assert digests(sent) == digests(installed.run_here(tmp_path / "local", "submit", "sent", "--source", str(folder), *sets(SMALL)))

    source = open_store(f"{store.url}-pictures", ours.environment["DARKROOM_S3_ENDPOINT"])
    for path in folder.rglob("*.png"):
        source.put(path.relative_to(folder).as_posix(), path.read_bytes())
    first = submit("lying", source.url)
    assert (len(rows(store, first)), fetched(store, first)) == (24, 24)
    assert digests(first)["train"] == digests(sent)["train"]

    for path in make_folder(tmp_path / "more", {"bars": 2, "rows": 2}, start=50).rglob("*.png"):
        source.put(path.relative_to(tmp_path / "more").as_posix(), path.read_bytes())
    second = submit("lying", source.url)
    assert (len(rows(store, second)), fetched(store, second)) == (28, 4)
    assert digests(second)["train"] != digests(first)["train"]
    assert sum(1 for _ in store.list(uploads.FOLDER)) == 24
