"""Dots beyond common's: thrown at random, of all sizes, pin dots, blots, and dots that grow along the cloth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.textures.fields import Image, blend, cover, rotate
from common.textures.patterns import Canvas, Flat
from common.textures.patterns.colours import palette
from jobs.pretrain.patterns import motifs

if TYPE_CHECKING:
    from numpy.random import Generator

    from common.textures import PatternSettings


def thrown_dots(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Dots of several sizes and colours in no order; a second, smaller kind may fill the gaps."""
    pitch = canvas.pitch_px(rng, settings)
    colours = palette(rng, 5, settings)
    face: Image = motifs.dyed(canvas, colours[0])
    kinds = int(rng.choice([1, 1, 2, 4]))
    disc = [np.ones(256, np.float32)]
    layers = 2 if rng.random() < 0.35 else 1
    for layer in range(layers):
        step = pitch / (1 + layer)
        found = motifs.toss(rng, canvas, step, loose=float(rng.uniform(0.15, 0.4)), points_share=float(rng.uniform(0.5, 1)))
        small, large = step * rng.uniform(0.1, 0.3), step * rng.uniform(0.3, 0.5)
        face = motifs.lay(rng, face, found, disc, colours[1 : 1 + kinds], radius_px=(small, large), turn=motifs.upright)
    return Flat(face, pitch)


def pin_dots(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Tiny dots far apart."""
    pitch = canvas.pitch_px(rng, settings)
    colours = palette(rng, 3, settings)
    face: Image = motifs.dyed(canvas, colours[0])
    found = motifs.toss(rng, canvas, pitch, loose=float(rng.choice([0.0, rng.uniform(0, 0.3)])))
    radius = max(0.8, pitch * rng.uniform(0.06, 0.16))
    colours = colours[1:2] if rng.random() < 0.7 else colours[1:]
    face = motifs.lay(rng, face, found, [np.ones(256, np.float32)], colours, radius_px=(radius, radius), turn=motifs.upright)
    return Flat(face, pitch)


def blots(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Dots that are not quite round: dabs of a brush, pebbles, ovals."""
    pitch = canvas.pitch_px(rng, settings)
    colours = palette(rng, 4, settings)
    face: Image = motifs.dyed(canvas, colours[0])
    found = motifs.toss(rng, canvas, pitch, loose=float(rng.uniform(0, 0.3)))
    rims = [motifs.blob(rng, rng.uniform(0.1, 0.4)) for _ in range(3)]
    if rng.random() < 0.4:
        rims = [motifs.ellipse(rng.uniform(0.5, 0.85))]
    radius = pitch * rng.uniform(0.2, 0.46)
    kinds = int(rng.choice([1, 1, 3]))
    face = motifs.lay(
        rng, face, found, rims, colours[1 : 1 + kinds], radius_px=(radius * rng.uniform(0.5, 1), radius), turn=motifs.any_turn(rng)
    )
    return Flat(face, pitch)


def growing_dots(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """A screen of dots that grow along the cloth."""
    pitch = canvas.pitch_px(rng, settings)
    colours = palette(rng, 2, settings)
    found = motifs.toss(rng, canvas, pitch, loose=0.0)
    y, x = np.broadcast_arrays(found.y, found.x)
    place_y = np.arange(canvas.shape[0], dtype=np.float32)[:, None] - y - np.float32(canvas.shape[0] / 2)
    place_x = np.arange(canvas.shape[1], dtype=np.float32)[None, :] - x - np.float32(canvas.shape[1] / 2)
    _, along = rotate(place_y, place_x, float(rng.uniform(0, 2 * np.pi)))
    share = np.clip(np.float32(0.28) + along * np.float32(rng.uniform(0.15, 0.5) / canvas.picture_px), 0.06, 0.48)
    return Flat(blend(colours[0], colours[1], cover(found.distance() - share * np.float32(pitch))), pitch)


def ringed_dots(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Rings, targets and dots with a rim."""
    pitch = canvas.pitch_px(rng, settings)
    colours = palette(rng, 4, settings)
    found = motifs.toss(rng, canvas, pitch, loose=float(rng.choice([0.0, 0.2])))
    radius = pitch * rng.uniform(0.3, 0.49)
    face: Image = motifs.dyed(canvas, colours[0])
    for number, share in enumerate(np.linspace(1, 0, int(rng.integers(2, 5)), endpoint=False)):
        colour = colours[1 + number % 2] if rng.random() < 0.9 else colours[3]
        colour = colours[0] if number % 2 and rng.random() < 0.6 else colour
        face = blend(face, colour, cover(found.distance() - np.float32(radius * share)))
    return Flat(face, pitch)
