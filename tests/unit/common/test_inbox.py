"""The inbox keeps what tells most, each picture once, and never more than it may."""

from __future__ import annotations

from common import inbox
from common.images import image_id
from common.inbox import Entry, Inbox
from common.store.memory import MemoryStore


def entry(data: bytes, best: float, version: str = "v1") -> Entry:
    return Entry(
        dataset="mine",
        image=image_id(data),
        version=version,
        probabilities={"a": best, "b": 1 - best},
        format="PNG",
        at="2026-01-01T00:00:00+00:00",
    )


def test_pictures_come_back_most_telling_first_with_what_was_thought_of_them() -> None:
    store = MemoryStore()
    kept = Inbox(store, "mine", 10)
    for data, best in ((b"sure", 0.9), (b"torn", 0.51), (b"doubt", 0.6)):
        assert kept.keep(data, entry(data, best))
    found = list(inbox.read(store, "mine"))
    assert [inbox.picture(store, "mine", one.image) for one in found] == [b"torn", b"doubt", b"sure"]
    assert found[0] == entry(b"torn", 0.51)


def test_a_picture_is_kept_once_whatever_later_models_think_of_it() -> None:
    store = MemoryStore()
    kept = Inbox(store, "mine", 10)
    assert kept.keep(b"one", entry(b"one", 0.6))
    assert not kept.keep(b"one", entry(b"one", 0.5, "v2"))
    assert [one.version for one in inbox.read(store, "mine")] == ["v1"]


def test_a_full_inbox_lets_in_what_tells_more_and_drops_what_tells_least() -> None:
    store = MemoryStore()
    kept = Inbox(store, "mine", 2)
    kept.keep(b"1", entry(b"1", 0.6))
    kept.keep(b"2", entry(b"2", 0.7))
    assert not kept.keep(b"3", entry(b"3", 0.8))
    assert kept.keep(b"4", entry(b"4", 0.5))
    assert [inbox.picture(store, "mine", one.image) for one in inbox.read(store, "mine")] == [b"4", b"1"]
    assert len(store.snapshot()) == 4


def test_what_is_dealt_with_is_removed_whole_and_damage_is_passed_over() -> None:
    store = MemoryStore()
    kept = Inbox(store, "mine", 5)
    kept.keep(b"1", entry(b"1", 0.6))
    kept.keep(b"2", entry(b"2", 0.7))
    inbox.remove(store, "mine", image_id(b"1"))
    assert [one.image for one in inbox.read(store, "mine")] == [image_id(b"2")]
    assert len(store.snapshot()) == 2
    store.put(inbox.entry_place(entry(b"2", 0.7)), b"{}")
    assert list(inbox.read(store, "mine")) == []
