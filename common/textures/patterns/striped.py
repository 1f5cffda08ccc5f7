"""Stripes: two or many colours, pinstripe, breton, ticking, soft, irregular, wavy."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from common.textures.fields import Plane, smooth_noise
from common.textures.patterns.bands import distinct, paint, run_of_bands
from common.textures.patterns.colours import palette
from common.textures.patterns.flat import Canvas, Flat

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    from common.textures.settings import PatternSettings

Bands: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Widths (N,) in motifs and colours (N, 3) of one period."""


def striped(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Draw stripes across the cloth."""
    pitch = canvas.pitch_px(rng, settings)
    widths, colours = _draw_kind(rng)(rng, palette(rng, 5, settings))
    place = _place(rng, canvas, settings, pitch)
    length = 2.2 * max(canvas.shape)
    table = run_of_bands(widths * np.float32(pitch), colours, length, _softness_px(rng, pitch))
    table = np.roll(table, int(rng.integers(len(table))), axis=0)
    face = paint(table, place)
    return Flat(np.broadcast_to(face, (*canvas.shape, 3)).copy(), pitch)


def _draw_kind(rng: Generator) -> Callable[[Generator, NDArray[np.float32]], Bands]:
    kinds = (_two_colours, _many_colours, _pinstripe, _breton, _ticking, _irregular)
    return kinds[int(rng.choice(len(kinds), p=[0.34, 0.24, 0.1, 0.1, 0.08, 0.14]))]


def _two_colours(rng: Generator, colours: NDArray[np.float32]) -> Bands:
    share = rng.uniform(0.3, 0.7)
    return np.array([1 - share, share], dtype=np.float32), colours[:2]


def _many_colours(rng: Generator, colours: NDArray[np.float32]) -> Bands:
    count = int(rng.integers(3, 9))
    widths = rng.uniform(0.2, 1.0, count).astype(np.float32)
    if rng.random() < 0.3:
        widths[:] = 0.5
    return widths, distinct(rng, count, colours[: int(rng.integers(3, 6))])


def _pinstripe(rng: Generator, colours: NDArray[np.float32]) -> Bands:
    share = rng.uniform(0.06, 0.18)
    return np.array([1 - share, share], dtype=np.float32), colours[:2]


def _breton(rng: Generator, colours: NDArray[np.float32]) -> Bands:
    share = rng.uniform(0.2, 0.38)
    white = np.maximum(colours[0], np.float32(0.8)) if rng.random() < 0.7 else colours[0]
    return np.array([1 - share, share], dtype=np.float32), np.stack([white, colours[1]])


def _ticking(rng: Generator, colours: NDArray[np.float32]) -> Bands:
    """Draw groups of thin lines beside a wider one."""
    lines = int(rng.integers(2, 5))
    thin = np.tile([rng.uniform(0.05, 0.12), rng.uniform(0.05, 0.12)], lines)
    widths = np.concatenate([[rng.uniform(0.4, 0.9)], thin[:-1]])
    colour = np.arange(len(widths)) % 2
    return widths.astype(np.float32), colours[colour]


def _irregular(rng: Generator, colours: NDArray[np.float32]) -> Bands:
    """Draw a barcode: so many widths that the period is not seen."""
    count = 2 * int(rng.integers(8, 30))
    widths = np.exp(rng.normal(-0.8, 0.65, count)).astype(np.float32)
    return widths, distinct(rng, count, colours[: int(rng.integers(2, 5))])


def _place(rng: Generator, canvas: Canvas, settings: PatternSettings, pitch: float) -> Plane:
    """Give the coordinate across the stripes, in pixels: straight, in a regular wave, or shaky."""
    y, x = canvas.axes(rng, settings)
    across, along = (y, x) if rng.random() < 0.5 else (x, y)
    irregular = settings.irregularity.mostly_low(rng)
    kind = rng.random()
    if kind < 0.07:
        length = pitch * rng.uniform(2.5, 9)
        height = np.float32(length * rng.uniform(0.04, 0.12))
        across = across + np.sin(along * np.float32(2 * np.pi / length)) * height
    elif kind < 0.25 and irregular > 0.1:
        noise = smooth_noise(rng, canvas.shape, min(max(canvas.shape) / pitch / 2, 60))
        across = across + noise * np.float32(0.15 * irregular * pitch)
    return across


def _softness_px(rng: Generator, pitch: float) -> float:
    return 1.2 if rng.random() < 0.92 else max(1.2, pitch * float(rng.uniform(0.1, 0.4)))
