"""The report's pictures."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from common.artifact import Artifact
from common.dataset import TRAIN, Entry
from common.store.memory import MemoryStore
from jobs.evaluate.gallery import Gallery
from tests.support import trained
from tests.support.scraped import snapshot_of

VECTORS = {
    "near": np.array([1.0, 0.1], np.float32),
    "same": np.array([1.0, 0.0], np.float32),
    "far": np.array([-1.0, 0.3], np.float32),
    "test": np.array([1.0, 0.05], np.float32),
}


@pytest.fixture
def snapshot(memory: MemoryStore, folder: Path) -> Artifact:
    return snapshot_of(memory, folder)


def entry(name: str, group: str, side: str = TRAIN) -> Entry:
    return msgspec.structs.replace(trained.entries()[0], id=name, name=name, group=group, side=side)


KEPT = [entry("near", "g1"), entry("same", "g0"), entry("far", "g2"), entry("test", "g3", "test")]


def test_neighbours_are_training_pictures_of_other_groups_the_nearest_first(snapshot: Artifact) -> None:
    gallery = Gallery(snapshot, KEPT, VECTORS, across_sides=False)
    (found,) = gallery.neighbours([entry("same", "g0")])
    assert [one.id for one in found] == ["near", "far"]


def test_where_every_group_has_its_turn_neighbours_come_from_both_sides(snapshot: Artifact) -> None:
    gallery = Gallery(snapshot, KEPT, VECTORS, across_sides=True)
    (found,) = gallery.neighbours([entry("same", "g0")])
    assert [one.id for one in found] == ["test", "near", "far"]


def test_without_training_pictures_there_are_no_neighbours(snapshot: Artifact) -> None:
    assert Gallery(snapshot, [], VECTORS, across_sides=False).neighbours([entry("near", "g1")]) == [[]]
