"""Which hashes lie close: as a slow search finds them."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from jobs.dedup import frequencies, search
from jobs.dedup.hashes import LEAST_CONTENT, Hash, hash_picture, look_at
from jobs.dedup.search import pairs
from jobs.dedup.thumbnails import Thumbnails, matrix, thumbnail
from tests.support.pictures import cloud, encode


def a_hash(name: str, bits: bytes, content: int = 256, pixels: str = "") -> Hash:
    return Hash(id=name, pixels=pixels or name, bits=bits.hex(), content=content, width=1, height=1, size=1)


def random_hashes(count: int, seed: int) -> list[Hash]:
    random = np.random.default_rng(seed)
    rows: list[Hash] = []
    for number in range(count):
        bits = random.bytes(32)
        if number % 7 == 3:  # a near copy of the one before: up to forty bits flipped
            copy = bytearray(bytes.fromhex(rows[-1].bits))
            for place in random.choice(256, random.integers(0, 41), replace=False):
                copy[place // 8] ^= 1 << int(place) % 8
            bits = bytes(copy)
        rows.append(a_hash(str(number), bits))
    return rows


def slow(rows: list[Hash], distance: int) -> list[tuple[int, int, str, int]]:
    found = []
    for i, one in enumerate(rows):
        for j in range(i + 1, len(rows)):
            apart = (int(one.bits, 16) ^ int(rows[j].bits, 16)).bit_count()
            if apart <= distance:
                found.append((i, j, "upright", apart))
    return found


@pytest.mark.parametrize("distance", [0, 3, 31, 100, 128])
def test_pairs_are_those_of_a_slow_search(distance: int) -> None:
    rows = random_hashes(120, seed=1)
    assert list(pairs(rows, distance)) == slow(rows, distance)


@pytest.mark.parametrize("distance", [0, 12, 31])
def test_the_multi_index_misses_nothing(distance: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_hashes(3000, seed=3)
    flat = list(pairs(rows, distance))
    monkeypatch.setattr(search, "FLAT_UP_TO", 1000)
    assert type(search._index(256, len(rows), distance)) is faiss.IndexBinaryMultiHash
    assert list(pairs(rows, distance)) == flat
    assert max(apart for *_, apart in flat) <= distance
    assert len(flat) > (100 if distance else 3)


def test_beyond_the_reach_of_the_multi_index_the_search_is_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_hashes(60, seed=4)
    monkeypatch.setattr(search, "FLAT_UP_TO", 10)
    assert list(pairs(rows, 40)) == slow(rows, 40)


def test_the_more_pictures_the_nearer_is_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "VARIED_UP_TO", 10)
    monkeypatch.setattr(search, "FLAT_UP_TO", 20)
    cases = ((10, 100), (11, 100), (20, 100), (21, 100), (11, 12), (21, 12))
    assert [search.reach(count, distance) for count, distance in cases] == [100, 90, 90, 31, 12, 12]


def test_near_hashes_of_unlike_thumbnails_are_other_pictures() -> None:
    shown = [cloud(7), cloud(7) // 2 + 20, cloud(8)]
    rows = [a_hash(str(number), bytes(32), pixels="xyx"[number]) for number in range(3)]
    seen = Thumbnails([one.id for one in rows], matrix([thumbnail(look_at(encode(one)).image) for one in shown]))
    assert [(i, j, how) for i, j, how, _ in pairs(rows, 90, thumbnails=seen)] == [(0, 1, "upright"), (0, 2, "pixels")]


def test_blocks_meet_at_their_borders(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_hashes(50, seed=2)
    whole = list(pairs(rows, 31))
    monkeypatch.setattr(search, "_BLOCK", 7)
    assert list(pairs(rows, 31)) == whole
    assert whole


def test_no_pictures_have_no_pairs() -> None:
    assert list(pairs([], 12)) == []
    assert list(pairs([a_hash("a", bytes(32), content=0)], 12)) == []


def test_pictures_without_content_are_the_same_by_pixels_only() -> None:
    plain = [a_hash(str(number), bytes(32), LEAST_CONTENT - 1, pixels="xyx"[number]) for number in range(3)]
    assert list(pairs([*plain, a_hash("seen", bytes(32), LEAST_CONTENT)], 31)) == [(0, 2, "pixels", 0)]


def test_equal_pixels_are_said_once_and_reach_each_other() -> None:
    rows = [a_hash(str(number), bytes(32), pixels="same") for number in range(3)]
    assert list(pairs(rows, 31)) == [(0, 1, "pixels", 0), (0, 2, "pixels", 0), (1, 2, "pixels", 0)]


@pytest.mark.parametrize(("setting", "expected"), [("upright", []), ("mirrored", ["mirrored"]), ("all", ["mirrored", "turned by 270"])])
def test_turned_pictures_are_the_same_where_that_is_asked_for(setting: str, expected: list[str]) -> None:
    picture = cloud(7, 300, 300)
    shown = [picture, np.ascontiguousarray(picture[:, ::-1]), np.ascontiguousarray(np.rot90(picture))]
    rows = [hash_picture(str(number), data, look_at(data)) for number, data in enumerate(map(encode, shown))]
    found = [how for i, _, how, _ in pairs(rows, 31, frequencies.WAYS[setting]) if i == 0]
    assert found == expected


def test_a_turned_pair_is_found_in_either_order() -> None:
    picture = cloud(8, 300, 300)
    for turns in (1, 2, 3):
        shown = [picture, np.ascontiguousarray(np.rot90(picture, turns))]
        for order in (shown, shown[::-1]):
            rows = [hash_picture(str(number), data, look_at(data)) for number, data in enumerate(map(encode, order))]
            assert len(list(pairs(rows, 31, frequencies.WAYS["all"]))) == 1
