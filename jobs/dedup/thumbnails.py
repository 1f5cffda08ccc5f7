"""Whether two pictures whose hashes are near do look alike, part by part: what tells a copy from the same shirt in another print.

A copy has the light and the colours of its original everywhere, but for one curve of tones. Another picture differs somewhere, however
alike the outlines are that a hash goes by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.cells import COLOUR, LIGHT, SIZE
from jobs.dedup import frequencies

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float64]

WORST = 0.98
"""Of the cells that differ most the worst fiftieth does not count: a watermark, a speck."""
LIGHT_WEIGHT, COLOUR_WEIGHT, MOST = 5.0, 6.0, 7.5
"""Weights of the logarithms of both differences, and the most that they come to in copies; fitted on photographs and renderings."""
_GREY, _LEAST = 6.0, 0.05
_RIDGE = 1e-6
_AT_A_TIME = 4096


def thumbnail(picture: Image.Image) -> Bytes:
    """Return the cells of an RGB picture: light row by row, then each colour, uint8 (SIZE,)."""
    import numpy as np
    from PIL import Image

    light = picture.convert("L").resize((LIGHT, LIGHT), Image.Resampling.BOX)
    colours = picture.convert("YCbCr").resize((COLOUR, COLOUR), Image.Resampling.BOX)
    return np.concatenate([np.asarray(light).ravel(), np.asarray(colours)[..., 1:].transpose(2, 0, 1).ravel()])


def matrix(thumbnails: Sequence[Bytes]) -> Bytes:
    """Return the thumbnails of a shard's pictures, uint8 (n, SIZE)."""
    import numpy as np

    return np.stack(thumbnails) if thumbnails else np.zeros((0, SIZE), np.uint8)


def joined(shards: Sequence[Bytes]) -> Bytes:
    """Return the thumbnails of all shards, uint8 (n, SIZE)."""
    import numpy as np

    return np.concatenate(shards) if shards else matrix([])


class Thumbnails:
    """The thumbnails of pictures by their ids."""

    def __init__(self, ids: Sequence[str], rows: Bytes) -> None:
        self._at = {one: at for at, one in enumerate(ids)}
        self._rows = rows

    def alike(self, ones: Sequence[str], others: Sequence[str], way: str = "upright") -> NDArray[np.bool_]:
        """Say of each pair whether the two look alike, once the other is turned that way."""
        import numpy as np

        at, there = (np.array([self._at[one] for one in ids], np.int64) for ids in (ones, others))
        found = np.zeros(len(at), bool)
        for start in range(0, len(at), _AT_A_TIME):
            some = slice(start, start + _AT_A_TIME)
            found[some] = differences(self._rows[at[some]], _turned(self._rows[there[some]], way)) <= MOST
        return found


def differences(ones: Bytes, others: Bytes) -> Floats:
    """Return how far the pictures of each pair differ, from thumbnails, uint8 (n, SIZE) each, to float64 (n,)."""
    import numpy as np

    lights, colours = ([side[:, part].astype(np.float64) for side in (ones, others)] for part in (slice(LIGHT**2), slice(LIGHT**2, None)))
    light = np.maximum(_beside_a_curve(*lights), _beside_a_curve(*lights[::-1]))
    here, there = ((side - 128).reshape(-1, 2, COLOUR**2) for side in colours)
    strength = np.hypot(*((abs(here) + abs(there)) / 2).transpose(1, 0, 2))
    colour = np.quantile(np.hypot(*(here - there).transpose(1, 0, 2)) / (strength + _GREY), WORST, axis=1)
    together: Floats = LIGHT_WEIGHT * np.log1p(light) + COLOUR_WEIGHT * np.log(colour + _LEAST)
    return together


def _beside_a_curve(ones: Floats, others: Floats) -> Floats:
    """Return how far, in grey levels, the cells of the others lie beside the best parabola over those of the ones, but for the worst."""
    import numpy as np

    level = ones / 127.5 - 1
    powers = np.stack([np.ones_like(level), level, level**2], axis=2)
    squares = powers.transpose(0, 2, 1) @ powers + _RIDGE * np.eye(3)
    curve = np.linalg.solve(squares, powers.transpose(0, 2, 1) @ others[..., None])
    beside: Floats = np.quantile(abs(others - (powers @ curve)[..., 0]), WORST, axis=1)
    return beside


def _turned(rows: Bytes, way: str) -> Bytes:
    """Return what the thumbnails would be were their pictures turned or mirrored that way."""
    import numpy as np

    planes = (rows[:, : LIGHT**2], rows[:, LIGHT**2 : -(COLOUR**2)], rows[:, -(COLOUR**2) :])
    sides = (LIGHT, COLOUR, COLOUR)
    turned = [frequencies.turned_planes(plane.reshape(-1, side, side), way) for plane, side in zip(planes, sides, strict=True)]
    return np.concatenate([plane.reshape(len(rows), side**2) for plane, side in zip(turned, sides, strict=True)], axis=1)
