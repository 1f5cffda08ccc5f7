"""What people say of pictures: relabel, exclude, keep, or take a word back. Append-only, and every word names its parent.

An edit is a document under `datasets/NAME/edits/`, named by its place in the chain; the chain,
not a clock, tells what came first. Two people at once cannot overwrite each other: the second
meets the first one's edit and is put after it. Both stay; the later one holds, and where its author had not
seen the earlier one they are a *conflict*, which anybody can find again from the chain alone.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from common import records
from common.errors import AlreadyExists, BadInput, NotFound
from common.records import Edit
from common.store.asking import ask_all
from common.store.base import Store

if TYPE_CHECKING:
    from common.artifact import Artifact

FROZEN = "edits.json"
"""The part that holds the edits of a run, in the artifact of `run/edits`."""
CLEAR = "clear"
ACTIONS = ("label", "exclude", "keep", CLEAR)
MOST_LABEL = 100


def folder(dataset: str) -> str:
    return f"datasets/{dataset}/edits/"


class Chain:
    """A dataset's edits as read so far; reads on from there, so that the next word costs one write however long the chain is.

    Safe to use from several threads.
    """

    def __init__(self, store: Store, dataset: str) -> None:
        self._store = store
        self._dataset = dataset
        self._edits: list[Edit] = []
        self._lock = threading.RLock()

    @property
    def edits(self) -> Sequence[Edit]:
        """Return what was read so far, oldest first."""
        with self._lock:
            return tuple(self._edits)

    def refresh(self) -> Sequence[Edit]:
        """Read what others have added meanwhile; return all edits, oldest first.

        Raises:
            BadInput: the chain is broken (an edit is damaged or lost).
        """
        with self._lock:
            if not self._edits:
                self._read_all()
            while self._read_next():
                pass
            return tuple(self._edits)

    def append(self, edit: Edit) -> Edit:
        """Add an edit at the end and return it with its parent; it is durable when this returns.

        Raises:
            BadInput: unknown action, or a relabel without a label that can be a class.
        """
        check(edit)
        with self._lock:
            while True:
                placed = msgspec.structs.replace(edit, parent=self._head)
                try:
                    self._store.put(self._place(len(self._edits) + 1), records.encode(placed), "create")
                except AlreadyExists:
                    self.refresh()
                    continue
                self._edits.append(placed)
                return placed

    @property
    def _head(self) -> str:
        return records.digest_of(self._edits[-1]) if self._edits else ""

    def _place(self, number: int) -> str:
        return f"{folder(self._dataset)}{number:09d}.json"

    def _read_all(self) -> None:
        places = [found.key for found in self._store.list(folder(self._dataset))]
        try:
            for place, data in zip(places, ask_all(lambda place: self._store.get(place).data, places), strict=True):
                self._take(place, data)
        except BaseException:
            self._edits.clear()  # half a chain must not look like a whole one
            raise

    def _read_next(self) -> bool:
        place = self._place(len(self._edits) + 1)
        try:
            data = self._store.get(place).data
        except NotFound:
            return False
        self._take(place, data)
        return True

    def _take(self, place: str, data: bytes) -> None:
        edit = records.decode(data, Edit, f"{self._store.url}/{place}")
        if edit.parent != self._head:
            raise BadInput(f"{place} does not follow the edit before it: one is missing.")
        self._edits.append(edit)


def read(store: Store, dataset: str) -> list[Edit]:
    """Return a dataset's edits, oldest first.

    Raises:
        BadInput: the chain is broken (an edit is damaged or lost).
    """
    return list(Chain(store, dataset).refresh())


def append(store: Store, edit: Edit) -> Edit:
    """Add an edit at the end of its dataset's chain and return it with its parent. Raises BadInput as Chain.append does."""
    chain = Chain(store, edit.dataset)
    chain.refresh()
    return chain.append(edit)


def check(edit: Edit) -> None:
    """Refuse an edit that says nothing clear. Raises BadInput."""
    if edit.action not in ACTIONS or (edit.action == "label") != bool(edit.label):
        raise BadInput(f"An edit says one of {', '.join(ACTIONS)}; `label` comes with a label, the others without.")
    if len(edit.label) > MOST_LABEL or edit.label != edit.label.strip() or (not edit.label.isprintable() and edit.label):
        raise BadInput(f"{edit.label[:MOST_LABEL]!r} cannot be a class: at most {MOST_LABEL} letters, none of them invisible.")


def frozen_in(artifact: Artifact) -> list[Edit]:
    """Return the edits that a run was given, oldest first. Raises BadInput, Damaged."""
    return records.read_json(artifact.read(FROZEN), list[Edit], FROZEN)


def fold(edits: Iterable[Edit]) -> dict[str, Edit]:
    """Return the last word on each picture, by image id; one that was taken back is none."""
    last = {edit.image: edit for edit in edits}
    return {image: edit for image, edit in last.items() if edit.action != CLEAR}


def sentence(edits: Iterable[Edit]) -> str:
    """Say how many edits of which kind there are, as in "12 label edits and 1 exclude edit"; "" for none."""
    counts = Counter(edit.action for edit in edits)
    words = [f"{counts[action]} {action} edit{'s' if counts[action] > 1 else ''}" for action in ACTIONS if counts[action]]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


@dataclass(frozen=True)
class Conflict:
    """Two words on one picture, the later said without having seen the earlier. `number` counts edits from 1."""

    number: int
    earlier: Edit
    later: Edit


def conflicts(edits: Sequence[Edit]) -> list[Conflict]:
    """Return where people spoke past each other and did not say the same, oldest first. The later word holds."""
    last: dict[str, tuple[int, Edit]] = {}
    found = []
    for number, edit in enumerate(edits, 1):
        before = last.get(edit.image)
        if before and before[0] > edit.saw and before[1].by != edit.by and _word(before[1]) != _word(edit):
            found.append(Conflict(number, before[1], edit))
        last[edit.image] = (number, edit)
    return found


def _word(edit: Edit) -> tuple[str, str]:
    return edit.action, edit.label
