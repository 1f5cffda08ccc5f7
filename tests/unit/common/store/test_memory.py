"""What only the memory store has: going back to an earlier moment."""

from __future__ import annotations

from common.store import IfMatch
from common.store.memory import MemoryStore


def test_a_store_made_of_a_snapshot_is_the_store_at_that_moment() -> None:
    store = MemoryStore()
    etag = store.put("a", b"1")
    moment = store.snapshot()
    store.put("a", b"2")
    store.put("b", b"3")
    back = MemoryStore(moment)
    assert {found.key for found in back.list("")} == {"a"}
    assert back.put("a", b"4", IfMatch(etag))
    assert store.get("a").data == b"2"


def test_etags_stay_unique_after_going_back() -> None:
    store = MemoryStore()
    for index in range(5):
        store.put("a", str(index).encode())
    back = MemoryStore(store.snapshot())
    assert back.put("b", b"x") not in {"v1", "v2", "v3", "v4", "v5"}
