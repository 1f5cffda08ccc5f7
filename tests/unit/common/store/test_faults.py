"""The fault script sees every call before and after its effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.store.faults import Call, FaultyStore, Killed, When, raise_at
from common.store.memory import MemoryStore


def test_a_kill_before_the_effect_leaves_the_store_as_it_was() -> None:
    store = FaultyStore(inner := MemoryStore(), raise_at(2, "before"))
    store.put("a", b"1")
    with pytest.raises(Killed):
        store.put("b", b"2")
    assert (list(inner.snapshot()), store.fired) == (["a"], 1)


def test_a_kill_after_the_effect_is_a_lost_reply() -> None:
    store = FaultyStore(inner := MemoryStore(), raise_at(1, "after"))
    with pytest.raises(Killed):
        store.put("a", b"1")
    assert list(inner.snapshot()) == ["a"]


def test_every_verb_is_shown(tmp_path: Path) -> None:
    seen: list[tuple[str, When]] = []

    def script(call: Call, when: When) -> None:
        seen.append((call.verb, when))

    store = FaultyStore(MemoryStore(), script)
    (tmp_path / "f").write_bytes(b"x")
    store.upload("a", tmp_path / "f")
    store.put("b", b"1")
    store.get("a")
    store.head("a")
    store.get_range("a", 0, 1)
    store.download("a", tmp_path / "g")
    list(store.list(""))
    store.delete("a")
    verbs = ["upload", "put", "get", "head", "get_range", "download", "list", "delete"]
    assert seen == [(verb, when) for verb in verbs for when in ("before", "after")]
    assert [call.number for call in store.calls] == list(range(1, 9))
    assert [call.verb for call in store.calls if call.writes] == ["upload", "put", "delete"]
