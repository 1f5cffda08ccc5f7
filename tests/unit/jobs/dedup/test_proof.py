"""The independent look at a split finds planted leaks."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from common.dataset import TEST, TRAIN, Entry
from jobs.dedup import proof
from jobs.dedup.hashes import Hash
from tests.support import trained

RANDOM = np.random.default_rng(0)


def hashed(image: str, bits: bytes | None = None, pixels: str = "") -> Hash:
    return Hash(id=image, pixels=pixels or image, dhash=(bits or RANDOM.bytes(32)).hex(), width=1, height=1, size=1)


def entry(image: str, side: str, group: str = "", *, kept: bool = True) -> Entry:
    return msgspec.structs.replace(trained.entries()[0], id=image, name=image, side=side, group=group or image, kept=kept)


SOUND = [entry(f"train-{number}", TRAIN) for number in range(50)] + [entry(f"test-{number}", TEST) for number in range(20)]
HASHES = {one.id: hashed(one.id) for one in SOUND}


def flipped(image: str, count: int) -> bytes:
    bits = bytearray(bytes.fromhex(HASHES[image].dhash))
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


def test_equal_pixels_and_shared_groups_are_found() -> None:
    assert leaks(entry("copy", TEST), hashed("copy", pixels="train-3")) == [("train-3", "copy", "the same pixels")]
    assert leaks(entry("torn", TEST, group="train-9"), hashed("torn")) == [("train-9", "torn", "the same group")]


def test_what_is_not_kept_cannot_leak() -> None:
    assert leaks(entry("twin", TEST, kept=False), hashed("twin", flipped("train-7", 0))) == []
    assert leaks(entry("twin", TRAIN), hashed("twin", flipped("train-7", 0))) == []


def test_blocks_meet_at_their_borders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_BLOCK", 7)
    assert len(leaks(entry("twin", TEST), hashed("twin", flipped("train-48", 2)))) == 1
