"""Which training pictures look most like one that was taken for something else."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from common.artifact import Artifact
from common.dataset import TRAIN, Entry
from common.features import matrix
from common.thumbnails import Thumbnails

NEAREST = 3


class Gallery:
    """The pictures of a report.

    `kept` are the dataset version's kept entries; `across_sides` says that every group has its
    turn outside of training, so that neighbours come from any other group.
    """

    def __init__(
        self, snapshot: Artifact, kept: Sequence[Entry], vectors: Mapping[str, NDArray[np.float32]], *, across_sides: bool
    ) -> None:
        self.thumbnail = Thumbnails(snapshot)
        self._vectors = vectors
        self._pool = [entry for entry in kept if across_sides or entry.side == TRAIN]
        self.kept = kept

    def neighbours(self, entries: Sequence[Entry]) -> list[list[Entry]]:
        """Return for each entry the pictures of other groups in the pool that are nearest, by cosine of standardised features."""
        if not entries or not self._pool:
            return [[] for _ in entries]
        mean, scale, pool = self._standardised
        wanted = _unit((matrix((entry.id for entry in entries), self._vectors) - mean) / scale)
        likeness = wanted @ pool.T
        groups = np.asarray([one.group for one in self._pool])
        found = []
        for row, entry in zip(likeness, entries, strict=True):
            near = np.argsort(-np.where(groups == entry.group, -np.inf, row), kind="stable")[:NEAREST]
            found.append([self._pool[index] for index in near if self._pool[index].group != entry.group])
        return found

    @functools.cached_property
    def _standardised(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        pool = matrix((entry.id for entry in self._pool), self._vectors)
        mean, spread = pool.mean(axis=0), pool.std(axis=0)
        scale = np.where(spread > 1e-8, spread, 1).astype(np.float32)
        return mean, scale, _unit((pool - mean) / scale)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return scaled
