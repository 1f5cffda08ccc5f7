"""Checks: gingham, tartan, windowpane. They are yarn-dyed: warp and weft carry the colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from common.textures.fields import axes
from common.textures.patterns.bands import distinct, paint, run_of_bands
from common.textures.patterns.colours import palette
from common.textures.patterns.flat import Canvas, Flat

if TYPE_CHECKING:
    from numpy.random import Generator

    from common.textures.settings import PatternSettings

Sett: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Widths (N,) in motifs and colours (N, 3): the order of the yarns over one period."""


def checkered(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Weave checks."""
    pitch = canvas.pitch_px(rng, settings)
    kinds = (_gingham, _tartan, _windowpane)
    draw = kinds[int(rng.choice(len(kinds), p=[0.4, 0.35, 0.25]))]
    warp, weft = draw(rng, palette(rng, 5, settings))
    y, x = axes(canvas.shape)
    length = 2.2 * max(canvas.shape)
    tables = [run_of_bands(w * np.float32(pitch), c, length) for w, c in (warp, weft)]
    tables = [np.roll(table, int(rng.integers(len(table))), axis=0) for table in tables]
    face, across = paint(tables[0], x), paint(tables[1], y)
    full = (*canvas.shape, 3)
    return Flat(np.broadcast_to(face, full).copy(), pitch, np.broadcast_to(across, full).copy())


def _gingham(rng: Generator, colours: NDArray[np.float32]) -> tuple[Sett, Sett]:
    share = rng.uniform(0.42, 0.58)
    widths = np.array([1 - share, share], dtype=np.float32)
    second = colours[[0, 2]] if rng.random() < 0.2 else colours[:2]
    return (widths, colours[:2]), (widths, second)


def _tartan(rng: Generator, colours: NDArray[np.float32]) -> tuple[Sett, Sett]:
    count = int(rng.integers(4, 9))
    widths = rng.uniform(0.08, 1.0, count).astype(np.float32) ** 1.5 * 2
    order = distinct(rng, count, colours[: int(rng.integers(3, 6))])
    mirrored = np.concatenate([widths, widths[-2:0:-1]]), np.concatenate([order, order[-2:0:-1]])
    return mirrored, mirrored


def _windowpane(rng: Generator, colours: NDArray[np.float32]) -> tuple[Sett, Sett]:
    share = rng.uniform(0.06, 0.2)
    widths = np.array([1 - share, share], dtype=np.float32)
    across = widths * np.float32(rng.uniform(0.8, 1.3))
    second = colours[[0, 2]] if rng.random() < 0.3 else colours[:2]
    return (widths, colours[:2]), (across, second)
