"""Artifacts from features on, made without pictures: well-separated classes in a plane of numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import records, refined
from common.artifact import Artifact, seal
from common.cells import SIZE, THUMBNAILS
from common.dataset import LEAVE_ONE_GROUP_OUT, TEST, TEST_SIDE, TRAIN, VERSION, Entry
from common.features import IDS, VECTORS
from common.model import CARD_FILE, MODEL_FILE, Named
from common.records import Recipe
from common.store import Store
from common.suspects import COPIES, SUSPECTS, Copies, Suspect, suspect
from common.tables import write_matrix, write_table
from tests.support import networks
from tests.support.rooms import commit

CLASSES = ("bars", "rows", "spots")


def entries(per_class: int = 20, per_group: int = 2, classes: Sequence[str] = CLASSES, *, test_share: float = 0.25) -> list[Entry]:
    """Return kept rows, a share of each class's groups on the test side."""
    found = []
    for label in classes:
        groups = per_class // per_group
        for number in range(per_class):
            group = number // per_group
            side = TEST if group >= groups - max(1, round(groups * test_share)) else TRAIN
            found.append(entry(f"{label}-{number:03d}", f"{label}/{number:03d}.png", label, f"{label}-g{group}", side))
    return found


def entry(identity: str, name: str, label: str, group: str, side: str) -> Entry:
    """Return a kept row."""
    return Entry(id=identity, name=name, label=label, source_label=label, group=group, side=side, kept=True, reason="", first=1, licence="")


def version(store: Store, rows: list[Entry], scoring: str = TEST_SIDE) -> Artifact:
    kept = [row for row in rows if row.kept]
    classes = sorted({row.label for row in kept})
    info = {
        "classes": classes,
        "scoring": scoring,
        "warnings": ["Class 'bars' has only 2 groups."] if scoring == LEAVE_ONE_GROUP_OUT else [],
        "groups": {label: len({row.group for row in kept if row.label == label}) for label in classes},
        "sides": {
            label: {side: sum(1 for row in kept if (row.label, row.side) == (label, side)) for side in (TRAIN, TEST)} for label in classes
        },
    }
    return commit(store, "dedup/dataset", {VERSION: write_table(rows, Entry)}, info)


def features(store: Store, rows: list[Entry], *, seed: int = 0, spread: float = 1.0) -> Artifact:
    """Return vectors around one centre for each class, in one unit."""
    random = np.random.default_rng(seed)
    classes = sorted({row.source_label for row in rows})
    centres = np.random.default_rng(99).normal(0, 2, (len(classes), networks.DIMENSION))
    matrix = np.stack([centres[classes.index(row.source_label)] + random.normal(0, spread, networks.DIMENSION) for row in rows])
    return sharded(store, "featurize", rows, matrix)


def looks(store: Store, rows: list[Entry]) -> Artifact:
    """Return looks and thumbnails that say nothing of any class, in one unit."""
    return hashed(store, rows, np.random.default_rng(7).normal(0, 1, (len(rows), 5)), thumbnails(len(rows)))


def thumbnails(count: int) -> NDArray[np.uint8]:
    """Return cells that no two pictures share, (n, SIZE)."""
    return np.random.default_rng(8).integers(0, 256, (count, SIZE)).astype(np.uint8)


def hashed(store: Store, rows: Sequence[Entry], looks: NDArray[np.floating[Any]], cells: NDArray[np.uint8]) -> Artifact:
    """Return what dedup/hash leaves of pictures for curate, in one unit."""
    return sharded(store, "dedup/hash", rows, looks, {THUMBNAILS: write_matrix(cells)})


def sharded(
    store: Store, step: str, rows: Sequence[Entry], matrix: NDArray[np.floating[Any]], beside: Mapping[str, bytes] = MappingProxyType({})
) -> Artifact:
    """Return a step's vectors of pictures, (n, d), in one unit, and what lies beside them."""
    parts = {VECTORS: write_matrix(matrix.astype(np.float32)), IDS: records.canonical([row.id for row in rows]), **beside}
    single = commit(store, step, parts)
    whole = Recipe(step=step, parameters={}, inputs={"x": single.manifest.digest}, code="")
    return Artifact(store, seal(store, whole, [("shard-0", single.manifest)], "w"))


def curation(
    store: Store, rows: list[Entry], suspicious: Collection[str] = (), left_out: Collection[str] = (), share: float = 0.05
) -> Artifact:
    """Return what curate says of kept rows: those *suspicious* by id, those *left_out* of training."""
    said = [
        suspect(
            row,
            score=0.9 if row.id in suspicious else 0.1,
            suspicious=row.id in suspicious,
            reason="it looks like nothing else here",
            alike="crowd" if row.id in suspicious else "",
            left_out=row.id in left_out,
        )
        for row in rows
        if row.kept
    ]
    parts = {SUSPECTS: write_table(said, Suspect), COPIES: write_table([], Copies)}
    return commit(store, "curate", parts, {"expected_share": share, "warnings": []})


def backbone(store: Store, name: str = "tiny") -> Artifact:
    data = networks.backbone()
    return commit(store, "refine", {MODEL_FILE: data, CARD_FILE: records.encode(networks.card(data, name=name))})


def refined_backbone(
    store: Store, weights: NDArray[np.float32], bias: NDArray[np.float32], chosen_on: list[str], names: tuple[Named, ...] = ()
) -> Artifact:
    """Return a backbone as refinement leaves it: its head (classes, features), the pictures that chose the epoch, what it knows by name."""
    data = networks.backbone()
    head = {refined.WEIGHTS: write_matrix(weights), refined.BIAS: write_matrix(bias)}
    training = {"refined": {"recipe": "original", "epoch": 2, "epochs": 3, "library": "plain"}}
    card = records.encode(networks.card(data, training=training, names=names))
    parts = {MODEL_FILE: data, CARD_FILE: card, **head, refined.VALIDATION: records.canonical(sorted(chosen_on))}
    return commit(store, "refine", parts)
