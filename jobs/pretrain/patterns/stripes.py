"""Stripes beyond common's: few on plain cloth, soft, brushed, and with lace of small motifs between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.textures.fields import Image, Plane, blend, cover, smooth_noise, triangle
from common.textures.patterns import Canvas, Flat
from common.textures.patterns.bands import distinct, paint, run_of_bands
from common.textures.patterns.colours import palette
from jobs.pretrain.patterns import motifs

if TYPE_CHECKING:
    from numpy.random import Generator

    from common.textures import PatternSettings


def across(rng: Generator, canvas: Canvas, settings: PatternSettings) -> tuple[Plane, Plane]:
    """Give the coordinates across and along, (H, W) each, in pixels."""
    y, x = np.broadcast_arrays(*canvas.axes(rng, settings))
    return (y, x) if rng.random() < 0.5 else (x, y)


def few_stripes(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """One stripe to five on plain cloth, as on jumpers and towels."""
    pitch = canvas.pitch_px(rng, settings)
    place, _ = across(rng, canvas, settings)
    colours = palette(rng, 4, settings)
    face: Image = motifs.dyed(canvas, colours[0])
    start = rng.uniform(-0.25, 0.15) * canvas.picture_px
    for _ in range(int(rng.integers(2, 6))):
        width = pitch * rng.uniform(0.15, 0.6)
        face = blend(face, colours[1 + int(rng.integers(0, 3)) % 2], cover(np.abs(place - np.float32(start)) - np.float32(width / 2)))
        start += width + pitch * rng.uniform(0.1, 0.8)
    return Flat(face, pitch)


def soft_stripes(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Stripes that melt into each other."""
    pitch = canvas.pitch_px(rng, settings)
    place, _ = across(rng, canvas, settings)
    count = int(rng.integers(2, 7))
    widths = rng.uniform(0.3, 0.9, count).astype(np.float32) * np.float32(pitch)
    order = distinct(rng, count, palette(rng, int(rng.integers(2, 6)), settings))
    table = run_of_bands(widths, order, 2.4 * max(canvas.shape), max(1.5, pitch * float(rng.uniform(0.25, 0.6))))
    return Flat(paint(table, place), pitch)


def brushed_stripes(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Stripes painted by hand: edges shake, and the brush runs dry."""
    pitch = canvas.pitch_px(rng, settings)
    place, along = across(rng, canvas, settings)
    colours = palette(rng, 3, settings)
    shake = smooth_noise(rng, canvas.shape, min(max(canvas.shape) / pitch * rng.uniform(0.6, 2), 90))
    place = place + shake * np.float32(pitch * rng.uniform(0.03, 0.14))
    share = np.float32(rng.uniform(0.3, 0.7))
    covered = cover((share - triangle(place / np.float32(pitch))) * np.float32(pitch / 2))
    dry = smooth_noise(rng, canvas.shape, 40, stretch=6.0 if along is place else 1.0)
    covered = covered * np.clip(1 - np.float32(rng.uniform(0, 0.5)) * np.maximum(dry, 0), 0, 1)
    colour = colours[1]
    if rng.random() < 0.3:
        number = np.floor(place / np.float32(pitch)).astype(np.int32) % 2
        return Flat(blend(colours[0], colours[1:3][number], covered), pitch)
    return Flat(blend(colours[0], colour, covered), pitch)


def wavy_stripes(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Stripes that run in waves, in step or not."""
    pitch = canvas.pitch_px(rng, settings)
    place, along = across(rng, canvas, settings)
    length = pitch * rng.uniform(2, 10)
    drift = smooth_noise(rng, canvas.shape, rng.uniform(1, 5)) * np.float32(rng.uniform(0, 2))
    swing = np.sin(along * np.float32(2 * np.pi / length) + drift) * np.float32(length * rng.uniform(0.03, 0.1))
    place = np.asarray(place + swing, np.float32)
    count = int(rng.choice([2, 2, 3, 5]))
    widths = rng.uniform(0.3, 0.7, count).astype(np.float32) * np.float32(pitch)
    table = run_of_bands(widths, distinct(rng, count, palette(rng, int(rng.integers(2, 5)), settings)), 2.6 * max(canvas.shape))
    return Flat(paint(table, place), pitch)
