"""How the cloth lies: waves, folds, creases, seams, and where it ends.

A fold bends the pattern and takes light; one without the other looks like computer graphics. So
both follow from one height of the cloth, given here in the picture's frame and lit by the camera.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from common.textures.fields import (
    Image,
    Plane,
    Shape,
    axes,
    blend,
    cover,
    enlarge,
    rotate,
    smooth_noise,
    soften,
)

if TYPE_CHECKING:
    from numpy.random import Generator

    from common.textures.settings import ClothSettings
    from common.textures.streams import Streams


@dataclass(frozen=True, slots=True)
class Surface:
    """How the cloth lies, in the picture's frame; each field is an (H, W) plane."""

    shift_y: Plane
    """Pixels by which the cloth is moved along y."""
    shift_x: Plane
    slope_y: Plane
    """Rise of the cloth along y, pixels a pixel."""
    slope_x: Plane
    light: Plane
    """Share of the light that hollows, laps and seams let through."""
    cloth: Plane
    """Share of the pixel that is cloth; the rest is table."""


def drape(streams: Streams, shape: Shape, settings: ClothSettings) -> Surface:
    """Lay the cloth: waves, folds, creases; then perhaps a seam, and perhaps its edge."""
    surface = _raise(streams, shape, settings)
    rng = streams.named("cloth.seam")
    if rng.random() < settings.seam_chance:
        surface = _sew(rng, surface)
    rng = streams.named("cloth.edge")
    if rng.random() < settings.edge_chance:
        surface = _cut(rng, surface)
    return surface


