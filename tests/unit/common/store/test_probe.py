"""The probe finds a store that lets two writers win."""

from __future__ import annotations

import pytest

from common.errors import UnsafeStore
from common.store import PutMode
from common.store.memory import MemoryStore
from common.store.probe import REMEMBERED, probe, probe_once


class IgnoresConditions(MemoryStore):
    """Accepts every write, as several S3 servers were found to do under load."""

    def put(self, key: str, data: bytes, mode: PutMode = "overwrite") -> str:
        return super().put(key, data, "overwrite")


class KeepsTheLoser(MemoryStore):
    """Tells one writer that it won, and keeps other bytes."""

    def put(self, key: str, data: bytes, mode: PutMode = "overwrite") -> str:
        return super().put(key, b"another's " + data, mode)


def test_a_store_that_lets_all_win_is_refused_by_name() -> None:
    with pytest.raises(UnsafeStore, match=r"memory:// let \d+ of 8 writers create"):
        probe(IgnoresConditions(), writers=8)


def test_a_store_that_keeps_the_loser_s_bytes_is_refused() -> None:
    with pytest.raises(UnsafeStore, match="kept the bytes of another"):
        probe(KeepsTheLoser(), writers=4)


def test_a_refused_store_is_not_remembered_as_good() -> None:
    store = IgnoresConditions()
    with pytest.raises(UnsafeStore):
        probe_once(store)
    assert REMEMBERED not in store.snapshot()


def test_the_probe_leaves_no_objects() -> None:
    store = MemoryStore()
    probe(store)
    assert store.snapshot() == {}
