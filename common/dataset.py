"""What flows from scrape and dedup to the stages after them: the rows of a snapshot and of a dataset version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from common.records import Value
from common.tables import read_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.artifact import Artifact

ROWS, VERSION = "rows.parquet", "dataset.parquet"
SCORES = "scores.parquet"
HELD_OUT, HELD_OUT_IDS = "held-out.npy", "held-out-ids.json"
TRAIN, TEST = "train", "test"
TEST_SIDE, LEAVE_ONE_GROUP_OUT = "test side", "leave one group out"
LABEL_CONFLICT = "label conflict"  # so begins the reason of pictures that are under several labels


class Row(Value, frozen=True, kw_only=True):
    """A row of a snapshot: a picture under a label and a name, from the snapshot that first saw it.

    `id` is the sha256 of the picture's bytes, empty for a failure, which has a `reason` and perhaps `heals`.
    `token` names what was fetched. `gone` is the snapshot that no longer saw it (0: it is there).
    """

    label: str
    name: str
    token: str
    id: str
    reason: str
    licence: str
    dedicated: bool
    first: int
    gone: int
    heals: bool = False


class Entry(Value, frozen=True, kw_only=True):
    """A row of a dataset version. `reason` says why it is not kept; `source_label` is the source's word.

    `flags` are the kinds of what is amiss with the picture, such as "dark blurry"; they leave nothing out.
    """

    id: str
    name: str
    label: str
    source_label: str
    group: str
    side: str
    kept: bool
    reason: str
    first: int
    licence: str
    flags: str = ""


class Score(Value, frozen=True, kw_only=True):
    """One scored picture. `confidence` is the probability of the predicted class."""

    id: str
    name: str
    group: str
    label: str
    predicted: str
    confidence: float
    correct: bool


def rows_of(snapshot: Artifact) -> list[Row]:
    """Return the rows of a snapshot."""
    return read_table(snapshot.read(ROWS), Row)


def entries_of(version: Artifact) -> list[Entry]:
    """Return the rows of a dataset version, kept and not."""
    return read_table(version.read(VERSION), Entry)


def scores_of(evaluation: Artifact) -> list[Score]:
    """Return the scored pictures of an evaluation."""
    return read_table(evaluation.read(SCORES), Score)


def targets(entries: Sequence[Entry], classes: Sequence[str]) -> NDArray[np.int64]:
    """Return each entry's class index."""
    import numpy as np

    index: Mapping[str, int] = {label: number for number, label in enumerate(classes)}
    return np.asarray([index[entry.label] for entry in entries], dtype=np.int64)


def groups(entries: Sequence[Entry]) -> NDArray[np.int64]:
    """Return each entry's group index, counted from 0."""
    import numpy as np

    found = np.unique([entry.group for entry in entries], return_inverse=True)[1]
    return found.astype(np.int64).reshape(-1)
