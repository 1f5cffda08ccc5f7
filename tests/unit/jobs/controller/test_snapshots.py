"""Snapshot N of a dataset."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import Overtaken
from common.records import Ref
from common.store.memory import MemoryStore
from jobs.controller import snapshots
from tests.support import whole

MADE = Ref(step="scrape/snapshot", key="k", digest="d")


def test_the_newest_snapshot_is_found(memory: MemoryStore, folder: Path) -> None:
    run = whole.request(memory, folder)
    assert snapshots.latest(memory, "mine") is None
    for count in (1, 2, 10):
        snapshots.number(memory, run, MADE, count, "w")
    found = snapshots.latest(memory, "mine")
    assert found is not None
    assert (found.number, found.artifact, found.observation) == (10, MADE, run.observation)


def test_the_same_snapshot_made_twice_is_one(memory: MemoryStore, folder: Path) -> None:
    run = whole.request(memory, folder)
    snapshots.number(memory, run, MADE, 1, "a")
    snapshots.number(memory, run, Ref(step="scrape/snapshot", key="another", digest="d"), 1, "b")
    assert len([key for key in memory.snapshot() if key.startswith("snapshots/")]) == 1


def test_another_snapshot_under_the_same_number_says_who_was_first(memory: MemoryStore, folder: Path) -> None:
    run = whole.request(memory, folder)
    snapshots.number(memory, run, MADE, 1, "a")
    with pytest.raises(Overtaken, match=f"Run {run.run} has made snapshot 1"):
        snapshots.number(memory, run, Ref(step="scrape/snapshot", key="k", digest="other"), 1, "b")
