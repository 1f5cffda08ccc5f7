"""How the backbone looks at a picture: as a whole at several sizes, and at parts of it.

A view is two fixed matrices, rows and columns of the picture in and of the view out, so that
scaling and cutting are one exact operation that every runtime does alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESOLUTION = 256


@dataclass(frozen=True)
class View:
    """A square part of the picture, seen at *side* pixels (a multiple of 16)."""

    side: int
    share: float = 1.0
    """Side of the part, of the picture's."""
    down: float = 0.5
    """Where the part lies: 0 is the top, 1 the bottom."""
    right: float = 0.5

    def rows(self) -> NDArray[np.float64]:
        """Return the matrix (side, RESOLUTION) that scales and cuts along y."""
        return _scaling(self.side, self.share, self.down)

    def columns(self) -> NDArray[np.float64]:
        """Return the matrix (RESOLUTION, side) that scales and cuts along x."""
        return _scaling(self.side, self.share, self.right).T


VIEWS = (*(View(side) for side in (64, 80, 96, 112, 144, 192)), View(112, share=0.6))
"""The whole picture from far to near, and its middle; chosen by measuring (docs/decisions/0022)."""


def _scaling(side: int, share: float, place: float) -> NDArray[np.float64]:
    """Weigh pixels by a triangle as wide as two pixels of the coarser grid, as antialiased linear scaling does."""
    cut = share * RESOLUTION
    step = cut / side
    middles = (RESOLUTION - cut) * place + (np.arange(side) + 0.5) * step
    away = np.abs(np.arange(RESOLUTION)[None, :] + 0.5 - middles[:, None]) / max(step, 1.0)
    weights: NDArray[np.float64] = np.maximum(1 - away, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights
