"""Measures of pictures."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from common import images
from jobs.dedup.hashes import look_at
from jobs.dedup.quality import Measure, measure
from tests.support.pictures import cloud, encode


def measured(pixels: NDArray[np.uint8], kind: str = "JPEG") -> Measure:
    return measure("a", look_at(encode(pixels, kind)))


def text() -> NDArray[np.uint8]:
    page = Image.new("RGB", (640, 480), "white")
    draw = ImageDraw.Draw(page)
    for line in range(14):
        draw.text((40, 20 + 32 * line), "polka dots are a pattern", fill="black", font=ImageFont.load_default(24))
    return np.asarray(page, np.uint8)


def test_brightness_is_of_single_pixels() -> None:
    """A starry night is dark but for a few pixels, and those few are counted."""
    night = np.zeros((480, 640, 3), np.uint8)
    assert measured(night).brightest == 0
    night[::5, ::5] = 255
    assert measured(night, "PNG").brightest == pytest.approx(1)
    assert measured(255 - night, "PNG").darkest == pytest.approx(0, abs=1.0)
    assert measured(np.full((480, 640, 3), 255, np.uint8)).darkest == pytest.approx(1)


def test_sharpness_falls_with_blur() -> None:
    picture = Image.fromarray(cloud(1, 640, 480))
    found = [measured(np.asarray(picture.filter(ImageFilter.GaussianBlur(radius)), np.uint8)).sharpness for radius in (0, 2, 8)]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1] + 0.04


def test_information_is_the_entropy_of_levels() -> None:
    halves = np.zeros((64, 64, 3), np.uint8)
    halves[:, 32:] = 255
    assert measured(halves, "PNG").information == pytest.approx(np.log2(6))  # two levels in each of three channels
    assert measured(cloud(1)).information > 6


def test_colour_is_how_far_channels_lie_apart() -> None:
    grey = np.repeat(cloud(1)[..., :1], 3, axis=2)
    assert measured(grey).colour <= 2
    assert measured(cloud(1)).colour > 50
    buffer = io.BytesIO()
    Image.fromarray(grey[..., 0]).save(buffer, "JPEG")
    assert measure("a", look_at(buffer.getvalue())).colour == 0


def test_text_is_drawn_and_photographs_and_plain_cloth_are_not() -> None:
    plain = np.full((480, 640, 3), 200, np.uint8)
    assert measured(text()).drawn > 0.75
    assert measured(cloud(1, 640, 480)).drawn < 0.5
    assert measured(plain).drawn == 0


def test_the_size_is_the_picture_s_and_not_the_decoder_s() -> None:
    found = measured(cloud(1, 1200, 900))
    assert (found.width, found.height) == (1200, 900)


@pytest.mark.parametrize(("width", "height"), [(8, 8), (8, 3000), (3000, 8)])
def test_the_smallest_and_the_longest_pictures_are_measured(width: int, height: int) -> None:
    assert images.Limits().min_side == 8
    found = measured(cloud(1, width, height))
    assert 0 <= found.drawn <= 1
    assert found.information > 0
