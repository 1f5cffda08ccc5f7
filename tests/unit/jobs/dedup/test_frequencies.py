"""The default hash: signs of low frequencies, and what they say of pictures that are turned."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

from jobs.dedup import frequencies
from tests.support.pictures import cloud

TURNS: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    "upright": lambda one: one,
    "mirrored": lambda one: one[:, ::-1],
    "upside down": lambda one: one[::-1, ::-1],
    "mirrored and upside down": lambda one: one[::-1],
    "turned by 90": np.rot90,
    "turned by 270": lambda one: np.rot90(one, 3),
    "mirrored and turned by 90": lambda one: np.rot90(one[:, ::-1]),
    "mirrored and turned by 270": lambda one: np.rot90(one[:, ::-1], 3),
}


def found(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    return frequencies.of(Image.fromarray(np.ascontiguousarray(pixels)))


def test_frequencies_are_scipy_s() -> None:
    pixels = np.repeat(cloud(1, 64, 64)[..., :1], 3, axis=2)
    theirs = fft.dctn(pixels[..., 0].astype(np.float64), type=2)[1:17, 1:17] / 64**2
    assert np.allclose(found(pixels), theirs)


def test_a_wave_has_its_amplitude_in_grey_levels() -> None:
    points = (np.arange(128) + 0.5) / 128
    wave = 128 + 40 * np.outer(np.cos(np.pi * 3 * points), np.cos(np.pi * 5 * points))
    amplitudes = found(np.repeat(wave[..., None], 3, axis=2).round().astype(np.uint8))
    assert amplitudes[2, 4] == pytest.approx(40, abs=0.5)
    assert frequencies.content(amplitudes) == 1


@pytest.mark.parametrize("way", TURNS)
def test_the_hash_of_a_turned_picture_follows_from_its_own(way: str) -> None:
    pixels = cloud(3, 256, 256)
    plain = np.frombuffer(frequencies.signs(found(pixels)), np.uint8)[None]
    turned = np.frombuffer(frequencies.signs(found(TURNS[way](pixels))), np.uint8)[None]
    assert np.bitwise_count(frequencies.turned(plain, way) ^ turned).sum() <= 2
    assert (way == "upright") == bool((plain == turned).all())


def test_every_way_has_its_reverse_among_those_allowed_with_it() -> None:
    hashes = np.random.default_rng(0).integers(0, 256, (5, 32), dtype=np.uint8)
    for ways in frequencies.WAYS.values():
        for way in ways:
            back = [other for other in ways if (frequencies.turned(frequencies.turned(hashes, way), other) == hashes).all()]
            assert len(back) == 1, way
    assert set(frequencies.WAYS["all"]) == set(TURNS)


def light(height: int = 480, width: int = 640) -> NDArray[np.float64]:
    return 120 + 60 * np.linspace(0, 1, width)[None, :] + 30 * np.linspace(0, 1, height)[:, None]


PLAIN = {
    "one tone": np.full((480, 640), 120.0),
    "uneven light": light(),
    "grain": 120 + np.random.default_rng(1).normal(0, 20, (480, 640)),
    "a weave": light() + 20 * (np.indices((480, 640)).sum(axis=0) % 2),
    "two tones": np.where(np.arange(640)[None, :] < 320, 60.0, 200.0) * np.ones((480, 1)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_pictures_have_no_content(name: str) -> None:
    grey = np.clip(PLAIN[name], 0, 255).astype(np.uint8)
    assert frequencies.content(found(np.repeat(grey[..., None], 3, axis=2))) == 0


def test_pictures_of_something_have_content() -> None:
    assert min(frequencies.content(found(cloud(seed))) for seed in range(8)) > 200
