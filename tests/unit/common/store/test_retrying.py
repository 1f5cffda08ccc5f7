"""Trying again, and knowing one's own writes."""

from __future__ import annotations

import pytest

from common.errors import AlreadyExists, PreconditionFailed, StoreThrottled, StoreUnavailable
from common.retry import Policy
from common.store import IfMatch
from common.store.faults import Call, FaultyStore, When
from common.store.memory import MemoryStore
from common.store.retrying import RetryingStore

POLICY = Policy(attempts=4, first_pause_s=0)


def failing(times: int, when: When, error: type[Exception] = StoreUnavailable) -> tuple[MemoryStore, FaultyStore, RetryingStore]:
    """Return a store whose first `times` writes fail before or after they take effect."""
    inner = MemoryStore()
    left = times

    def script(call: Call, moment: When) -> None:
        nonlocal left
        if call.verb == "put" and moment == when and left:
            left -= 1
            raise error("no reply")

    faulty = FaultyStore(inner, script)
    return inner, faulty, RetryingStore(faulty, POLICY)


def test_a_write_that_fails_before_its_effect_is_done_again() -> None:
    inner, faulty, store = failing(2, "before")
    store.put("k", b"x", "create")
    assert (inner.get("k").data, faulty.fired) == (b"x", 2)


def test_a_create_whose_reply_was_lost_is_a_success_once() -> None:
    inner, faulty, store = failing(1, "after")
    etag = store.put("k", b"written by me", "create")
    assert (etag, faulty.fired) == (inner.get("k").etag, 1)


def test_a_create_that_meets_another_writer_s_object_is_refused_even_after_a_lost_reply() -> None:
    inner, _, store = failing(1, "before")
    inner.put("k", b"written by another")
    with pytest.raises(AlreadyExists):
        store.put("k", b"written by me", "create")


def test_a_replacement_whose_reply_was_lost_is_a_success_once() -> None:
    inner, faulty, store = failing(1, "after")
    etag = inner.put("k", b"old")
    new = store.put("k", b"new, written by me", IfMatch(etag))
    assert (new, faulty.fired) == (inner.get("k").etag, 1)


def test_a_replacement_of_another_version_is_refused() -> None:
    inner, _, store = failing(1, "before")
    inner.put("k", b"old")
    with pytest.raises(PreconditionFailed):
        store.put("k", b"new", IfMatch("another"))


def test_a_refusal_without_a_lost_reply_is_believed_at_once() -> None:
    inner, faulty, store = failing(0, "before")
    inner.put("k", b"x")
    with pytest.raises(AlreadyExists):
        store.put("k", b"x", "create")
    assert [call.verb for call in faulty.calls] == ["put"]


def test_a_store_that_never_answers_ends_with_its_own_words() -> None:
    _, faulty, store = failing(99, "before", StoreThrottled)
    with pytest.raises(StoreThrottled, match="no reply"):
        store.put("k", b"x")
    assert faulty.fired == POLICY.attempts


@pytest.mark.parametrize("verb", ["get", "head", "list", "get_range", "delete"])
def test_reading_verbs_try_again_too(verb: str) -> None:
    inner = MemoryStore()
    inner.put("k", b"x")
    failed: list[Call] = []

    def script(call: Call, moment: When) -> None:
        if call.verb == verb and not failed:
            failed.append(call)
            raise StoreUnavailable("no reply")

    store = RetryingStore(FaultyStore(inner, script), POLICY)
    arguments = {"get_range": ("k", 0, 1)}.get(verb, ("k",))
    result = getattr(store, verb)(*arguments)
    assert list(result) if verb == "list" else True
    assert failed
