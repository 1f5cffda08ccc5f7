"""What refinement leaves beside the backbone: the network's own head, and which pictures chose the epoch.

Train makes `dnn` of the head, and must choose on those pictures alone: the others' features are separated already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.records import canonical, read_json
from common.tables import read_matrix, write_matrix

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.artifact import Artifact, Draft

    Matrix = NDArray[np.float32]

WEIGHTS, BIAS, VALIDATION = "head-weights.npy", "head-bias.npy", "validation.json"


def write_head(out: Draft, weights: Matrix, bias: Matrix) -> None:
    """Write the head: (classes, features) and (classes,)."""
    out.write(WEIGHTS, write_matrix(weights))
    out.write(BIAS, write_matrix(bias))


def write_validation(out: Draft, ids: list[str]) -> None:
    """Write which pictures chose the epoch."""
    out.write(VALIDATION, canonical(sorted(ids)))


def head_of(backbone: Artifact) -> tuple[Matrix, Matrix]:
    """Return the head of a refined network."""
    return read_matrix(backbone.read(WEIGHTS)), read_matrix(backbone.read(BIAS))


def validation_of(backbone: Artifact) -> frozenset[str]:
    """Return the ids of the pictures that chose the epoch."""
    return frozenset(read_json(backbone.read(VALIDATION), list[str], VALIDATION))


def is_refined(backbone: Artifact) -> bool:
    """Say whether the backbone was trained on pictures of this dataset."""
    return VALIDATION in backbone.names()
