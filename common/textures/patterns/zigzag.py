"""Zigzag: chevrons of two or many colours, and ikat with its bled edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.textures.fields import Plane, smooth_noise, triangle
from common.textures.patterns.bands import distinct, paint, run_of_bands
from common.textures.patterns.colours import palette
from common.textures.patterns.flat import Canvas, Flat

if TYPE_CHECKING:
    from numpy.random import Generator

    from common.textures.settings import PatternSettings


def zigzag(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Draw chevrons across the cloth."""
    pitch = canvas.pitch_px(rng, settings)
    colours = palette(rng, 5, settings)
    count = int(rng.choice([2, 2, 3, 4, 6]))
    widths = rng.uniform(0.3, 0.7, count).astype(np.float32) * np.float32(pitch)
    order = distinct(rng, count, colours[: max(2, int(rng.integers(2, 6)))])
    table = run_of_bands(widths, order, 3.2 * max(canvas.shape))
    table = np.roll(table, int(rng.integers(len(table))), axis=0)
    return Flat(paint(table, _place(rng, canvas, settings, pitch)), pitch)


def _place(rng: Generator, canvas: Canvas, settings: PatternSettings, pitch: float) -> Plane:
    """Give the coordinate across the bands, in pixels."""
    y, x = canvas.axes(rng, settings)
    across, along = (y, x) if rng.random() < 0.6 else (x, y)
    period = pitch * rng.uniform(0.9, 3.0)
    height = period * rng.uniform(0.3, 0.8)
    place = across + triangle(along / np.float32(period)) * np.float32(height)
    if rng.random() < 0.25:
        bumps = min(3 * max(canvas.shape) / pitch, max(canvas.shape) / 3)
        place = place + smooth_noise(rng, canvas.shape, bumps) * np.float32(0.12 * pitch)
    return place
