"""What is kept of a picture to tell whether another is the same."""

from __future__ import annotations

import imagehash
import numpy as np
import pytest
from PIL import Image

from common import images
from common.errors import BadInput
from jobs.dedup import frequencies, hashes
from jobs.dedup.hashes import DCT, DHASH, LOOKED_AT, Hash, hash_picture, look_at, matrix
from tests.support.pictures import cloud, drawing, encode


def hashed(data: bytes, kind: str = DCT) -> Hash:
    return hash_picture("a", data, look_at(data, kind), kind)


def apart(one: Hash, other: Hash) -> int:
    return (int(one.bits, 16) ^ int(other.bits, 16)).bit_count()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_dhash_is_imagehash_s_own_bit_for_bit(seed: int, kind: str) -> None:
    data = encode(cloud(seed, 500, 400), kind)
    assert hashed(data, DHASH).bits == str(imagehash.dhash(Image.fromarray(images.decode(data)), hash_size=16))


@pytest.mark.parametrize("kind", [DCT, DHASH])
@pytest.mark.parametrize(("side", "quality"), [(600, 30), (600, 95), (300, 90), (200, 75), (900, 80)])
def test_a_picture_encoded_anew_and_resized_is_near(kind: str, side: int, quality: int) -> None:
    pixels = cloud(1, 600, 600)
    again = encode(images.resize(pixels, side, side), "JPEG", quality=quality)
    assert apart(hashed(encode(pixels), kind), hashed(again, kind)) <= 12


def test_other_pictures_are_far() -> None:
    rows = [hashed(encode(cloud(seed))) for seed in range(12)]
    assert min(apart(one, other) for number, one in enumerate(rows) for other in rows[:number]) > 80


def test_a_hash_knows_the_picture_s_size_in_full_and_its_file_s() -> None:
    data = encode(cloud(1, 1200, 900), "JPEG")
    found = hashed(data)
    assert (found.width, found.height, found.size) == (1200, 900, len(data))
    assert min(look_at(data).image.size) < 900 // 2


def test_equal_pixels_have_equal_sums_whatever_the_file() -> None:
    pixels = cloud(5)
    png, bmp, other = (hashed(encode(one, kind)) for one, kind in ((pixels, "PNG"), (pixels, "BMP"), (cloud(6), "PNG")))
    assert png.pixels == bmp.pixels != other.pixels


def test_a_jpeg_whose_words_alone_were_changed_has_the_same_pixels() -> None:
    plain = encode(cloud(2, 640, 480), "JPEG")
    worded = plain[:2] + b"\xff\xfe\x00\x06word" + plain[2:]
    assert hashed(plain).pixels == hashed(worded).pixels


def test_pictures_without_content_are_compared_in_full() -> None:
    """Two plain cloths differ in what a smaller decoding would not show."""
    plain = np.full((1024, 1024, 3), 128, np.uint8)
    woven = plain.copy()
    woven[::2] += 40
    woven[1::2] -= 40
    found = [hashed(encode(one, "JPEG", quality=95)) for one in (plain, woven)]
    assert all(one.plain for one in found)
    assert found[0].pixels != found[1].pixels
    assert hashed(encode(images.decode(encode(woven, "JPEG", quality=95)), "PNG")).pixels == found[1].pixels


def test_the_shape_is_part_of_the_pixels() -> None:
    flat = np.zeros((16, 64, 3), np.uint8)
    assert hashed(encode(flat)).pixels != hashed(encode(flat.reshape(64, 16, 3))).pixels


def test_a_matrix_has_the_bits_of_hashes_in_their_order() -> None:
    rows = [hashed(encode(cloud(seed))) for seed in range(3)]
    assert [row.tobytes().hex() for row in matrix(rows)] == [one.bits for one in rows]
    assert matrix([]).shape == (0, 32)


def test_what_cannot_be_decoded_is_refused() -> None:
    with pytest.raises(BadInput):
        look_at(b"no picture")


def test_a_small_picture_is_looked_at_in_full() -> None:
    assert look_at(encode(drawing("noise", 1, side=16), "JPEG")).image.size == (16, 16)
    assert LOOKED_AT >= 2 * frequencies.SIDE
    assert hashes.BITS == frequencies.KEPT**2
