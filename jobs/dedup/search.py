"""The search for pairs: which hashes lie within a distance of each other, exactly, for a few or a million.

Up to a million every hash is held against every other (faiss, flat). Beyond that, an index over 16 pieces of 16 bits finds the candidates
(multi-index hashing; Norouzi, Punjani and Fleet, 2012): hashes at most 31 bits apart differ in at most one bit in one piece
at least, so nothing is missed. Hashes that are near make candidates; thumbnails tell whether they are copies.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from common.records import Value
from jobs.dedup import frequencies, hashes
from jobs.dedup.hashes import Hash
from jobs.dedup.thumbnails import VARIED_UP_TO, Thumbnails

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]

SAME = "same.parquet"
PIXELS = "pixels"
_BLOCK = 4096
_PIECES, _PIECE_BITS, _FLIPPED = 16, 16, 1
_REACH = _PIECES * (_FLIPPED + 1) - 1
FLAT_UP_TO = 1_000_000
_USUAL = 90
"""Further apart lie only copies that were cut, framed or turned."""


class Same(Value, frozen=True, kw_only=True):
    """Two pictures that are the same, `one` before `other`, and how many bits apart.

    `how` is "pixels", or what makes of the other the one, such as "upright" or "turned by 90" (against the clock).
    """

    one: str
    other: str
    how: str
    apart: int


def pairs(
    known: Sequence[Hash], distance: int, ways: Iterable[str] = frequencies.UPRIGHT, thumbnails: Thumbnails | None = None
) -> Iterator[tuple[int, int, str, int]]:
    """Yield (i, j, how, bits apart), i < j, for pictures that are the same: by pixels, or within `distance` bits and with thumbnails alike.

    `ways` are what may be done to `j`. A pair is said once, by the first of what makes it one, in the order of the pictures.
    """
    first: dict[tuple[int, int], tuple[str, int]] = dict.fromkeys(_equal(known), (PIXELS, 0))
    told = [number for number, one in enumerate(known) if not one.plain]
    bits = hashes.matrix([known[number] for number in told])
    for way in ways:
        for later, earlier, apart in near(bits, frequencies.turned(bits, way), distance):
            found = [(told[i], told[j], far) for i, j, far in zip(earlier.tolist(), later.tolist(), apart.tolist(), strict=True)]
            for i, j, far in _alike(found, known, way, thumbnails):
                first.setdefault((i, j), (way, far))
    for (i, j), (how, far) in sorted(first.items()):
        yield i, j, how, far


def _alike(
    found: list[tuple[int, int, int]], known: Sequence[Hash], way: str, thumbnails: Thumbnails | None
) -> Iterable[tuple[int, int, int]]:
    if thumbnails is None:
        return found
    return itertools.compress(found, thumbnails.alike([(known[i].id, known[j].id, apart) for i, j, apart in found], way))


def reach(count: int, distance: int) -> int:
    """Return how far apart hashes of so many pictures are looked for.

    That is as far as it says while thumbnails are varied, and beyond a million only as far as the index over pieces reaches.
    """
    most = distance if count <= VARIED_UP_TO else _USUAL if count <= FLAT_UP_TO else _REACH
    return min(distance, most)


def near(bits: Bytes, theirs: Bytes, distance: int) -> Iterator[Found]:
    """Yield blocks of (row, earlier row, bits apart): rows of `theirs` within the distance of earlier rows of `bits`.

    Hashes are uint8 (n, bytes). Each block is searched for in those up to itself, which is half the work.
    """
    import numpy as np

    index = _index(bits.shape[1] * 8, len(bits), distance)
    for start in range(0, len(bits), _BLOCK):
        index.add(bits[start : start + _BLOCK])
        limits, apart, earlier = index.range_search(theirs[start : start + _BLOCK], distance + 1)  # faiss finds what is nearer than that
        rows = np.repeat(np.arange(len(limits) - 1), np.diff(limits.astype(np.int64))) + start
        kept = earlier < rows
        yield rows[kept], earlier[kept], apart[kept].astype(np.int64)


def _index(wide: int, count: int, distance: int) -> Any:
    import faiss

    if count > FLAT_UP_TO and wide == hashes.BITS and distance <= _REACH:
        index = faiss.IndexBinaryMultiHash(wide, _PIECES, _PIECE_BITS)
        index.nflip = _FLIPPED
        return index
    return faiss.IndexBinaryFlat(wide)


def _equal(known: Sequence[Hash]) -> Iterator[tuple[int, int]]:
    """Yield every pair of pictures of equal pixels."""
    by_pixels: dict[str, list[int]] = {}
    for number, one in enumerate(known):
        others = by_pixels.setdefault(one.pixels, [])
        yield from ((other, number) for other in others)
        others.append(number)
