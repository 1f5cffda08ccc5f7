"""A picture in few cells: its light and, more coarsely, its two colours, as dedup keeps them of every picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

THUMBNAILS = "thumbnails.npy"
LIGHT, COLOUR = 16, 8
"""Cells down and across of the light (Y), and of the two colours (Cb, Cr)."""
SIZE = LIGHT**2 + 2 * COLOUR**2
"""Of a thumbnail, uint8: light row by row, then each colour."""


def planes(thumbnails: Bytes) -> NDArray[np.float32]:
    """Return light, and both colours about grey, of thumbnails (n, SIZE), all with as many cells: float32 (n, 3, LIGHT, LIGHT)."""
    import numpy as np

    light = thumbnails[:, : LIGHT**2].reshape(-1, 1, LIGHT, LIGHT).astype(np.float32)
    colours = thumbnails[:, LIGHT**2 :].reshape(-1, 2, COLOUR, COLOUR).astype(np.float32) - 128
    return np.concatenate([light, colours.repeat(LIGHT // COLOUR, 2).repeat(LIGHT // COLOUR, 3)], axis=1)
