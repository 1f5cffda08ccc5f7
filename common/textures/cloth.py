"""What cloth is made of: yarns that cross or loop, and that never are all of one colour.

Yarns also quantise the pattern: on close-ups of real cloth the edge of a dot is a staircase of
yarn crossings, and a check is a mixture of two colours of yarn, not a third colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from common.textures.fields import Image, Plane, Shape, enlarge, smooth_noise

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from common.textures.patterns import Canvas, Flat
    from common.textures.settings import ClothSettings
    from common.textures.streams import Streams


@dataclass(frozen=True, slots=True)
class Structure:
    """How yarns cross."""

    over: NDArray[np.bool_]
    """(H, W) whether the warp (the yarns that run in y) lies on top."""
    height: Plane
    """(H, W) 1 on a yarn's crown, 0 between yarns."""


def weave(streams: Streams, flat: Flat, canvas: Canvas, settings: ClothSettings) -> Image:
    """Make the pattern out of yarns: (H, W, 3) float32 RGB, 0 to 1."""
    rng = streams.named("cloth.yarns")
    yarn_px = canvas.picture_px / settings.yarns.log_uniform(rng)
    yarn_px = min(yarn_px, max(1.0, flat.motif_px / rng.uniform(4, 12)))
    counts = (round(canvas.shape[0] / yarn_px), round(canvas.shape[1] / yarn_px))
    if yarn_px < 1.8:
        face = flat.face if flat.weft is None else (flat.face + flat.weft) * np.float32(0.5)
        return _spin(streams, face, yarn_px, settings)
    structure = _draw_structure(rng, canvas.shape, counts, knit_allowed=flat.weft is None)
    face = _dye_yarns(rng, flat, structure, counts)
    depth = settings.relief.uniform(rng) * min(1.0, (yarn_px - 1.8) / 1.5 + 0.25)
    face = face * (1 - np.float32(depth) * (1 - structure.height))[..., None]
    return _spin(streams, face, yarn_px, settings)


def _draw_structure(rng: Generator, shape: Shape, counts: Shape, *, knit_allowed: bool) -> Structure:
    kind = rng.choice(["plain", "twill", "knit"], p=[0.5, 0.22, 0.28])
    if kind == "knit" and knit_allowed:
        return _knit(rng, shape, counts)
    row, y = _phase(shape[0], counts[0])
    column, x = _phase(shape[1], counts[1])
    row, y = row[:, None], y[:, None]
    over = (row + column) % 2 < 1
    if kind == "twill":
        over = (row + column) % int(rng.integers(3, 5)) < 2
    crown_x, crown_y = np.sin(np.pi * x), np.sin(np.pi * y)
    warp = crown_x * (np.float32(0.65) + np.float32(0.35) * crown_y)
    weft = crown_y * (np.float32(0.65) + np.float32(0.35) * crown_x)
    return Structure(over, np.where(over, warp, weft))


def _knit(rng: Generator, shape: Shape, counts: Shape) -> Structure:
    """Stack columns of V-shaped stitches."""
    _, y = _phase(shape[0], counts[0])
    _, x = _phase(shape[1], counts[1])
    leg = np.abs(2 * x - 1)
    lean = np.float32(rng.uniform(0.4, 0.9))
    height = np.sin(np.pi * ((y[:, None] + lean * leg) % 1))
    height = height * (np.float32(0.45) + np.float32(0.55) * np.sin(np.pi * leg))
    return Structure(np.ones(shape, dtype=np.bool_), height)


def _phase(side_px: int, count: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Give each pixel's yarn number and its place across that yarn, 0 to 1."""
    place = (np.arange(side_px, dtype=np.float32) + np.float32(0.5)) * np.float32(count / side_px)
    number = place.astype(np.int32)
    return number, place - number.astype(np.float32)


def _dye_yarns(rng: Generator, flat: Flat, structure: Structure, counts: Shape) -> Image:
    """Give each yarn crossing one colour, wholly for yarn-dyed cloth, in part for prints."""
    warp = _one_colour_a_crossing(flat.face, counts)
    if flat.weft is not None:
        weft = _one_colour_a_crossing(flat.weft, counts)
        return np.where(structure.over[..., None], warp, weft)
    share = np.float32(rng.choice([0.0, rng.uniform(0.2, 0.8), 1.0]))
    return flat.face + (warp - flat.face) * share


def _one_colour_a_crossing(face: Image, counts: Shape) -> Image:
    size = (face.shape[1], face.shape[0])
    small = cv2.resize(face, (counts[1], counts[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_NEAREST), dtype=np.float32)


def _spin(streams: Streams, face: Image, yarn_px: float, settings: ClothSettings) -> Image:
    """Vary the colour along and across yarns: melange, slubs, uneven dye."""
    rng = streams.named("cloth.spin")
    shape = face.shape[:2]
    bumps = max(shape) / max(yarn_px * 1.3, 2.0)
    along = float(rng.choice([1.0, 3.0, 8.0]))
    fibres = smooth_noise(rng, shape, bumps, stretch=along)
    fibres = fibres + _yarn_gain(rng, shape, yarn_px)
    clouds = smooth_noise(rng, shape, rng.uniform(3, 12))
    gain = 1 + np.float32(settings.melange.mostly_low(rng)) * fibres
    gain = gain + np.float32(0.4 * settings.melange.uniform(rng)) * clouds
    return np.clip(face * gain[..., None], 0, 1)


def _yarn_gain(rng: Generator, shape: Shape, yarn_px: float) -> Plane:
    """Draw how light each whole yarn is: the fine lines that run through real cloth."""
    columns = rng.standard_normal(max(2, int(shape[1] / max(yarn_px, 1.5))), dtype=np.float32)
    rows = rng.standard_normal(max(2, int(shape[0] / max(yarn_px, 1.5))), dtype=np.float32)
    across = enlarge(columns[None, :], (1, shape[1]))
    down = enlarge(rows[:, None], (shape[0], 1))
    gain: Plane = across * np.float32(rng.uniform(0, 0.5)) + down * np.float32(rng.uniform(0, 0.5))
    return gain
