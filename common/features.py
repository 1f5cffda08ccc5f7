"""Vectors: one for each picture, shard by shard, with the ids in the same order. featurize makes them, and dedup its looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from common.records import canonical, read_json
from common.tables import read_matrix, write_matrix

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.artifact import Artifact, Draft

VECTORS, IDS = "vectors.npy", "ids.json"


def write_vectors(out: Draft, ids: Sequence[str], rows: NDArray[np.float32]) -> None:
    """Write the vectors of a shard's pictures, float32 (n, d)."""
    out.write(VECTORS, write_matrix(rows))
    out.write(IDS, canonical(list(ids)))


def vectors_of(features: Artifact, name: str = VECTORS) -> dict[str, NDArray[np.float32]]:
    """Return each picture's vector by its id, or what else lies beside them in that order under another name."""
    vectors: dict[str, Any] = {}
    for unit in features.units:
        ids = read_json(unit.read(IDS), list[str], IDS)
        vectors |= dict(zip(ids, read_matrix(unit.read(name)), strict=True))
    return vectors


def matrix(ids: Iterable[str], vectors: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the pictures' vectors, shape (n, d)."""
    import numpy as np

    return np.stack([vectors[one] for one in ids])
