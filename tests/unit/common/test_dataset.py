"""What flows between stages, as arrays."""

from __future__ import annotations

import numpy as np

from common import dataset
from common.dataset import Entry
from common.features import IDS, VECTORS, matrix, vectors_of
from common.records import canonical
from common.store.memory import MemoryStore
from common.tables import write_matrix
from tests.support.rooms import commit


def entry(image: str, label: str, group: str) -> Entry:
    return Entry(
        id=image, name=image, label=label, source_label=label, group=group, side="train", kept=True, reason="", first=1, licence=""
    )


ENTRIES = [entry("a", "x", "g2"), entry("b", "y", "g1"), entry("c", "x", "g2")]


def test_classes_and_groups_become_indices() -> None:
    assert dataset.targets(ENTRIES, ("x", "y")).tolist() == [0, 1, 0]
    assert dataset.groups(ENTRIES).tolist() == [1, 0, 1]


def test_vectors_are_found_by_id_whatever_shard_they_lie_in(memory: MemoryStore) -> None:
    from common.artifact import Artifact, seal
    from common.records import Recipe

    shards = [
        commit(memory, "featurize", {VECTORS: write_matrix(np.array([[2.0], [1.0]], np.float32)), IDS: canonical(["b", "a"])}),
        commit(memory, "featurize", {VECTORS: write_matrix(np.array([[3.0]], np.float32)), IDS: canonical(["c"])}),
    ]
    whole = Recipe(step="featurize", parameters={}, inputs={}, code="")
    sealed = seal(memory, whole, [(str(index), one.manifest) for index, one in enumerate(shards)], "w")
    vectors = vectors_of(Artifact(memory, sealed))
    assert matrix((entry.id for entry in ENTRIES), vectors).tolist() == [[1.0], [2.0], [3.0]]
