"""From what a source yields to shards, over attempts that are killed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

import pytest

from common import images, shards
from common.artifact import Artifact, Draft
from common.errors import BadInput, Retryable
from common.records import Recipe, read_json
from common.sandbox import Verdict, look
from common.store.memory import MemoryStore
from jobs.scrape import fetching
from jobs.scrape.fetching import OUTCOMES, Basket, Checked, check_all, shards_of
from jobs.scrape.rows import Fetched
from jobs.scrape.sources import Got, Origin
from jobs.scrape.sources.web import item_of
from tests.support.pictures import drawing, encode

RECIPE = Recipe(step="scrape/fetch", parameters={}, inputs={}, code="")
TIME = "2026-11-24T00:00:00+00:00"


def got(number: int, data: bytes | None = None, reason: str = "") -> Got:
    body = b"" if reason else encode(drawing("bars", number)) if data is None else data
    return Got(item_of("a", Origin(url=f"https://h.example/{number}.png")), body, reason, status=200, url="", fetched=TIME)


def checked(some: Iterable[Got]) -> Iterator[Checked]:
    return check_all(some, look, 2)


def fill(store: MemoryStore, some: Iterable[Got], size: int = 4, held: str = "") -> Basket:
    basket = Basket(Draft(store, RECIPE), size)
    for one in checked(some):
        basket.add(one, held)
    return basket


def commit(store: MemoryStore, some: Iterable[Got], size: int = 4, held: str = "") -> Artifact:
    draft = Draft(store, RECIPE)
    basket = Basket(draft, size)
    for one in checked(some):
        basket.add(one, held)
    draft.info["pictures"] = basket.write()
    return Artifact(store, draft.commit())


def outcomes(made: Artifact) -> dict[str, Fetched]:
    return {one.token: one for one in read_json(made.read(OUTCOMES), list[Fetched], OUTCOMES)}


def ids(made: Artifact) -> list[str]:
    return [entry.id for parts in shards_of(made) for entry in shards.read_entries(made.read(parts[shards.INDEX]))]


def test_pictures_are_packed_in_shards_and_each_token_has_an_outcome(memory: MemoryStore) -> None:
    made = commit(memory, [got(number) for number in range(10)] + [got(10, reason="HTTP 404")])
    assert sorted(ids(made)) == sorted(images.image_id(got(number).data) for number in range(10))
    assert [len(shards.read_entries(made.read(parts[shards.INDEX]))) for parts in shards_of(made)].count(4) == 2
    found = outcomes(made)
    assert len(found) == 11
    assert found[got(10).item.token].reason == "HTTP 404"
    assert made.info["pictures"] == 10


def test_what_was_kept_before_a_kill_is_fetched_by_nobody_again(memory: MemoryStore) -> None:
    fill(memory, [got(number) for number in range(6)])  # killed: a shard of four is kept, two pictures are lost
    basket = Basket(Draft(memory, RECIPE), 4)
    assert len(basket.outcomes) == 4
    missing = [one for number in range(10) if (one := got(number)).item.token not in basket.outcomes]
    made = commit(memory, missing)
    assert len(outcomes(made)) == len(set(ids(made))) == len(ids(made)) == 10


def test_equal_bytes_at_two_urls_are_packed_once(memory: MemoryStore) -> None:
    data = encode(drawing("bars", 1))
    made = commit(memory, [got(number, data) for number in range(10)])
    assert ids(made) == [images.image_id(data)]
    assert {one.id for one in outcomes(made).values()} == set(ids(made))


def test_a_picture_that_the_snapshot_holds_is_not_packed_again(memory: MemoryStore) -> None:
    made = commit(memory, [got(1)], held="its id")
    assert ids(made) == []
    assert [one.id for one in outcomes(made).values()] == ["its id"]


def test_a_picture_that_was_shrunk_is_kept_as_it_is_now_and_remembered_as_it_came(memory: MemoryStore) -> None:
    draft = Draft(memory, RECIPE)
    basket = Basket(draft, 4)
    for one in check_all([got(1)], lambda data: look(data, 16), 1):
        basket.add(one, "")
    basket.write()
    made = Artifact(memory, draft.commit())
    (outcome,) = outcomes(made).values()
    (parts,) = shards_of(made)
    (entry,) = shards.read_entries(made.read(parts[shards.INDEX]))
    assert (entry.width, entry.height, entry.extension) == (16, 16, "jpg")
    assert outcome.id == entry.id
    assert outcome.sha256 == images.image_id(got(1).data) != entry.id


def test_large_pictures_do_not_wait_for_a_whole_shard(memory: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MOST_BYTES", 2000)
    basket = fill(memory, [got(number) for number in range(3)], size=1000)
    assert len(basket.outcomes) == 3
    assert len(Draft(memory, RECIPE).kept()) >= 2


def test_few_pictures_wait_in_memory_for_those_that_check_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "AHEAD_BYTES", 300)
    taken, release = [], threading.Event()

    def source() -> Iterator[Got]:
        for number in range(100):
            taken.append(number)
            yield got(number, b"x" * 100)

    def check(data: bytes) -> Verdict:
        release.wait(10)
        raise BadInput("no picture")

    found = check_all(source(), check, 2)
    threading.Timer(0.2, release.set).start()
    next(found)
    assert len(taken) <= 4
    assert sum(1 for _ in found) == 99


def test_a_pure_refusal_leaves_no_picture_and_no_shard_of_the_snapshot(memory: MemoryStore) -> None:
    made = commit(memory, [got(1, b"not a picture")])
    assert ids(made) == []
    assert "cannot be decoded" in next(iter(outcomes(made).values())).reason


def test_what_a_collection_took_meanwhile_is_not_made_true(memory: MemoryStore) -> None:
    basket = fill(memory, [got(number) for number in range(6)])
    for found in list(memory.list("artifacts/")):
        memory.delete(found.key)
    with pytest.raises(Retryable, match="gone from the store"):
        basket.write()
    assert len(outcomes(commit(memory, [got(number) for number in range(6)]))) == 6


@pytest.mark.parametrize("other", range(2, 8))  # pieces are read in the order of their sums: before and after the other's
def test_of_two_attempts_at_once_the_one_that_has_the_picture_counts(memory: MemoryStore, other: int) -> None:
    lost, found = got(1, reason="HTTP 503"), got(1)
    baskets = [Basket(Draft(memory, RECIPE), 1) for _ in range(2)]
    for basket, ones in zip(baskets, ([lost, got(other)], [found]), strict=True):
        for one in checked(ones):
            basket.add(one, "")
    assert Basket(Draft(memory, RECIPE), 1).outcomes[found.item.token].id == images.image_id(found.data)
