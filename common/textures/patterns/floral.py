"""Floral: blossoms with petals and an eye, and leaves between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.textures.fields import Image, Plane, blend, cover, smooth_noise
from common.textures.patterns.colours import hsv, palette
from common.textures.patterns.flat import Canvas, Flat
from common.textures.patterns.scatter import Cells, cells, jitter, lattice

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from common.textures.settings import PatternSettings


def floral(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Draw blossoms and leaves on a plain ground."""
    pitch = canvas.pitch_px(rng, settings)
    colours = palette(rng, 5, settings)
    points = lattice(canvas.shape, pitch, aspect=float(rng.uniform(0.7, 1.1)), hexagonal=True)
    points = jitter(rng, points, pitch * rng.uniform(0.0, 0.25))
    face = _leaves(rng, canvas, points, pitch, colours[0])
    return Flat(_blossoms(rng, cells(points, canvas.shape, pitch), pitch, face, colours), pitch)


def _blossoms(rng: Generator, found: Cells, pitch: float, face: Image, colours: NDArray[np.float32]) -> Image:
    petals = int(rng.integers(4, 9))
    size = rng.uniform(0.24, 0.46) * pitch * rng.uniform(0.65, 1.05, found.count)
    radius = found.spread(size.astype(np.float32))
    turn = found.spread(rng.uniform(0, 2 * np.pi, found.count).astype(np.float32))
    depth = np.float32(rng.uniform(0.25, 0.75))
    wave = np.abs(np.cos((np.arctan2(found.y, found.x) + turn) * np.float32(petals / 2)))
    noise = smooth_noise(rng, face.shape[:2], min(4 * max(face.shape) / pitch, 150))
    rim = radius * (1 - depth + depth * np.sqrt(wave)) * (1 + np.float32(0.08) * noise)
    away = found.distance()
    face = blend(face, found.spread(_petal_colours(rng, found.count, colours)), cover(away - rim))
    if rng.random() < 0.6:
        shade = cover(away - rim * np.float32(rng.uniform(0.45, 0.75))) * np.float32(0.5)
        face = blend(face, colours[3], shade)
    return blend(face, colours[4], cover(away - radius * np.float32(rng.uniform(0.15, 0.3))))


def _petal_colours(rng: Generator, count: int, colours: NDArray[np.float32]) -> NDArray[np.float32]:
    kinds = int(rng.choice([1, 1, 2]))
    return colours[1 + rng.integers(0, kinds, count)]


def _leaves(rng: Generator, canvas: Canvas, points: NDArray[np.float32], pitch: float, ground: Image) -> Image:
    """Lay the ground with one leaf or two from behind every other blossom."""
    green = hsv(rng.uniform(0.2, 0.45), rng.uniform(0.2, 0.7), rng.uniform(0.2, 0.7))
    plain = np.broadcast_to(ground, (*canvas.shape, 3)).astype(np.float32)
    away = rng.uniform(-0.5, 0.5, points.shape).astype(np.float32) * np.float32(pitch)
    found = cells(points + away, canvas.shape, pitch)
    return blend(plain, green, _leaf(rng, found, pitch))


def _leaf(rng: Generator, found: Cells, pitch: float) -> Plane:
    """Give the cover of one lens-shaped leaf at every point."""
    turn = rng.uniform(0, 2 * np.pi, found.count).astype(np.float32)
    cosine, sine = found.spread(np.cos(turn)), found.spread(np.sin(turn))
    length = np.float32(pitch * rng.uniform(0.2, 0.42))
    along = (found.x * cosine + found.y * sine) / length
    across = np.abs(found.y * cosine - found.x * sine)
    width = length * np.float32(rng.uniform(0.25, 0.5)) * np.maximum(1 - along * along, 0)
    return cover(across - width + np.float32(0.6))
