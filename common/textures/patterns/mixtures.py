"""Patterns between two families, which people label either way.

Dots so close that their rows read as stripes, stripes broken into dashes, dots on stripes, and a
leopard print of plain round spots.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.textures.fields import axes, blend, cover, smooth_noise, triangle
from common.textures.patterns.colours import hsv, palette
from common.textures.patterns.flat import Canvas, Flat
from common.textures.patterns.scatter import cells, jitter, lattice

if TYPE_CHECKING:
    from numpy.random import Generator

    from common.textures.settings import PatternSettings


def dot_rows(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Draw rows of dots that nearly touch: dots, or stripes?"""
    pitch = canvas.pitch_px(rng, settings)
    aspect = float(rng.uniform(1.8, 3.0))
    step = pitch / aspect
    turn = float(rng.choice([0.0, np.pi / 2]))
    points = lattice(canvas.shape, step, angle_rad=turn, aspect=aspect, hexagonal=False)
    found = cells(points, canvas.shape, step)
    colours = palette(rng, 2, settings)
    outside = found.distance() - np.float32(step * rng.uniform(0.38, 0.52))
    return Flat(blend(colours[0], colours[1], cover(outside)), pitch)


def dashed(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Draw stripes broken into dashes: stripes, or long dots?"""
    pitch = canvas.pitch_px(rng, settings)
    y, x = canvas.axes(rng, settings)
    across, along = (y, x) if rng.random() < 0.5 else (x, y)
    row = np.rint(across / np.float32(pitch))
    length = pitch * rng.uniform(0.8, 2.5)
    shift = np.float32(rng.choice([0.0, 0.5, 0.37]))
    phase = along / np.float32(length) + row * shift
    thick = np.float32(rng.uniform(0.3, 0.6))
    in_row = (1 - triangle(across / np.float32(pitch)) - thick) * np.float32(pitch / 2)
    in_dash = (1 - triangle(phase) - np.float32(rng.uniform(0.6, 0.85))) * np.float32(length / 2)
    colours = palette(rng, 2, settings)
    return Flat(blend(colours[0], colours[1], cover(np.maximum(in_row, in_dash))), pitch)


def dots_on_stripes(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Draw dots along every other stripe: which of the two is the pattern?"""
    pitch = canvas.pitch_px(rng, settings)
    colours = palette(rng, 3, settings)
    y, _ = axes(canvas.shape)
    stripe = (np.float32(0.5) - triangle(y / np.float32(2 * pitch))) * np.float32(pitch)
    face = blend(colours[0], colours[1], np.broadcast_to(cover(stripe), canvas.shape))
    points = lattice(canvas.shape, pitch, aspect=2.0, hexagonal=False)
    found = cells(points, canvas.shape, pitch)
    outside = found.distance() - np.float32(pitch * rng.uniform(0.2, 0.38))
    return Flat(blend(face, colours[2 if rng.random() < 0.5 else 0], cover(outside)), pitch)


def round_spots(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Draw solid, nearly round spots in a leopard's colours: leopard, or dots?"""
    pitch = canvas.pitch_px(rng, settings)
    points = lattice(canvas.shape, pitch, aspect=float(np.sqrt(3) / 2), hexagonal=True)
    points = jitter(rng, points, pitch * rng.uniform(0.1, 0.25))
    found = cells(points, canvas.shape, pitch)
    size = rng.uniform(0.2, 0.32) * rng.uniform(0.7, 1.15, found.count) * pitch
    wobble = smooth_noise(rng, canvas.shape, min(2.5 * max(canvas.shape) / pitch, 150))
    outside = found.distance() - found.spread(size.astype(np.float32))
    outside = outside + wobble * np.float32(pitch * rng.uniform(0.02, 0.07))
    hue = rng.uniform(0.05, 0.12)
    ground = hsv(hue, rng.uniform(0.2, 0.55), rng.uniform(0.6, 0.95))
    dark = hsv(hue - 0.02, rng.uniform(0.3, 0.6), rng.uniform(0.05, 0.3))
    return Flat(blend(ground, dark, cover(outside)), pitch)
