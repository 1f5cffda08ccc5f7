"""Colours that change along one direction: stripes, and the yarns of checks.

A run of bands is drawn once as a table with four entries a pixel, already blurred to the pixel's
width; painting it along any coordinate (straight, slanted, wavy, zigzag) is one look-up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from common.textures.fields import Image, Plane

_PER_PX = 4


def run_of_bands(
    widths_px: NDArray[np.float32],
    colours: NDArray[np.float32],
    length_px: float,
    softness_px: float = 1.2,
) -> NDArray[np.float32]:
    """Lay bands side by side, repeating, over *length_px*: a table (length * 4, 3) of RGB.

    *widths_px* (N,) and *colours* (N, 3) describe one period.
    """
    edges = np.cumsum(widths_px)
    entries = round(length_px * _PER_PX)
    place = (np.arange(entries, dtype=np.float32) + 0.5) / _PER_PX % edges[-1]
    which = np.minimum(np.searchsorted(edges, place, side="right"), len(widths_px) - 1)
    table = colours[which].astype(np.float32)
    blurred = cv2.GaussianBlur(table, (1, 0), 0, sigmaY=softness_px * _PER_PX / 2)
    return np.asarray(blurred, dtype=np.float32).reshape(-1, 3)


def paint(table: NDArray[np.float32], place_px: Plane) -> Image:
    """Look up each place (pixels from the middle of the table); beyond its ends it mirrors."""
    entries = len(table)
    index = np.rint(place_px * _PER_PX).astype(np.int32) + entries // 2
    index = np.abs(index) % (2 * entries)
    index = np.minimum(index, 2 * entries - 1 - index)
    return np.take(table, index, axis=0)


def distinct(rng: Generator, count: int, palette: NDArray[np.float32]) -> NDArray[np.float32]:
    """Order *count* colours of *palette* so that no neighbour (nor last and first) is alike."""
    order = [0]
    for position in range(1, count):
        closing = {0} if position == count - 1 else set()
        free = [i for i in range(len(palette)) if i != order[-1] and i not in closing]
        order.append(int(rng.choice(free)) if free else 1 - order[-1])
    return palette[order]
