"""How well pictures agree when one of them is varied as people do it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from jobs.curate.agreement import Agreement, agreement
from jobs.dedup.thumbnails import thumbnail

COUNT, SIDE = 12, 320


def picture(seed: int) -> Image.Image:
    """Return soft blots of several sizes and colours."""
    random = np.random.default_rng(seed)
    layers = [
        cv2.resize(random.integers(0, 256, (n, n, 3)).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for n in (4, 7)
    ]
    return Image.fromarray(np.clip(np.mean(layers, axis=0), 0, 255).astype(np.uint8))


def cut(share: float) -> Callable[[Image.Image], Image.Image]:
    edge = round((1 - share) / 2 * SIDE)
    return lambda one: one.crop((edge, edge, SIDE - edge, SIDE - edge))


WAYS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda one: one,
    "cut a little": cut(0.9),
    "cut": cut(0.8),
    "turned a little": lambda one: one.rotate(4, Image.Resampling.BICUBIC),
    "turned the other way": lambda one: one.rotate(-10, Image.Resampling.BICUBIC),
    "mirrored": ImageOps.mirror,
    "mirrored and cut": lambda one: cut(0.9)(ImageOps.mirror(one)),
}


def compared(way: str, *, turned_round: bool = False, shift: int = 0) -> Agreement:
    """Compare each picture with a variation of itself, or of the one so many after it."""
    plain = [picture(seed) for seed in range(COUNT)]
    rows: NDArray[np.uint8] = np.stack([thumbnail(one) for one in (*plain, *(WAYS[way](one) for one in plain))])
    first, second = np.arange(COUNT), COUNT + (np.arange(COUNT) + shift) % COUNT
    return agreement(rows, second, first) if turned_round else agreement(rows, first, second)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("turned_round", [False, True])
def test_a_picture_agrees_with_its_variation_whichever_comes_first(way: str, turned_round: bool) -> None:
    ours, others = compared(way, turned_round=turned_round), compared(way, turned_round=turned_round, shift=1)
    assert ours.light.min() > 1.5 > others.light.max()
    assert ours.colour.max() < others.colour.min()


def test_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = compared("cut")
    monkeypatch.setattr("jobs.curate.agreement._AT_A_TIME", 5)
    pieces = compared("cut")
    np.testing.assert_allclose(pieces.light, whole.light, rtol=1e-5)
    np.testing.assert_allclose(pieces.colour, whole.colour, rtol=1e-5)


def test_pictures_of_one_tone_agree_in_colour_and_not_in_light() -> None:
    rows = np.stack([thumbnail(Image.new("RGB", (40, 40), tone)) for tone in ((120, 120, 120), (122, 122, 122), (200, 60, 60))])
    found = agreement(rows, np.array([0, 0]), np.array([1, 2]))
    assert np.isfinite(found.light).all()
    assert found.light.max() < 0.1
    assert found.colour[0] < 0.05 < found.colour[1]
