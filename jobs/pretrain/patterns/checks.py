"""Checks beyond common's: chessboards, houndstooth, printed and slanted plaids, nets of lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.textures.fields import Image, Plane, blend, cover, triangle
from common.textures.patterns import Canvas, Flat
from common.textures.patterns.bands import distinct, paint, run_of_bands
from common.textures.patterns.colours import palette
from jobs.pretrain.patterns import motifs

if TYPE_CHECKING:
    from numpy.random import Generator

    from common.textures import PatternSettings


def _grid(rng: Generator, canvas: Canvas, settings: PatternSettings) -> tuple[Plane, Plane]:
    y, x = np.broadcast_arrays(*canvas.axes(rng, settings))
    shift = rng.uniform(-50, 50, 2).astype(np.float32)
    return y + shift[0], x + shift[1]


def chessboard(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Squares of two colours, or of several in a quilt's order."""
    pitch = canvas.pitch_px(rng, settings)
    y, x = _grid(rng, canvas, settings)
    colours = palette(rng, 4, settings)
    across = (np.float32(0.5) - triangle(x / np.float32(pitch))) * np.float32(pitch / 2)
    down = (np.float32(0.5) - triangle(y / np.float32(pitch))) * np.float32(pitch / 2)
    a, b = cover(across), cover(down)
    return Flat(blend(colours[0], colours[1], a * (1 - b) + b * (1 - a)), pitch)


def houndstooth(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """The broken check of four dark and four light yarns in twill."""
    pitch = canvas.pitch_px(rng, settings)
    y, x = _grid(rng, canvas, settings)
    colours = palette(rng, 2, settings)
    u, v = x / np.float32(pitch), y / np.float32(pitch)
    slant = np.float32(rng.choice([1.0, 2.0]))
    over = ((u + v) * 2 * slant) % 2 < 1
    dark = np.where(over, u % 1 < 0.5, v % 1 < 0.5).astype(np.float32)
    return Flat(blend(colours[0], colours[1], dark), pitch)


def printed_plaid(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """A plaid that is printed: bands lie over each other like glass."""
    pitch = canvas.pitch_px(rng, settings)
    y, x = _grid(rng, canvas, settings)
    colours = palette(rng, 5, settings)
    count = int(rng.integers(2, 7))
    widths = rng.uniform(0.08, 1.0, count).astype(np.float32) * np.float32(pitch)
    order = distinct(rng, count, colours[: int(rng.integers(2, 5))])
    table = run_of_bands(widths, order, 2.6 * max(canvas.shape))
    if rng.random() < 0.5:
        face: Image = (paint(table, x) + paint(table, y)) * np.float32(0.5)
    else:
        face = np.minimum(paint(table, x), paint(table, y))
    return Flat(face, pitch)


def net_of_lines(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Thin lines both ways: graph paper, windowpanes, doubled lines."""
    pitch = canvas.pitch_px(rng, settings)
    y, x = _grid(rng, canvas, settings)
    colours = palette(rng, 3, settings)
    thin = max(1.1, pitch * rng.uniform(0.04, 0.16))
    tall = pitch * float(rng.choice([1.0, 1.0, rng.uniform(0.7, 1.5)]))
    face: Image = motifs.dyed(canvas, colours[0])
    lines = [(x, pitch, colours[1]), (y, tall, colours[2] if rng.random() < 0.3 else colours[1])]
    if rng.random() < 0.35:
        shift = np.float32(pitch * rng.uniform(0.12, 0.5))
        lines += [(x + shift, pitch, colours[2]), (y + shift, tall, colours[2])]
    for place, period, colour in lines:
        face = blend(face, colour, cover(_from_line(place, period) - np.float32(thin / 2)))
    return Flat(face, pitch)


def _from_line(place: Plane, period: float) -> Plane:
    """Give the distance to the nearest of lines *period* apart, in pixels."""
    away: Plane = (1 - triangle(place / np.float32(period))) * np.float32(period / 2)
    return away
