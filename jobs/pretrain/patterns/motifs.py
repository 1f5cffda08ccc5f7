"""Shapes that repeat at points: anything whose rim is one distance for each direction.

A rim is a table of radii over the circle, 1 at its farthest; so a heart, a star and a blob cost
the same and go through the same code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.textures.fields import Plane, blend, cover
from common.textures.patterns.scatter import cells, jitter, lattice

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    from common.textures.fields import Colour, Image
    from common.textures.patterns import Canvas
    from common.textures.patterns.scatter import Cells

    Rim = NDArray[np.float32]
    """(256,): radius in each direction, from 0 to a whole turn."""
    Turn = Callable[[int], NDArray[np.float32]]
    """Gives so many motifs their turns, in radians."""

_STEPS = 256
_ANGLES = np.arange(_STEPS) * (2 * np.pi / _STEPS)


def dyed(canvas: Canvas, colour: Colour) -> Image:
    """Give cloth of one colour."""
    return np.full((*canvas.shape, 3), colour, dtype=np.float32)


def polygon(sides: int) -> Rim:
    """A regular polygon."""
    part = 2 * np.pi / sides
    return _unit(1 / np.cos(_ANGLES % part - part / 2))


def star(points: int, depth: float) -> Rim:
    """A star whose notches go *depth* (0 to 1) of the way to the middle; its sides are nearly straight."""
    beside = np.abs(((_ANGLES * points / (2 * np.pi)) % 1) * 2 - 1)
    return _unit(1 / (1 / (1 - depth) + (1 - 1 / (1 - depth)) * beside))


def petals(count: int, depth: float, power: float) -> Rim:
    """Petals that are *depth* of the radius long; a low power makes them broad."""
    return _unit(1 - depth + depth * np.abs(np.cos(_ANGLES * count / 2)) ** power)


def heart() -> Rim:
    """A heart that stands upright."""
    t = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    x, y = 16 * np.sin(t) ** 3, 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return _through(-y, x)


def cross(thickness: float) -> Rim:
    """A cross with arms of *thickness*, of its half side."""
    cosine, sine = np.abs(np.cos(_ANGLES)), np.abs(np.sin(_ANGLES))
    arm = np.minimum(1 / np.maximum(cosine, 1e-6), thickness / np.maximum(sine, 1e-6))
    other = np.minimum(1 / np.maximum(sine, 1e-6), thickness / np.maximum(cosine, 1e-6))
    return _unit(np.maximum(arm, other))


def lens(width: float) -> Rim:
    """A leaf without a stalk: two arcs that meet in two points."""
    along = np.linspace(-1, 1, 360)
    across = width * (1 - along**2)
    return _through(np.concatenate([across, -across]), np.concatenate([along, along]))


def frond(leaflets: int, width: float, depth: float) -> Rim:
    """A leaf with a ragged edge, as palms and ferns have it."""
    teeth = 1 - depth + depth * np.abs(np.cos(_ANGLES * leaflets)) ** 0.7
    return _unit(lens(width) * teeth)


def drop(bend: float) -> Rim:
    """A drop with a bent tail, as in paisley."""
    t = np.linspace(0, 1, 360)
    width = np.sin(np.pi * t**0.7) * 0.42
    middle = bend * t**2
    x, y = np.concatenate([t, t]) - 0.4, np.concatenate([middle + width, middle - width]) - 0.1 * bend
    return _through(y, x)


def blob(rng: Generator, roughness: float) -> Rim:
    """A shape of its own at every call: round at 0, ragged at 1."""
    rim = np.ones(_STEPS)
    for order in range(2, 8):
        rim = rim + roughness * rng.normal(0, 0.5 / order) * np.cos(order * _ANGLES + rng.uniform(0, 2 * np.pi))
    return _unit(np.maximum(rim, 0.15))


def ellipse(ratio: float) -> Rim:
    """An ellipse with a short half-axis of *ratio*."""
    return _unit(ratio / np.sqrt((ratio * np.cos(_ANGLES)) ** 2 + np.sin(_ANGLES) ** 2))


def outside(found: Cells, rim: Rim, radius_px: NDArray[np.float32], turn_rad: NDArray[np.float32]) -> Plane:
    """Give every pixel's distance beyond its motif, about in pixels, negative inside; radii and turns are one for each point."""
    angle = np.arctan2(found.y, found.x) - found.spread(turn_rad)
    step = np.rint(angle * np.float32(_STEPS / (2 * np.pi))).astype(np.int32) % _STEPS
    reach: Plane = found.distance() - np.take(rim, step) * found.spread(radius_px)
    return reach


def toss(rng: Generator, canvas: Canvas, pitch: float, *, loose: float, points_share: float = 1.0) -> Cells:
    """Lay points about *pitch* apart; at *loose* 0 a lattice, at 0.5 nearly random. Some points may be left out."""
    hexagonal = bool(rng.random() < 0.6)
    aspect = float(np.sqrt(3) / 2 if hexagonal else rng.choice([1.0, 1.25]))
    angle = float(rng.choice([0.0, np.pi / 4, rng.uniform(0, np.pi)]))
    points = lattice(canvas.shape, pitch, angle_rad=angle, aspect=aspect, hexagonal=hexagonal)
    points = points + rng.uniform(-0.5, 0.5, 2).astype(np.float32) * np.float32(pitch)
    points = jitter(rng, points, loose * pitch)
    keep = rng.random(len(points)) < points_share
    keep[0] = True
    return cells(points[keep], canvas.shape, pitch)


def lay(
    rng: Generator,
    face: Image,
    found: Cells,
    rims: list[Rim],
    colours: NDArray[np.float32],
    *,
    radius_px: tuple[float, float],
    turn: Turn,
) -> Image:
    """Lay one of *rims*, in one of *colours* (N, 3), on *face* at every point."""
    which = rng.integers(0, len(rims), found.count)
    radius = rng.uniform(*radius_px, found.count).astype(np.float32)
    turns = turn(found.count)
    chosen = found.spread(colours[rng.integers(0, len(colours), found.count)])
    kind = found.spread(which.astype(np.float32))
    for number, rim in enumerate(rims):
        covered = cover(outside(found, rim, radius, turns)) * (kind == number)
        face = blend(face, chosen, covered.astype(np.float32))
    return face


def any_turn(rng: Generator) -> Turn:
    """Turn each motif by any angle, or all by the same."""
    if rng.random() < 0.55:
        return all_ways(rng)
    same = np.float32(rng.choice([0.0, np.pi / 2, rng.uniform(0, 2 * np.pi)]))
    return lambda count: np.full(count, same, dtype=np.float32)


def all_ways(rng: Generator) -> Turn:
    """Turn each motif by an angle of its own."""
    return lambda count: rng.uniform(0, 2 * np.pi, count).astype(np.float32)


def upright(count: int) -> NDArray[np.float32]:
    """Turn none."""
    return np.zeros(count, dtype=np.float32)


def _through(y: NDArray[np.float64], x: NDArray[np.float64]) -> Rim:
    """Make the rim that goes through points around the origin: the farthest one in each direction."""
    angle = np.rint(np.arctan2(y, x) * _STEPS / (2 * np.pi)).astype(int) % _STEPS
    rim = np.zeros(_STEPS)
    np.maximum.at(rim, angle, np.hypot(y, x))
    known = np.flatnonzero(rim)
    return _unit(np.interp(np.arange(_STEPS), known, rim[known], period=_STEPS))


def _unit(rim: NDArray[np.float64] | Rim) -> Rim:
    return np.asarray(rim / rim.max(), dtype=np.float32)
