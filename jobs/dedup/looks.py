"""How a picture looks, whatever it shows: its light, colours, detail and layout in some forty figures.

A backbone of patterns sees little else than patterns. These figures tell a drawing, a sky, or a thing on a white ground from cloth, so
`curate` compares pictures by them, too. They are taken where pictures are hashed, and mean something only beside those of other pictures.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    Plane = NDArray[np.float32]

FIGURES = 41
SIDE, BORDER, MIDDLE, CELLS = 64, 8, 32, 4
_WHITE, _BLACK, _GREY, _DYED = 0.93, 0.12, 0.03, 0.08
_STRONG, _FLAT = 0.15, 0.01
_HUES, _DIRECTIONS, _SHADES, _COLOURS, _COMMONEST = 6, 12, 32, 16, 4
_LEAST = 1e-3
_NEAR_PX, _FAR_PX = 4, 25
"""How far apart a pattern may repeat."""


def look(picture: Image.Image) -> Plane:
    """Return the figures of an RGB picture, float32 (FIGURES,); they are rounded, since the last bits are the processor's."""
    import numpy as np
    from PIL import Image

    small = picture.resize((SIDE, SIDE), Image.Resampling.BOX)
    light, blue, red = np.moveaxis(np.asarray(small.convert("YCbCr"), np.float32) / 255, 2, 0)
    colour = np.hypot(blue - 0.5, red - 0.5)
    down, across = np.gradient(light)
    edges = np.hypot(down, across)
    figures = [
        *(figure for plane in (light, blue, red, colour) for figure in _spread(plane)),
        *_shares(light, colour, np.arctan2(red - 0.5, blue - 0.5)),
        float(np.log(edges.mean() + _LEAST)),
        float((edges > _STRONG).mean()),
        float((edges < _FLAT).mean()),
        *_detail(light),
        *(_unevenness(plane) for plane in (light, blue, red, edges)),
        *_directions(edges, np.arctan2(down, across)),
        *_repetition(light),
        *_palette(light, np.asarray(small)),
    ]
    rounded: Plane = np.asarray(figures, np.float32).round(4)
    return rounded


def matrix(looks: Sequence[Plane]) -> Plane:
    """Return the looks of pictures, float32 (n, FIGURES)."""
    import numpy as np

    return np.stack(looks) if looks else np.zeros((0, FIGURES), np.float32)


def _spread(plane: Plane) -> tuple[float, float, float]:
    """Return the mean, the standard deviation, and how far the middle lies above the border."""
    inside = (SIDE - MIDDLE) // 2
    middle = plane[inside:-inside, inside:-inside].mean()
    return float(plane.mean()), float(plane.std()), float(middle - plane[_border()].mean())


@functools.cache
def _border() -> NDArray[np.bool_]:
    import numpy as np

    ring = np.ones((SIDE, SIDE), bool)
    ring[BORDER:-BORDER, BORDER:-BORDER] = False
    return ring


def _shares(light: Plane, colour: Plane, hue: Plane) -> list[float]:
    """Return the shares of white, of white in the border, of black, of grey, and of each of six hues."""
    import numpy as np

    white = light > _WHITE
    sixth = np.clip((hue / (2 * np.pi) + 0.5) * _HUES, 0, _HUES - 1).astype(np.int64)
    hues = np.bincount(sixth[colour > _DYED], minlength=_HUES) / hue.size
    return [*(float(one.mean()) for one in (white, white[_border()], light < _BLACK, colour < _GREY)), *hues.tolist()]


def _detail(light: Plane) -> list[float]:
    """Return how much there is to see in details of 1, 2, 4 and 8 pixels, logarithms."""
    import numpy as np

    variances = [float(_blocks(light, size).var()) for size in (1, 2, 4, 8, 16)]
    return [float(np.log(max(fine - coarse, 0.0) ** 0.5 + _LEAST)) for fine, coarse in pairwise(variances)]


def _blocks(plane: Plane, size: int) -> Plane:
    blocks: Plane = plane.reshape(SIDE // size, size, SIDE // size, size).mean(axis=(1, 3))
    return blocks


def _unevenness(plane: Plane) -> float:
    """Return how much of what varies does so between the sixteenths of a picture: little, where a pattern fills it."""
    return float(_blocks(plane, SIDE // CELLS).std() / (plane.std() + 0.02))


def _directions(edges: Plane, angle: Plane) -> tuple[float, float]:
    """Return the entropy of the edges' directions (nats), and the share of the commonest."""
    import numpy as np

    twelfth = np.clip((angle % np.pi) / np.pi * _DIRECTIONS, 0, _DIRECTIONS - 1).astype(np.int64)
    shares = np.bincount(twelfth.ravel(), edges.ravel(), _DIRECTIONS) / (edges.sum() + _LEAST)
    return _entropy(shares), float(shares.max())


def _repetition(light: Plane) -> tuple[float, float, float]:
    """Return how like its mirror image a picture is, and the highest and lowest correlation with itself moved by a few pixels."""
    import numpy as np

    standard = (light - light.mean()) / (light.std() + 0.02)
    power = np.abs(np.fft.fft2(standard)) ** 2
    correlation = np.fft.fftshift(np.fft.ifft2(power).real) / light.size
    moved = correlation[_moves()]
    return float((standard * standard[:, ::-1]).mean()), float(moved.max()), float(moved.min())


@functools.cache
def _moves() -> NDArray[np.bool_]:
    """Mark the moves by which a pattern may repeat."""
    import numpy as np

    far = np.hypot(*(np.mgrid[:SIDE, :SIDE] - SIDE // 2))
    marked: NDArray[np.bool_] = (far > _NEAR_PX) & (far < _FAR_PX)
    return marked


def _palette(light: Plane, pixels: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Return the share of the commonest shades, the shades' entropy (nats), and the logarithm of the number of colours."""
    import numpy as np

    shares = np.bincount((light * (_SHADES - 1)).astype(np.int64).ravel(), minlength=_SHADES) / light.size
    coarse = pixels.astype(np.int64) * _COLOURS // 256
    colours = np.bincount(((coarse[..., 0] * _COLOURS + coarse[..., 1]) * _COLOURS + coarse[..., 2]).ravel())
    return float(np.sort(shares)[-_COMMONEST:].sum()), _entropy(shares), float(np.log(np.count_nonzero(colours)))


def _entropy(shares: NDArray[np.floating[Any]]) -> float:
    import numpy as np

    return float(-(shares * np.log(shares + 1e-9)).sum())
