"""How the backbone looks at a picture: as a whole, at several sizes.

A view is one fixed matrix for the rows and, transposed, for the columns, so that scaling is one exact operation that
every runtime does alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RESOLUTION = 256
VIEWS = (64, 96, 144, 224)
"""Sides in pixels, multiples of 16: from far to near; chosen by measuring (docs/decisions/0022)."""


def scaling(side: int) -> NDArray[np.float64]:
    """Return the matrix (side, RESOLUTION) that scales rows as antialiased linear scaling does."""
    step = RESOLUTION / side
    middles = (np.arange(side) + 0.5) * step
    away = np.abs(np.arange(RESOLUTION)[None, :] + 0.5 - middles[:, None]) / max(step, 1.0)
    weights: NDArray[np.float64] = np.maximum(1 - away, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights
