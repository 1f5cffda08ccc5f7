"""Leopard: rosettes with a dark broken rim and a tinted middle, small solid spots between them.

A rosette is drawn in polar form around its point: the outer rim's radius and the rim's thickness
are short Fourier series of the angle with coefficients of their own, so every rosette differs,
and where the thickness falls below zero the rim is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from common.textures.fields import Colour, Image, Plane, blend, cover, smooth_noise
from common.textures.patterns.colours import colour, hsv, lightness
from common.textures.patterns.flat import Canvas, Flat
from common.textures.patterns.scatter import Cells, cells, jitter, lattice

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from common.textures.settings import PatternSettings

_LEAST_PX = 9.0
"""Below this a rosette is a speck."""
Coat: TypeAlias = tuple[Colour, Colour, Colour]
"""Colours of ground, middle and rim."""


def leopard(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Draw a leopard print."""
    pitch = max(_LEAST_PX, canvas.pitch_px(rng, settings))
    points = _points(rng, canvas, pitch)
    wobble = _wobble(rng, canvas, pitch)
    rim, middle = _rosettes(rng, cells(points, canvas.shape, pitch), wobble, pitch)
    spots = _spots(rng, canvas, points, wobble, pitch)
    return Flat(_dye(rng, canvas, settings, np.maximum(rim, spots), middle), pitch)


def _points(rng: Generator, canvas: Canvas, pitch: float) -> NDArray[np.float32]:
    """Place the rosettes: a hexagonal lattice that jitter hides."""
    aspect = float(np.sqrt(3) / 2 * rng.uniform(0.9, 1.25))
    turn = float(rng.uniform(0, np.pi))
    points = lattice(canvas.shape, pitch, angle_rad=turn, aspect=aspect, hexagonal=True)
    points = points + rng.uniform(-0.5, 0.5, 2).astype(np.float32) * np.float32(pitch)
    return jitter(rng, points, pitch * rng.uniform(0.12, 0.24))


def _wobble(rng: Generator, canvas: Canvas, pitch: float) -> Plane:
    """Draw the unevenness of all outlines, in pixels."""
    bumps = max(canvas.shape) / pitch
    coarse = smooth_noise(rng, canvas.shape, min(3.0 * bumps, max(canvas.shape) / 3))
    fine = smooth_noise(rng, canvas.shape, min(7.0 * bumps, max(canvas.shape) / 2))
    return (coarse * np.float32(0.05) + fine * np.float32(0.02)) * np.float32(pitch)


def _rosettes(rng: Generator, found: Cells, wobble: Plane, pitch: float) -> tuple[Plane, Plane]:
    """Give the cover of the rims and of the middles."""
    radius, cosine, sine = _polar(rng, found)
    cosine2, sine2 = cosine * cosine - sine * sine, 2 * cosine * sine
    cosine3, sine3 = cosine * cosine2 - sine * sine2, sine * cosine2 + cosine * sine2
    table = _coefficients(rng, found.count, pitch)
    c = [found.spread(table[:, k]) for k in range(table.shape[1])]
    outer = c[0] + c[1] * cosine2 + c[2] * sine2 + c[3] * cosine3 + c[4] * sine3 + wobble
    thick = c[5] + c[6] * cosine + c[7] * sine + c[8] * cosine3 + c[9] * sine3 + wobble
    thick = np.minimum(thick, outer)
    rim = cover(np.abs(radius - outer + thick / 2) - thick / 2)
    return rim, cover(radius - outer + np.maximum(thick, 0) / 2 + c[5] / 4)


def _polar(rng: Generator, found: Cells) -> tuple[Plane, Plane, Plane]:
    """Give radius, cosine and sine around each point, rosettes a little stretched one way."""
    stretch = np.float32(rng.uniform(0.8, 1.25))
    x, y = found.x * stretch, found.y / stretch
    radius = np.sqrt(x * x + y * y) + np.float32(1e-3)
    return radius, x / radius, y / radius


def _coefficients(rng: Generator, count: int, pitch: float) -> NDArray[np.float32]:
    """Draw (count, 10) Fourier coefficients in pixels: radius (5), then thickness (5)."""
    size = rng.uniform(0.29, 0.41) * rng.uniform(0.72, 1.08, (count, 1))
    radius = size * np.hstack([np.ones((count, 1)), rng.normal(0, 0.09, (count, 4))])
    weight, openness = rng.uniform(0.08, 0.16), rng.uniform(0.5, 1.1)
    thick = np.hstack([np.ones((count, 1)), openness * rng.normal(0, 0.55, (count, 4))])
    thick = weight * thick
    solid = rng.random(count) < rng.choice([0.0, 0.12, 0.35])
    thick[solid, 0] += 1.0
    radius[solid] *= 0.6
    return (np.hstack([radius, thick]) * pitch).astype(np.float32)


def _spots(rng: Generator, canvas: Canvas, points: NDArray[np.float32], wobble: Plane, pitch: float) -> Plane:
    """Give the cover of small solid spots in the gaps between three rosettes."""
    share = rng.choice([0.0, 0.4, 0.8], p=[0.2, 0.4, 0.4])
    chosen = points[rng.random(len(points)) < share]
    if len(chosen) == 0:
        return np.zeros(canvas.shape, dtype=np.float32)
    away = np.array([pitch / np.sqrt(3), 0.0], dtype=np.float32)
    found = cells(jitter(rng, chosen + away, 0.1 * pitch), canvas.shape, pitch)
    radius = rng.uniform(0.04, 0.15, found.count).astype(np.float32) * np.float32(pitch)
    return cover(found.distance() - found.spread(radius) - 1.6 * wobble)


def _dye(rng: Generator, canvas: Canvas, settings: PatternSettings, rim: Plane, middle: Plane) -> Image:
    """Colour the coat; the ground varies slowly, as real and printed fur does."""
    ground, tint, dark = _coat(rng, settings)
    face = blend(ground, tint, middle * np.float32(rng.uniform(0.5, 1.0)))
    tone = smooth_noise(rng, canvas.shape, rng.uniform(3, 12))
    face = face * (1 + np.float32(rng.uniform(0, 0.12)) * tone)[..., None]
    return blend(np.clip(face, 0, 1), dark, rim)


def _coat(rng: Generator, settings: PatternSettings) -> Coat:
    """Draw the three colours: natural, snow, or any dye; dark rims on a lighter ground."""
    kind = rng.choice(3, p=[0.62, 0.15, 0.23])
    if kind == 0:
        hue, value = rng.uniform(0.055, 0.125), rng.uniform(0.6, 0.96)
        ground = hsv(hue, rng.uniform(0.18, 0.62), value)
        tint = hsv(hue - 0.015, rng.uniform(0.45, 0.75), value * rng.uniform(0.55, 0.85))
        dark = hsv(hue - 0.03, rng.uniform(0.2, 0.7), rng.uniform(0.03, 0.25))
    elif kind == 1:
        value = rng.uniform(0.7, 0.98)
        ground = hsv(rng.uniform(), rng.uniform(0, 0.08), value)
        tint = hsv(rng.uniform(), rng.uniform(0, 0.12), value * rng.uniform(0.5, 0.85))
        dark = hsv(rng.uniform(), rng.uniform(0, 0.15), rng.uniform(0.03, 0.3))
    else:
        ground = colour(rng)
        tint = np.clip(ground * np.float32(rng.uniform(0.5, 0.85)), 0, 1)
        dark = ground * np.float32(rng.uniform(0.05, 0.35))
    return ground, tint, _keep_contrast(rng, settings, ground, dark)


def _keep_contrast(rng: Generator, settings: PatternSettings, ground: Colour, dark: Colour) -> Colour:
    """Fade the rims towards the ground on washed-out cloth; print light on a dark ground."""
    if lightness(ground) < 0.25:
        light: Colour = np.clip(ground + np.float32(rng.uniform(0.25, 0.6)), 0, 1)
        return light
    wanted = 1.6 * settings.contrast.uniform(rng)
    have = float(lightness(ground) - lightness(dark))
    faded: Colour = ground + (dark - ground) * np.float32(min(1.0, wanted / max(have, 1e-3)))
    return faded
