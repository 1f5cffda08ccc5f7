"""What a picture in few cells looks like once it is cut, turned or mirrored as people do it, and how well two agree then."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.cells import LIGHT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.floating]
    Flags = NDArray[np.bool_]

_LEAST = 1e-3


@dataclass(frozen=True)
class Variation:
    """One way to vary a picture: `inside` (cells,) show nothing but the picture; `cells` (inside, cells) makes these of the picture's."""

    cells: Floats
    inside: Flags

    def of(self, planes: Floats) -> Floats:
        """Return planes (…, cells) so varied, (…, cells inside)."""
        varied: Floats = planes @ self.cells.T
        return varied

    def beside(self, planes: Floats) -> Floats:
        """Return of planes (…, cells) that are not varied what the varied ones are compared with."""
        kept: Floats = planes[..., self.inside]
        return kept

    def within(self, flags: Flags) -> Variation:
        """Return the same where only cells with a flag (cells,) are compared."""
        return Variation(self.cells[flags[self.inside]], self.inside & flags)


@functools.cache
def variation(share: float = 1.0, degrees: float = 0.0, *, mirrored: bool = False) -> Variation:
    """Return how a picture is varied of which a cut leaves a *share* of each side, that is turned, or mirrored.

    Each cell is read, between the four nearest, where it comes from.
    """
    import numpy as np

    angle, middle = np.deg2rad(degrees), (np.arange(LIGHT) + 0.5) / LIGHT - 0.5
    down, across = np.meshgrid(middle, -middle if mirrored else middle, indexing="ij")
    there = share * np.stack([np.sin(angle) * across + np.cos(angle) * down, np.cos(angle) * across - np.sin(angle) * down]).reshape(2, -1)
    half = share * (abs(np.cos(angle)) + abs(np.sin(angle))) / (2 * LIGHT)  # of a cell that is turned
    inside: Flags = np.all(abs(there) <= 0.5 - half + 1e-9, axis=0)
    at = np.clip((there + 0.5) * LIGHT - 0.5, 0, LIGHT - 1)
    first = np.minimum(at.astype(np.int64), LIGHT - 2)
    beyond = at - first
    matrix, cells = np.zeros((LIGHT**2, LIGHT**2), np.float32), np.arange(LIGHT**2)
    for y, x in np.ndindex(2, 2):
        weights = np.where(y, beyond[0], 1 - beyond[0]) * np.where(x, beyond[1], 1 - beyond[1])
        matrix[cells, (first[0] + y) * LIGHT + first[1] + x] += weights
    return Variation(matrix[inside], inside)


def directions(light: Floats) -> Floats:
    """Return light (n, cells) about its mean and of length one: products of such rows say how alike they are, 1 at most."""
    import numpy as np

    away = light - light.mean(axis=1, keepdims=True)
    found: Floats = away / np.sqrt((away**2).sum(axis=1, keepdims=True) + _LEAST)
    return found
