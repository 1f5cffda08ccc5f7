"""Pictures, decoded once and kept as squares in a file of this process, from which each epoch draws."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common import images, shards
from common.artifact import Artifact
from common.dataset import Entry
from common.errors import BadInput
from common.images import Preprocessing

Squares = NDArray[np.uint8]


@dataclass(frozen=True)
class Wanted:
    """Pictures, and how they become the squares that they are kept as."""

    entries: list[Entry]
    how: Preprocessing

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.entries), self.how.resolution, self.how.resolution, 3


def keep(snapshot: Artifact, wanted: Iterable[Wanted], threads: int) -> list[Squares]:
    """Return for each wish its squares, uint8 (n, side, side, 3) in the order of its entries.

    They lie in a file without a name, which goes with the process; memory holds what was looked at lately.

    Raises:
        BadInput: the scratch space has no room for them.
    """
    wishes = list(wanted)
    squares = [_room(math.prod(one.shape)).reshape(one.shape) for one in wishes]
    places: dict[str, list[tuple[Squares, int, Preprocessing]]] = {}
    for one, kept in zip(wishes, squares, strict=True):
        for row, entry in enumerate(one.entries):
            places.setdefault(entry.id, []).append((kept, row, one.how))

    def put(picture: tuple[str, bytes]) -> None:
        identity, data = picture
        decoded = images.decode(data)
        for kept, row, how in places[identity]:
            kept[row] = images.fit(decoded, how)

    with ThreadPoolExecutor(threads) as pool:
        for unit in snapshot.units:
            found = ((entry.id, data) for entry, data in shards.read_pictures(unit) if entry.id in places)
            for _ in pool.map(put, found):
                pass
    return squares


def _room(size: int) -> Squares:
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if size > free:
        raise BadInput(
            f"The pictures of refinement need {size / 2**30:.1f} GiB in {tempfile.gettempdir()}, which has {free / 2**30:.1f} GiB left. "
            "Lower refine.inputResolution, or make room (TMPDIR names another place)."
        )
    with tempfile.NamedTemporaryFile(prefix="darkroom-squares-") as file:
        file.truncate(max(1, size))
        return np.memmap(file.name, np.uint8, "r+", shape=(size,))


def blocks(squares: Squares, size: int) -> Iterator[Squares]:
    """Yield so many squares at a time."""
    for start in range(0, len(squares), size):
        yield squares[start : start + size]


def batch(squares: Iterable[Squares], how: Preprocessing) -> NDArray[np.float32]:
    """Return squares of the right side as a network's input, float32 (n, 3, side, side)."""
    return np.stack([images.values(np.ascontiguousarray(one), how) for one in squares])
