"""What lies on the table: the rows of a dataset's newest version, as one compact document that a browser keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from common import artifact, runs
from common.artifact import Artifact
from common.dataset import Entry, entries_of
from common.errors import BadInput
from common.records import Ref, StageRecord
from common.store import Store

SNAPSHOT, VERSION, FEATURES, CURATE = "scrape/snapshot", "dedup/dataset", "featurize", "curate"
TRAIN, EVALUATE = "train", "evaluate"


@dataclass(frozen=True)
class Sheet:
    """The rows that the newest run made its dataset version of. `used` counts the edits that it used."""

    run: str
    snapshot: Artifact
    entries: Sequence[Entry]
    used: int

    def document(self) -> dict[str, Any]:
        """Return the rows by column; words that repeat are numbered."""
        rows = [entry for entry in self.entries if entry.id]
        return {
            "run": self.run,
            "used": self.used,
            "ids": [row.id for row in rows],
            "names": [row.name for row in rows],
            "kept": [int(row.kept) for row in rows],
            "label": numbered(row.label for row in rows),
            "source": numbered(row.source_label for row in rows),
            "side": numbered(row.side for row in rows),
            "reason": numbered(row.reason for row in rows),
            "group": numbered(row.group for row in rows),
            "licence": numbered(row.licence for row in rows),
            "refused": sum(1 for entry in self.entries if not entry.id),
        }


def numbered(words: Iterable[str]) -> dict[str, list[Any]]:
    """Return `values`, each word once, in order of first appearance, and `index`, a number for each row."""
    known: dict[str, int] = {}
    index = [known.setdefault(word, len(known)) for word in words]
    return {"values": list(known), "index": index}


def newest(store: Store, dataset: str, steps: Sequence[str]) -> tuple[str, dict[str, StageRecord]] | None:
    """Return the dataset's newest run that has finished these steps, with its records; None where there is none."""
    for _, run in reversed(runs.names(store, dataset)):
        found = runs.sound_records(store, run)
        if all(step in found and found[step].ref is not None for step in steps):
            return run, found
    return None


def ref_of(found: dict[str, StageRecord], step: str) -> Ref:
    """Return what a step made; it must have made something."""
    ref = found[step].ref
    if ref is None:
        raise BadInput(f"{step} has not been finished.")
    return ref


def lay_out(store: Store, run: str, found: dict[str, StageRecord]) -> Sheet:
    """Read the rows of a run. Raises Damaged."""
    return Sheet(
        run=run,
        snapshot=artifact.read_ref(store, ref_of(found, SNAPSHOT)),
        entries=entries_of(artifact.read_ref(store, ref_of(found, VERSION))),
        used=len(runs.edits_of(store, run)),
    )
