"""What a picture in few cells looks like once it is varied."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from common.aligned import directions, variation
from common.cells import LIGHT, planes
from jobs.dedup.thumbnails import thumbnail

SIDE = 320
Varied = Callable[[Image.Image], Image.Image]


def picture(seed: int) -> Image.Image:
    """Return soft blots."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3)).astype(np.float32)
    return Image.fromarray(np.clip(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8))


def light(one: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    found: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = planes(thumbnail(one)[None])[:, 0].reshape(1, LIGHT**2)
    return found


@pytest.mark.parametrize(
    ("how", "share", "degrees", "mirrored"),
    [
        pytest.param(lambda one: one, 1.0, 0, False, id="as it is"),
        pytest.param(lambda one: one.crop((32, 32, SIDE - 32, SIDE - 32)), 0.8, 0, False, id="cut"),
        pytest.param(lambda one: one.rotate(7, Image.Resampling.BICUBIC), 1.0, 7, False, id="turned"),
        pytest.param(ImageOps.mirror, 1.0, 0, True, id="mirrored"),
    ],
)
def test_cells_are_those_of_the_picture_that_was_varied(how: Varied, share: float, degrees: float, mirrored: bool) -> None:
    """Of the two ways that a picture may be turned, one is right; which is the caller's to try."""
    one = picture(1)
    ways = [variation(share, way * degrees, mirrored=mirrored) for way in (1, -1)]
    assert min(float(abs(way.of(light(one)) - way.beside(light(how(one)))).max()) for way in ways) < 12
    if degrees or share < 1 or mirrored:
        assert float(abs(light(one) - light(how(one))).max()) > 40


def test_cells_that_a_turn_brings_in_from_outside_do_not_count() -> None:
    assert variation(0.9).inside.all()
    corners = variation(degrees=10).inside.reshape(LIGHT, LIGHT)[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert not corners.any()


def test_light_is_compared_by_its_direction_and_flat_pictures_have_none() -> None:
    ramp = np.arange(LIGHT**2, dtype=np.float32)[None]
    both = directions(np.concatenate([ramp, 3 * ramp + 7, np.full_like(ramp, 9)]))
    assert both[0] @ both[1] == pytest.approx(1, abs=1e-5)
    assert not both[2].any()
