"""The independent look at a split finds planted leaks."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from common.cells import SIZE
from common.dataset import TEST, TRAIN, Entry
from jobs.dedup import frequencies, proof, thumbnails
from jobs.dedup.hashes import Hash
from tests.support import trained

RANDOM = np.random.default_rng(0)


def hashed(image: str, bits: bytes | None = None, pixels: str = "") -> Hash:
    return Hash(id=image, pixels=pixels or image, bits=(bits or RANDOM.bytes(32)).hex(), content=256, width=1, height=1, size=1)


def entry(image: str, side: str, group: str = "", *, kept: bool = True) -> Entry:
    return msgspec.structs.replace(trained.entries()[0], id=image, name=image, side=side, group=group or image, kept=kept)


SOUND = [entry(f"train-{number}", TRAIN) for number in range(50)] + [entry(f"test-{number}", TEST) for number in range(20)]
HASHES = {one.id: hashed(one.id) for one in SOUND}


def flipped(image: str, count: int) -> bytes:
    bits = bytearray(bytes.fromhex(HASHES[image].bits))
    for place in range(count):
        bits[place // 8] ^= 1 << place % 8
    return bytes(bits)


def leaks(extra: Entry, known: Hash, distance: int = 12) -> list[tuple[str, str, str]]:
    return list(proof.crossings([*SOUND, extra], {**HASHES, extra.id: known}, distance))


def test_a_sound_split_has_no_crossings() -> None:
    assert list(proof.crossings(SOUND, HASHES, 12)) == []
    assert list(proof.crossings([], {}, 12)) == []


@pytest.mark.parametrize("count", [0, 1, 12])
def test_a_near_duplicate_across_the_sides_is_found(count: int) -> None:
    assert leaks(entry("twin", TEST), hashed("twin", flipped("train-7", count))) == [("train-7", "twin", f"{count} bits apart")]


def test_one_bit_further_is_another_picture() -> None:
    assert leaks(entry("twin", TEST), hashed("twin", flipped("train-7", 13))) == []


def test_a_near_hash_whose_thumbnail_is_another_is_no_leak() -> None:
    twins = [*SOUND, entry("twin", TEST), entry("other", TEST)]
    known = {**HASHES, **{name: hashed(name, flipped("train-7", 3)) for name in ("twin", "other")}}
    rows = {name: RANDOM.integers(0, 256, SIZE).astype(np.uint8) for name in known}
    rows["twin"] = rows["train-7"]
    seen = thumbnails.Thumbnails(list(rows), thumbnails.matrix(list(rows.values())))
    assert list(proof.crossings(twins, known, 12, thumbnails=seen)) == [("train-7", "twin", "3 bits apart")]


def test_a_near_duplicate_that_is_turned_is_found_where_turned_ones_are_the_same() -> None:
    bits = np.frombuffer(flipped("train-7", 3), np.uint8)[None]
    twin = hashed("twin", frequencies.turned(bits, "upside down").tobytes())
    seen = [*SOUND, entry("twin", TEST)], {**HASHES, "twin": twin}
    assert list(proof.crossings(*seen, 12)) == []
    assert list(proof.crossings(*seen, 12, frequencies.WAYS["all"])) == [("train-7", "twin", "3 bits apart, upside down")]


def test_pictures_without_content_leak_by_their_pixels_only() -> None:
    plain = msgspec.structs.replace(hashed("twin", flipped("train-7", 0)), content=0)
    assert leaks(entry("twin", TEST), plain) == []
    assert leaks(entry("twin", TEST), msgspec.structs.replace(plain, pixels="train-7")) == [("train-7", "twin", "the same pixels")]


def test_equal_pixels_and_shared_groups_are_found() -> None:
    assert leaks(entry("copy", TEST), hashed("copy", pixels="train-3")) == [("train-3", "copy", "the same pixels")]
    assert leaks(entry("torn", TEST, group="train-9"), hashed("torn")) == [("train-9", "torn", "the same group")]


def test_what_is_not_kept_cannot_leak() -> None:
    assert leaks(entry("twin", TEST, kept=False), hashed("twin", flipped("train-7", 0))) == []
    assert leaks(entry("twin", TRAIN), hashed("twin", flipped("train-7", 0))) == []


def test_blocks_meet_at_their_borders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_BLOCK", 7)
    assert len(leaks(entry("twin", TEST), hashed("twin", flipped("train-48", 2)))) == 1
