"""Cloth without a pattern, whose make could pass for one: yarns of two colours, ribs, cables, quilting, crumples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.textures.fields import Image, blend, smooth_noise, triangle
from common.textures.patterns import Canvas, Flat
from common.textures.patterns.colours import colour
from jobs.pretrain.patterns import motifs
from jobs.pretrain.patterns.stripes import across

if TYPE_CHECKING:
    from numpy.random import Generator

    from common.textures import PatternSettings


def _dyed(rng: Generator, canvas: Canvas) -> Image:
    return motifs.dyed(canvas, colour(rng))


def melange(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Fibres of two tones: heather grey, denim, tweed."""
    pitch = canvas.pitch_px(rng, settings)
    face = _dyed(rng, canvas)
    fibres = smooth_noise(rng, canvas.shape, rng.uniform(40, 160), stretch=float(rng.choice([1.0, 3.0, 6.0, 0.3])))
    other = colour(rng) if rng.random() < 0.3 else np.clip(face[0, 0] * np.float32(rng.uniform(0.3, 1.7)), 0, 1)
    return Flat(blend(face, other, np.clip(fibres * np.float32(rng.uniform(0.2, 0.5)) + np.float32(0.3), 0, 1)), pitch)


def ribbed(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Fine ribs of one colour: corduroy, rib knit, pleats."""
    pitch = max(2.5, canvas.picture_px / rng.uniform(14, 60))
    place, _ = across(rng, canvas, settings)
    shade = np.float32(rng.uniform(0.08, 0.4)) * triangle(place / np.float32(pitch)) ** np.float32(rng.uniform(0.6, 2))
    return Flat(_dyed(rng, canvas) * (1 - shade)[..., None], canvas.pitch_px(rng, settings))


def cabled(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Relief in one colour: cable knit, waffle, quilting, seersucker."""
    pitch = canvas.picture_px / rng.uniform(4, 18)
    place, along = across(rng, canvas, settings)
    u, v = place / np.float32(pitch), along / np.float32(pitch)
    kind = rng.random()
    if kind < 0.4:
        relief = triangle(u + np.float32(0.3) * np.sin(v * np.float32(rng.uniform(1, 3))))
    elif kind < 0.7:
        relief = np.maximum(triangle(u + v), triangle(u - v)) ** 3
    else:
        relief = np.maximum(triangle(u), triangle(v)) ** 2
    depth = np.float32(rng.uniform(0.08, 0.35))
    return Flat(_dyed(rng, canvas) * (1 - depth * relief)[..., None].astype(np.float32), canvas.pitch_px(rng, settings))


def faded(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Dye that changes slowly over the cloth: ombre, stone wash, stains."""
    pitch = canvas.pitch_px(rng, settings)
    face = _dyed(rng, canvas)
    y = np.linspace(-0.5, 0.5, canvas.shape[0], dtype=np.float32)[:, None]
    cloud = smooth_noise(rng, canvas.shape, rng.uniform(1, 5)) * np.float32(rng.uniform(0, 0.3))
    amount = np.clip(np.float32(0.5) + y * np.float32(rng.uniform(-1, 1)) + cloud, 0, 1) * np.float32(rng.uniform(0.2, 0.8))
    return Flat(blend(face, colour(rng), amount), pitch)
