"""Whether two pictures whose hashes are near do look alike, part by part: what tells a copy from the same shirt in another print.

A copy has the light and the colours of its original everywhere, but for one curve of tones, and perhaps for a cut, a frame or a slight
turn. Another picture differs somewhere, however alike the outlines are that a hash goes by.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.aligned import Variation, directions, variation
from common.cells import COLOUR, LIGHT, SIZE, planes
from jobs.dedup import frequencies

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float64]
    Floats32 = NDArray[np.float32]
    Flags = NDArray[np.bool_]

WORST = 0.98
"""Of the cells that differ most the worst fiftieth does not count: a watermark, a speck."""
LIGHT_WEIGHT, COLOUR_WEIGHT, MOST = 5.0, 6.0, 8.0
"""Weights of the logarithms of both differences, and the most that they come to in copies; fitted on photographs and renderings."""
SHARES, TURNS = (0.975, 0.95, 0.925, 0.9, 0.875, 0.85, 0.82, 0.79), (1, 2, 3, 4, 5, 7, 10)
"""What a cut leaves of a picture's sides (a frame is a cut that is undone), and degrees that it is turned by, either way."""
MOST_GAIN, GAIN_WITHIN = 4.0, 89
"""What a variation makes two pictures more alike by counts twice, up to so much: other pictures gain little by any. Of hashes further
apart than so many bits it counts once: among very many pairs that are so near by chance, some gain as much by chance.
"""
BORDER, LEAST_ALIKE, PROMISING = 2, 0.5, 0.2
"""Within so many cells of the border light must go together: what is alike may not be only a frame that both wear. It does so a little
before the right variation is found.
"""
GRAIN = 0.25
"""Of light that varies by less than the root of so much (grey levels) there is nothing to go together: it is alike."""
TRIED = 8
"""So many variations are compared cell by cell: those in which the light is most alike."""
VARIED_UP_TO = 5_000
"""Of more pictures, too many lie near each other by chance to try variations of all."""
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
        self._ways = _ways() if len(rows) <= VARIED_UP_TO else ()

    def alike(self, pairs: Sequence[tuple[str, str, int]], way: str = "upright") -> Flags:
        """Say of each pair (one, other, bits apart) whether the two look alike, once the other is turned that way."""
        import numpy as np

        at = np.array([self._at[one] for one, *_ in pairs], np.int64)
        there = np.array([self._at[other] for _, other, _ in pairs], np.int64)
        near = np.array([apart <= GAIN_WITHIN for *_, apart in pairs], bool)
        found = np.zeros(len(pairs), bool)
        for start in range(0, len(pairs), _AT_A_TIME):
            some = slice(start, start + _AT_A_TIME)
            found[some] = are_copies(self._rows[at[some]], _turned(self._rows[there[some]], way), near[some], self._ways)
        return found


def are_copies(ones: Bytes, others: Bytes, near: Flags, ways: Sequence[Variation] = ()) -> Flags:
    """Say of each pair whether it looks like one picture, as it is or in one of the likeliest *ways* to vary either of them.

    Thumbnails are uint8 (n, SIZE) each; *near* (n,) says whose hashes are near enough for what a variation gains to count.
    """
    import numpy as np

    here, there = (planes(side).reshape(len(side), 3, LIGHT**2) for side in (ones, others))
    within = _alike_within(variation(), here, there)
    rows = np.flatnonzero(within >= (PROMISING if ways else LEAST_ALIKE))
    plain = _apart(here[rows], there[rows])
    alike = (plain <= MOST) & (within[rows] >= LEAST_ALIKE)
    if ways:
        left = rows[~alike]
        alike[~alike] = _once_varied((here[left], there[left]), plain[~alike], near[left], ways)
    found = np.zeros(len(here), bool)
    found[rows] = alike
    return found


def _once_varied(both: tuple[Floats32, Floats32], plain: Floats, near: Flags, ways: Sequence[Variation]) -> Flags:
    """Say of pairs of planes (n, 3, cells), which differ by *plain* as they are, whether they are alike once either is varied."""
    import numpy as np

    tried = [(way, first) for way in ways for first in (0, 1)]
    light = np.stack([_light_alike(way, both[first], both[1 - first]) for way, first in tried], axis=1)
    likely = light >= np.sort(light, axis=1)[:, -TRIED:][:, :1]
    found = np.zeros(len(plain), bool)
    for number, (way, first) in enumerate(tried):
        rows = np.flatnonzero(likely[:, number] & ~found)
        rows = rows[_alike_within(way, both[first][rows], both[1 - first][rows]) >= LEAST_ALIKE]
        apart = _apart(way.of(both[first][rows]), way.beside(both[1 - first][rows]))
        gain = np.where(near[rows], np.clip(plain[rows] - apart, 0, MOST_GAIN), 0)
        found[rows] = apart - gain <= MOST
    return found


@functools.cache
def _ways() -> tuple[Variation, ...]:
    cuts = (variation(share) for share in SHARES)
    turns = (variation(degrees=way) for degrees in TURNS for way in (degrees, -degrees))
    return (*cuts, *turns)


def _light_alike(way: Variation, varied: Floats32, plain: Floats32) -> Floats:
    """Return how alike light is, of pairs of planes (n, 3, cells), to float64 (n,)."""
    import numpy as np

    alike: Floats = (directions(way.of(varied[:, 0])) * directions(way.beside(plain[:, 0]))).sum(axis=1, dtype=np.float64)
    return alike


def _alike_within(way: Variation, varied: Floats32, plain: Floats32) -> Floats:
    """Return how alike light is within the border."""
    import numpy as np

    way = way.within(_middle())
    one, other = (side.astype(np.float64) for side in (way.of(varied[:, 0]), way.beside(plain[:, 0])))
    one, other = one - one.mean(axis=1, keepdims=True), other - other.mean(axis=1, keepdims=True)
    of_both, of_one, of_other = ((left * right).mean(axis=1) + GRAIN for left, right in ((one, other), (one, one), (other, other)))
    alike: Floats = of_both / np.sqrt(of_one * of_other)
    return alike


@functools.cache
def _middle() -> Flags:
    """Mark the cells within the border."""
    import numpy as np

    marked = np.zeros((LIGHT, LIGHT), bool)
    marked[BORDER:-BORDER, BORDER:-BORDER] = True
    return marked.ravel()


def _apart(ones: Floats32, others: Floats32) -> Floats:
    """Return how far pairs of planes (n, 3, cells) differ where they differ most."""
    import numpy as np

    here, there = ones.astype(np.float64), others.astype(np.float64)
    light = np.maximum(_beside_a_curve(here[:, 0], there[:, 0]), _beside_a_curve(there[:, 0], here[:, 0]))
    strength = np.hypot(*((abs(here[:, 1:]) + abs(there[:, 1:])) / 2).transpose(1, 0, 2))
    colour = np.quantile(np.hypot(*(here[:, 1:] - there[:, 1:]).transpose(1, 0, 2)) / (strength + _GREY), WORST, axis=1)
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
