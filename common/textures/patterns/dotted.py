"""Dots: polka and pin dots, rings, jittered, of many sizes and colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from common.textures.fields import Image, Plane, blend, cover, smooth_noise
from common.textures.patterns.colours import palette
from common.textures.patterns.flat import Canvas, Flat
from common.textures.patterns.scatter import Cells, cells, jitter, lattice

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from common.textures.settings import PatternSettings


@dataclass(frozen=True, slots=True)
class Dots:
    """Dots of one cloth: which pixel lies how far outside which dot."""

    cells: Cells
    outside_px: Plane
    """(H, W) signed distance to the rim, negative inside."""
    radius_px: float


def dotted(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Draw dots on a plain ground."""
    pitch = canvas.pitch_px(rng, settings)
    dots = _dots(rng, canvas, settings, pitch)
    colours = palette(rng, 5, settings)
    fills = (_one_colour, _many_colours, _rings, _bordered)
    fill = fills[int(rng.choice(len(fills), p=[0.66, 0.2, 0.07, 0.07]))]
    return Flat(fill(rng, dots, colours), pitch)


def _dots(rng: Generator, canvas: Canvas, settings: PatternSettings, pitch: float) -> Dots:
    found = cells(_points(rng, canvas, settings, pitch), canvas.shape, pitch)
    share = rng.uniform(0.09, 0.17) if rng.random() < 0.2 else rng.uniform(0.18, 0.42)
    radius = max(1.1, share * pitch)
    outside = _roundish(rng, found) - radius
    if rng.random() < 0.2:
        outside = outside + found.spread(_shrink(rng, found.count, radius))
    irregular = settings.irregularity.mostly_low(rng)
    if irregular > 0.25 and radius > 3:
        wobble = smooth_noise(rng, canvas.shape, 2.2 * max(canvas.shape) / radius / 2)
        outside = outside + wobble * np.float32(0.13 * irregular * radius)
    return Dots(found, outside, radius)


def _points(rng: Generator, canvas: Canvas, settings: PatternSettings, pitch: float) -> NDArray[np.float32]:
    hexagonal = bool(rng.random() < 0.55)
    diagonal = rng.random() < settings.diagonal_chance
    angle = float(rng.choice([np.pi / 4, rng.uniform(0, np.pi)])) if diagonal else 0.0
    aspect = rng.choice([np.sqrt(3) / 2, 0.5, 1.0]) if hexagonal else rng.choice([1.0, 1.3])
    spacing = pitch / np.sqrt(aspect)
    points = lattice(canvas.shape, spacing, angle_rad=angle, aspect=aspect, hexagonal=hexagonal)
    points = points + rng.uniform(-0.5, 0.5, 2).astype(np.float32) * np.float32(pitch)
    loose = rng.choice([0.0, rng.uniform(0, 0.08), rng.uniform(0.1, 0.35)], p=[0.6, 0.2, 0.2])
    return jitter(rng, points, float(loose * pitch))


def _roundish(rng: Generator, found: Cells) -> Plane:
    """Give the distance from each dot's middle; some cloth has dots a little stretched."""
    if rng.random() < 0.75:
        return found.distance()
    stretch = np.float32(rng.uniform(0.75, 1.33))
    return np.asarray(cv2.magnitude(found.x * stretch, found.y / stretch), dtype=np.float32)


def _shrink(rng: Generator, count: int, radius: float) -> NDArray[np.float32]:
    """Draw how much smaller than *radius* each dot is, in pixels: two sizes, or all sizes."""
    if rng.random() < 0.4:
        small = rng.random(count) < 0.5
        return (small * radius * rng.uniform(0.3, 0.65)).astype(np.float32)
    return rng.uniform(0, radius * 0.75, count).astype(np.float32)


def _one_colour(_: Generator, dots: Dots, colours: NDArray[np.float32]) -> Image:
    return blend(colours[0], colours[1], cover(dots.outside_px))


def _many_colours(rng: Generator, dots: Dots, colours: NDArray[np.float32]) -> Image:
    kinds = int(rng.integers(2, 5))
    chosen = colours[1 + rng.integers(0, kinds, dots.cells.count)]
    return blend(colours[0], dots.cells.spread(chosen), cover(dots.outside_px))


def _rings(rng: Generator, dots: Dots, colours: NDArray[np.float32]) -> Image:
    width = np.float32(max(1.2, dots.radius_px * rng.uniform(0.25, 0.6)))
    rim = np.abs(dots.outside_px + width / 2) - width / 2
    return blend(colours[0], colours[1], cover(rim))


def _bordered(rng: Generator, dots: Dots, colours: NDArray[np.float32]) -> Image:
    face = blend(colours[0], colours[2], cover(dots.outside_px))
    width = np.float32(dots.radius_px * rng.uniform(0.2, 0.5))
    return blend(face, colours[1], cover(dots.outside_px + width))