def _raise(streams: Streams, shape: Shape, settings: ClothSettings) -> Surface:
    """Raise the cloth and derive all that follows from its height; done at half resolution."""
    half = (max(8, shape[0] // 2), max(8, shape[1] // 2))
    height = _waves(streams, half, settings) + _folds(streams, half, settings)
    height = height + _creases(streams, half, settings)
    slope_y, slope_x = np.gradient(height)
    lean = np.clip(streams.named("cloth.lean").normal(0, 0.5, 2), -0.7, 0.7)
    lean_y, lean_x = lean.astype(np.float32)
    hollow = (soften(height, min(half) / 16) - height) * np.float32(6 / min(half))
    shade: Plane = np.clip(hollow, -0.05, 0.45)
    return Surface(
        shift_y=enlarge(height * lean_y * 2, shape),
        shift_x=enlarge(height * lean_x * 2, shape),
        slope_y=enlarge(slope_y, shape),
        slope_x=enlarge(slope_x, shape),
        light=enlarge(1 - shade, shape),
        cloth=np.ones(shape, dtype=np.float32),
    )


def _waves(streams: Streams, shape: Shape, settings: ClothSettings) -> Plane:
    rng = streams.named("cloth.waves")
    count = rng.uniform(1, 4)
    height = np.float32(settings.wave_slope.mostly_low(rng) * max(shape) / count / 4)
    return smooth_noise(rng, shape, count, stretch=rng.uniform(0.6, 2.5)) * height


def _folds(streams: Streams, shape: Shape, settings: ClothSettings) -> Plane:
    """Add long folds; most lie roughly alike, as gravity or a hand pulls one way."""
    rng = streams.named("cloth.folds")
    short = min(shape)
    height = np.zeros(shape, dtype=np.float32)
    main_rad = rng.uniform(0, np.pi)
    for _ in range(settings.folds.integer(rng)):
        y, x = rotate(*axes(shape), float(main_rad + rng.normal(0, 0.35)))
        meander = smooth_noise(rng, shape, rng.uniform(1, 3)) * np.float32(0.05 * short)
        width = np.float32(short * rng.uniform(0.03, 0.14))
        place = (y + meander - np.float32(rng.uniform(-0.6, 0.6) * short)) / width
        fade = cover(np.abs(x - np.float32(rng.uniform(-0.5, 0.5) * short)), short * 1.6) * 2
        slope = settings.fold_slope.mostly_low(rng) * rng.choice([-1.0, 1.0, 1.0])
        height += np.float32(slope) * width * fade * _fold_profile(rng, place)
    return height


def _fold_profile(rng: Generator, place: Plane) -> Plane:
    """Give the height across one fold: a ridge, or a ridge that is steep on one side."""
    if rng.random() < 0.5:
        steep = np.float32(rng.uniform(0.5, 0.8))
        place = np.where(place > 0, place / (1 - steep), place * (1 - steep))
    ridge: Plane = np.exp(-place * place)
    return ridge


def _creases(streams: Streams, shape: Shape, settings: ClothSettings) -> Plane:
    """Add sharp creases: nearly straight ridges that cloth leans on from both sides."""
    rng = streams.named("cloth.creases")
    short = min(shape)
    height = np.zeros(shape, dtype=np.float32)
    crumple = smooth_noise(rng, shape, rng.uniform(1, 4)) * np.float32(0.02 * short)
    for _ in range(round(settings.creases.mostly_low(rng))):
        y, x = rotate(*axes(shape), float(rng.uniform(0, np.pi)))
        off_y, off_x = (rng.uniform(-0.5, 0.5, 2) * short).astype(np.float32)
        reach = np.float32(short * rng.uniform(0.06, 0.25))
        away = (y - off_y + crumple) / reach
        along = (x - off_x) / np.float32(short * rng.uniform(0.2, 0.6))
        slope = settings.crease_slope.uniform(rng) * rng.choice([-1.0, 1.0])
        ridge = np.exp(-np.sqrt(away * away + np.float32(0.06)) - along * along)
        height += np.float32(slope) * reach * ridge
    return height


def _sew(rng: Generator, surface: Surface) -> Surface:
    """Lay one piece of cloth over another: the pattern jumps, and the upper edge casts a shade."""
    shape = surface.light.shape
    short = min(shape)
    y, x = rotate(*axes(shape), float(rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.25)))
    bend = np.float32(rng.normal(0, 0.12) / short)
    beyond = y - np.float32(rng.uniform(-0.35, 0.35) * short) + bend * x * x
    lower = cover(-beyond)
    turn = np.float32(rng.normal(0, 0.2) if rng.random() < 0.5 else 0.0)
    jump_y, jump_x = (rng.uniform(-0.12, 0.12, 2) * short).astype(np.float32)
    reach = np.float32(short * rng.uniform(0.008, 0.05))
    shade = np.exp(-np.maximum(beyond, 0) / reach) * lower * np.float32(rng.uniform(0.25, 0.6))
    line = cover(np.abs(beyond) - np.float32(rng.uniform(0.3, 1.0)), 2.0)
    light = (1 - shade) * (1 - line * np.float32(rng.uniform(0.2, 0.6)))
    if rng.random() < 0.5:
        light = light * _stitches(rng, beyond, x, short)
    return replace(
        surface,
        shift_y=surface.shift_y + lower * (jump_y + turn * x),
        shift_x=surface.shift_x + lower * (jump_x - turn * y),
        light=surface.light * light,
    )


def _stitches(rng: Generator, beyond: Plane, along: Plane, short: int) -> Plane:
    """Sink a row of stitches beside the seam."""
    length = np.float32(short * rng.uniform(0.012, 0.03))
    row = np.abs(beyond + np.float32(short * rng.uniform(0.012, 0.03))) - np.float32(0.7)
    stitch = cover(row, 1.6) * cover(np.abs(along % length - length / 2) - length * 0.32)
    return 1 - stitch * np.float32(rng.uniform(0.15, 0.5))


def _cut(rng: Generator, surface: Surface) -> Surface:
    """End the cloth inside the picture, near one side."""
    shape = surface.light.shape
    y, _ = rotate(*axes(shape), float(rng.integers(4) * np.pi / 2 + rng.normal(0, 0.12)))
    ragged = smooth_noise(rng, shape, rng.uniform(2, 30)) * np.float32(rng.uniform(0, 2.0))
    beyond = y + ragged - np.float32(min(shape) * rng.uniform(0.25, 0.45))
    cloth = cover(beyond)
    reach = np.float32(min(shape) * rng.uniform(0.01, 0.04))
    shade = np.exp(-np.maximum(beyond, 0) / reach) * (1 - cloth) * np.float32(0.6)
    return replace(
        surface,
        slope_y=surface.slope_y * cloth,
        slope_x=surface.slope_x * cloth,
        light=(1 + (surface.light - 1) * cloth) * (1 - shade),
        cloth=cloth,
    )


def lay_on_table(rng: Generator, cloth: Image, surface: Surface) -> Image:
    """Show a plain table where *surface* has no cloth."""
    if float(surface.cloth.min()) >= 1.0:
        return cloth
    tone = np.float32(rng.choice([rng.uniform(0.75, 1.0), rng.uniform(0.05, 0.6)]))
    warmth = (1 + np.array([0.06, 0.0, -0.08]) * rng.normal()).astype(np.float32)
    table = np.clip(tone * warmth, 0, 1).astype(np.float32)
    grain = smooth_noise(rng, surface.cloth.shape, 40, stretch=float(rng.choice([1.0, 12.0])))
    ground = np.clip(table * (1 + np.float32(0.03) * grain)[..., None], 0, 1)
    return blend(ground, cloth, surface.cloth)
