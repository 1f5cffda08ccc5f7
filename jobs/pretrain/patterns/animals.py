"""Coats of animals other than the leopard, which is kept for testing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.textures.fields import axes, blend, cover, enlarge, rotate, smooth_noise, soften, triangle
from common.textures.patterns import Canvas, Flat
from common.textures.patterns.colours import hsv, palette
from common.textures.patterns.scatter import cells, jitter, lattice
from jobs.pretrain.patterns import motifs

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from common.textures import PatternSettings


def _coat(rng: Generator, settings: PatternSettings, hue: float) -> NDArray[np.float32]:
    """Give ground and marks: the animal's, or the cloth's own."""
    if rng.random() < 0.35:
        return palette(rng, 2, settings)
    light = hsv(hue, rng.uniform(0.0, 0.55), rng.uniform(0.65, 0.98))
    return np.stack([light, hsv(hue, rng.uniform(0.1, 0.7), rng.uniform(0.03, 0.35))])


def zebra(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Stripes that swing, thin out and fork; a tiger's are the same on orange."""
    pitch = canvas.pitch_px(rng, settings)
    y, x = rotate(*axes(canvas.shape), float(rng.uniform(0, 2 * np.pi)))
    bumps = max(canvas.shape) / pitch
    bend = smooth_noise(rng, canvas.shape, max(1.0, bumps / rng.uniform(3, 6))) * np.float32(rng.uniform(0.7, 1.6))
    fork = smooth_noise(rng, canvas.shape, min(bumps * 0.8, 90))
    phase = y / np.float32(pitch) + bend + fork * np.float32(rng.uniform(0.1, 0.35)) + x * 0
    share = np.float32(rng.uniform(0.35, 0.6)) + fork * np.float32(rng.uniform(0.05, 0.2))
    ground, mark = _coat(rng, settings, float(rng.choice([0.1, rng.uniform(0.05, 0.12)])))
    return Flat(blend(ground, mark, cover((share - triangle(phase)) * np.float32(pitch / 2))), pitch)


def giraffe(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Plates with pale seams between them."""
    pitch = canvas.pitch_px(rng, settings)
    points = jitter(rng, lattice(canvas.shape, pitch, hexagonal=True), pitch * 0.35)
    first = cells(points, canvas.shape, pitch)
    seam = _seams(first.index)
    seam = enlarge(seam, canvas.shape)
    wide = np.float32(rng.uniform(0.35, 0.8))
    ground, mark = _coat(rng, settings, float(rng.uniform(0.05, 0.11)))
    width = max(1.0, pitch * rng.uniform(0.04, 0.09))
    near = soften(seam, width) * np.float32(width * 1.2)
    return Flat(blend(mark, ground, cover((wide * np.float32(0.35) - near) * 12)), pitch)


def cow(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Large patches without order."""
    pitch = canvas.pitch_px(rng, settings)
    bumps = max(canvas.shape) / pitch
    field = smooth_noise(rng, canvas.shape, max(1.5, bumps)) + smooth_noise(rng, canvas.shape, min(2.5 * bumps, 90)) * np.float32(0.3)
    ground, mark = _coat(rng, settings, 0.08)
    return Flat(blend(ground, mark, cover((np.float32(rng.uniform(0.0, 0.6)) - field) * np.float32(pitch / 3))), pitch)


def snake(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Scales in a net whose tones make larger marks."""
    pitch = canvas.pitch_px(rng, settings)
    small = max(3.5, pitch / rng.uniform(3, 6))
    points = lattice(canvas.shape, small, aspect=0.6, hexagonal=True)
    found = cells(points, canvas.shape, small)
    marks = smooth_noise(rng, canvas.shape, max(1.5, max(canvas.shape) / pitch))
    tone = np.clip(marks * 2 + rng.normal(0, 0.3, found.count).astype(np.float32)[found.index] + np.float32(0.5), 0, 1)
    ground, mark = _coat(rng, settings, float(rng.uniform(0.06, 0.2)))
    face = blend(ground, mark, tone)
    away = motifs.outside(found, motifs.ellipse(0.75), np.full(found.count, 0.52 * small, np.float32), motifs.upright(found.count))
    return Flat(blend(face, mark * np.float32(0.6), cover(-away - np.float32(0.4)) * np.float32(0.7)), pitch)


def _seams(index: NDArray[np.int32]) -> NDArray[np.float32]:
    """Mark the pixels where two cells meet."""
    seam = np.zeros(index.shape, np.float32)
    seam[:-1] += index[1:] != index[:-1]
    seam[:, :-1] += index[:, 1:] != index[:, :-1]
    return np.minimum(seam, 1)
