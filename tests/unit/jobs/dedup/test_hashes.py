"""Which pictures are the same."""

from __future__ import annotations

import imagehash
import numpy as np
import pytest
from PIL import Image

from common import images
from jobs.dedup.hashes import Hash, hash_picture, pairs
from tests.support.pictures import drawing, encode


def hashed(name: str, pixels: images.Pixels) -> Hash:
    return hash_picture(name, pixels, 100)


def random_hashes(count: int, seed: int) -> list[Hash]:
    random = np.random.default_rng(seed)
    rows: list[Hash] = []
    for number in range(count):
        bits = random.bytes(32)
        if number % 7 == 3:  # a near copy of the one before: three bits flipped
            copy = bytearray(bytes.fromhex(rows[-1].dhash))
            for place in random.choice(256, 3, replace=False):
                copy[place // 8] ^= 1 << int(place) % 8
            bits = bytes(copy)
        rows.append(Hash(id=str(number), pixels=str(number), dhash=bits.hex(), width=1, height=1, size=1))
    return rows


def test_the_hash_is_imagehash_s_own_bit_for_bit() -> None:
    pixels = drawing("spots", 3, side=90)
    assert hashed("a", pixels).dhash == str(imagehash.dhash(Image.fromarray(pixels), hash_size=16))


def test_a_picture_encoded_anew_and_resized_is_the_same() -> None:
    pixels = images.resize(drawing("noise", 1, side=16), 200, 200)
    again = images.decode(encode(images.resize(pixels, 150, 150), "JPEG", quality=70))
    assert list(pairs([hashed("a", pixels), hashed("b", again)], 12)) == [(0, 1)]


def test_other_pictures_are_not() -> None:
    rows = [hashed(str(seed), drawing("noise", seed, side=64)) for seed in range(20)]
    assert list(pairs(rows, 12)) == []


def test_equal_pixels_are_the_same_at_distance_nought_whatever_the_file() -> None:
    pixels = drawing("bars", 5)
    png, bmp = images.decode(encode(pixels, "PNG")), images.decode(encode(pixels, "BMP"))
    assert list(pairs([hashed("a", png), hashed("b", drawing("noise", 1)), hashed("c", bmp)], 0)) == [(0, 2)]


def test_the_shape_is_part_of_the_pixels() -> None:
    flat = np.zeros((16, 64, 3), np.uint8)
    assert hashed("a", flat).pixels != hashed("b", flat.reshape(64, 16, 3)).pixels


@pytest.mark.parametrize("distance", [0, 3, 100, 128])
def test_pairs_are_those_of_a_slow_search(distance: int) -> None:
    rows = random_hashes(120, seed=1)
    slow = [
        (i, j)
        for i in range(len(rows))
        for j in range(i + 1, len(rows))
        if (int(rows[i].dhash, 16) ^ int(rows[j].dhash, 16)).bit_count() <= distance
    ]
    assert sorted(pairs(rows, distance)) == slow


def test_blocks_meet_at_their_borders(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_hashes(50, seed=2)
    whole = sorted(pairs(rows, 3))
    monkeypatch.setattr("jobs.dedup.hashes._BLOCK", 7)
    assert sorted(pairs(rows, 3)) == whole
    assert whole


def test_no_pictures_have_no_pairs() -> None:
    assert list(pairs([], 12)) == []
