"""Zigzags beyond common's: herringbone, ikat, flame stitch, one large V, a few bands among plain cloth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.textures.fields import Image, blend, cover, smooth_noise, triangle
from common.textures.patterns import Canvas, Flat
from common.textures.patterns.bands import distinct, paint, run_of_bands
from common.textures.patterns.colours import palette
from jobs.pretrain.patterns import motifs
from jobs.pretrain.patterns.stripes import across

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from common.textures import PatternSettings
    from common.textures.fields import Plane


def herringbone(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Columns of slanted lines that lean to and fro, broken where the columns meet."""
    pitch = canvas.pitch_px(rng, settings)
    place, along = across(rng, canvas, settings)
    column = np.floor(along / np.float32(pitch))
    sign = np.where(column % 2 < 1, np.float32(1), np.float32(-1))
    line = pitch * rng.uniform(0.18, 0.7)
    slant = np.float32(rng.uniform(0.6, 1.4))
    shift = np.float32(rng.choice([0.0, 0.5])) * column
    phase = (place + sign * slant * (along - column * np.float32(pitch))) / np.float32(line) + shift
    colours = palette(rng, 2, settings)
    share = np.float32(rng.uniform(0.35, 0.65))
    return Flat(blend(colours[0], colours[1], cover((share - triangle(phase)) * np.float32(line / 2))), pitch)


def ikat(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Zigzags whose edges bled along the yarns."""
    pitch = canvas.pitch_px(rng, settings)
    place, along = across(rng, canvas, settings)
    feathers = smooth_noise(rng, canvas.shape, min(120, max(canvas.shape) / pitch * 8), stretch=4.0 if along.strides[1] else 0.3)
    return Flat(_bands(rng, canvas, settings, pitch, place + feathers * np.float32(pitch * rng.uniform(0.05, 0.2)), along), pitch)


def flame(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Zigzags of many colours whose steps are unequal, as in flame stitch and zigzag knits."""
    pitch = canvas.pitch_px(rng, settings)
    place, along = across(rng, canvas, settings)
    wobble = smooth_noise(rng, (1, canvas.shape[1]), rng.uniform(3, 12)) * np.float32(pitch * rng.uniform(0.1, 0.8))
    return Flat(_bands(rng, canvas, settings, pitch, place, along + wobble, least=3), pitch)


def large_v(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Nested Vs of which one corner is seen."""
    pitch = canvas.pitch_px(rng, settings)
    place, along = across(rng, canvas, settings)
    corner = np.float32(rng.normal(0, 0.2) * canvas.picture_px)
    count = int(rng.integers(2, 6))
    widths = rng.uniform(0.3, 1.0, count).astype(np.float32) * np.float32(pitch)
    table = run_of_bands(widths, distinct(rng, count, palette(rng, int(rng.integers(2, 6)), settings)), 3.6 * max(canvas.shape))
    return Flat(paint(table, place + np.abs(along - corner) * np.float32(rng.uniform(0.5, 1.6))), pitch)


def few_zigzags(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """A band or a few of zigzag line on plain or striped cloth."""
    pitch = canvas.pitch_px(rng, settings)
    place, along = across(rng, canvas, settings)
    colours = palette(rng, 4, settings)
    face: Image = motifs.dyed(canvas, colours[0])
    period = pitch * rng.uniform(0.5, 1.2)
    zigzag = (triangle(along / np.float32(period)) - np.float32(0.5)) * np.float32(period * rng.uniform(0.4, 1.0))
    thick = np.float32(pitch * rng.uniform(0.08, 0.25))
    gap = pitch * rng.uniform(1.2, 2.5)
    for colour, shift in ((colours[1], 0.0), (colours[2], rng.uniform(0.25, 0.5)))[: int(rng.integers(1, 3))]:
        phase = np.asarray((place + zigzag) / np.float32(gap) + np.float32(shift), np.float32)
        away = (1 - triangle(phase)) * np.float32(gap / 2)
        face = blend(face, colour, cover(away - thick))
    if rng.random() < 0.3:
        away = (1 - triangle(place / np.float32(gap) + np.float32(0.5))) * np.float32(gap / 2)
        face = blend(face, colours[3], cover(away - thick * np.float32(0.5)))
    return Flat(face, pitch)


def _bands(
    rng: Generator, canvas: Canvas, settings: PatternSettings, pitch: float, place: Plane, along: Plane, least: int = 2
) -> NDArray[np.float32]:
    count = int(rng.integers(least, 8))
    widths = rng.uniform(0.3, 0.9, count).astype(np.float32) * np.float32(pitch * 2 / count ** rng.uniform(0.2, 1))
    table = run_of_bands(widths, distinct(rng, count, palette(rng, max(2, int(rng.integers(least, 6))), settings)), 3.6 * max(canvas.shape))
    period = pitch * rng.uniform(0.9, 3.0)
    return paint(table, place + triangle(along / np.float32(period)) * np.float32(period * rng.uniform(0.3, 0.9)))
