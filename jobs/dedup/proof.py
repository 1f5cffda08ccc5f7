"""The proof of a split: an independent look at the final dataset version.

Nothing of how the split was made is used: distances are computed anew, by another method, between
every picture kept for training and every one kept for testing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from common.dataset import TEST, TRAIN, Entry
from jobs.dedup import frequencies, hashes
from jobs.dedup.hashes import Hash
from jobs.dedup.thumbnails import Thumbnails

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BLOCK = 2048


def crossings(
    entries: Sequence[Entry],
    known: Mapping[str, Hash],
    distance: int,
    ways: Iterable[str] = frequencies.UPRIGHT,
    thumbnails: Thumbnails | None = None,
) -> Iterator[tuple[str, str, str]]:
    """Yield (training picture, test picture, why) for each pair that should be on one side: none, in a sound split."""
    train = [entry for entry in entries if entry.kept and entry.side == TRAIN]
    test = [entry for entry in entries if entry.kept and entry.side == TEST]
    yield from _same(train, test, "group", [one.group for one in train], [one.group for one in test])
    pixels = [known[one.id].pixels for one in train], [known[one.id].pixels for one in test]
    yield from _same(train, test, "pixels", *pixels)
    ours, theirs = ([one for one in side if not known[one.id].plain] for side in (train, test))
    for way in ways:
        found = list(_near(ours, theirs, known, distance, way))
        if thumbnails is not None:
            alike = thumbnails.alike([(one.id, other.id, apart) for one, other, apart in found], way)
            found = list(itertools.compress(found, alike))
        for one, other, apart in found:
            yield one.name, other.name, f"{apart} bits apart" + ("" if way == "upright" else f", {way}")


def _same(train: Sequence[Entry], test: Sequence[Entry], what: str, ours: list[str], theirs: list[str]) -> Iterator[tuple[str, str, str]]:
    known = dict(zip(ours, train, strict=True))
    for mark, entry in zip(theirs, test, strict=True):
        if mark in known:
            yield known[mark].name, entry.name, f"the same {what}"


def _near(
    train: Sequence[Entry], test: Sequence[Entry], known: Mapping[str, Hash], distance: int, way: str
) -> Iterator[tuple[Entry, Entry, int]]:
    import numpy as np

    ours = hashes.matrix([known[one.id] for one in train])
    theirs = _bits(frequencies.turned(hashes.matrix([known[one.id] for one in test]), way))
    for start in range(0, len(train), _BLOCK):
        block = _bits(ours[start : start + _BLOCK])
        # Of two rows of bits, those that differ are the ones of either that are not shared.
        apart = block.sum(axis=1)[:, None] + theirs.sum(axis=1)[None, :] - 2 * (block @ theirs.T)
        for row, column in np.argwhere(apart <= distance).tolist():
            yield train[start + row], test[column], int(apart[row, column])


def _bits(packed: NDArray[np.uint8]) -> NDArray[np.float32]:
    import numpy as np

    return np.unpackbits(packed, axis=1).astype(np.float32)
