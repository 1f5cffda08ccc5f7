"""models/DATASET/current.json: which model serves. Moved by If-Match only.

Before it moves, what it said is kept under `history/`, so that a person can go back. A person's
word (`promote`, `--pin`, `--rollback`) needs no gate; a pinned pointer is moved by persons only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from common import artifact, records
from common.errors import AlreadyExists, BadInput, NotFound, PreconditionFailed, Refused
from common.model import CARD_FILE, MODEL_FILE, version_of
from common.records import Pointer, Ref
from common.store import IfMatch, Store

_TRIES = 20


@dataclass(frozen=True)
class Held:
    """The pointer and the version of its object; both None where no model serves yet.

    `lost`: it is damaged, and this many were kept before it.
    """

    pointer: Pointer | None
    etag: str | None
    lost: int = 0

    @property
    def sequence(self) -> int:
        return self.pointer.sequence if self.pointer else self.lost

    @property
    def version(self) -> str:
        return self.pointer.version if self.pointer else ""


def place(dataset: str) -> str:
    return f"models/{dataset}/current.json"


def history_place(dataset: str, sequence: int) -> str:
    return f"models/{dataset}/history/{sequence:06d}.json"


def read(store: Store, dataset: str) -> Held:
    """Read the pointer. Raises BadInput where it is damaged."""
    try:
        found = store.get(place(dataset))
    except NotFound:
        return Held(None, None)
    try:
        return Held(records.decode(found.data, Pointer, f"{store.url}/{place(dataset)}"), found.etag)
    except BadInput as error:
        raise BadInput(f"{error} `darkroom promote RUN` writes it anew; then resume.") from error


def _read_even_damaged(store: Store, dataset: str) -> Held:
    """Read the pointer, or what is needed to replace one that is damaged."""
    try:
        return read(store, dataset)
    except BadInput:
        kept = [found.key for found in store.list(history_place(dataset, 0).removesuffix("000000.json"))]
        newest = int(kept[-1].rpartition("/")[2].removesuffix(".json")) if kept else 0
        return Held(None, store.head(place(dataset)).etag, lost=newest + 1)


def publish(store: Store, dataset: str, model: Ref) -> str:
    """Put a model's file and card where services look for them, or put right what is there; return its version."""
    version, parts = version_of(model), artifact.read_ref(store, model)
    for name in (MODEL_FILE, CARD_FILE):
        store.put(f"models/{dataset}/{version}/{name}", parts.read(name))
    return version


def move(store: Store, held: Held, pointer: Pointer) -> bool:
    """Replace the pointer if it is still what was read; False where another writer was first."""
    if held.pointer is not None:
        with contextlib.suppress(AlreadyExists):
            store.put(history_place(pointer.dataset, held.sequence), records.encode(held.pointer), "create")
    try:
        store.put(place(pointer.dataset), records.encode(pointer), IfMatch(held.etag) if held.etag else "create")
    except (AlreadyExists, PreconditionFailed):
        return False
    return True


# --- a person's word -------------------------------------------------------------------------


def promote(store: Store, candidate: Pointer, *, pin: bool) -> Pointer:
    """Let a run's model serve because a person says so. `candidate` names it; its place in the order is set here."""
    publish(store, candidate.dataset, candidate.model)

    def change(held: Held) -> Pointer:
        return msgspec.structs.replace(candidate, sequence=held.sequence + 1, previous=held.version, pinned=pin)

    return _insist(store, candidate.dataset, change, look=_read_even_damaged)


def pin(store: Store, dataset: str, writer: str, *, pinned: bool) -> Pointer:
    """Pin or unpin the model that serves. Raises Refused where none does."""

    def change(held: Held) -> Pointer:
        current = _require(held, dataset)
        return msgspec.structs.replace(current, sequence=current.sequence + 1, pinned=pinned, writer=writer)

    return _insist(store, dataset, change)


def roll_back(store: Store, dataset: str, writer: str) -> Pointer:
    """Let the model serve that served before, pinned, so that no schedule undoes it. Raises Refused where there is none."""

    def change(held: Held) -> Pointer:
        current = _require(held, dataset)
        before = _last_of(store, dataset, current.previous, current.sequence)
        publish(store, dataset, before.model)
        return msgspec.structs.replace(before, sequence=current.sequence + 1, pinned=True, writer=writer)

    return _insist(store, dataset, change)


def _insist(store: Store, dataset: str, change: Callable[[Held], Pointer], look: Callable[[Store, str], Held] = read) -> Pointer:
    """Change the pointer as it is now, as often as others move it meanwhile."""
    for _ in range(_TRIES):
        held = look(store, dataset)
        wanted = change(held)
        if move(store, held, wanted):
            return wanted
    raise Refused(f"The pointer of {dataset} keeps moving. Try again.")


def _require(held: Held, dataset: str) -> Pointer:
    if held.pointer is None:
        raise Refused(f"No model of {dataset} serves yet.")
    return held.pointer


def _last_of(store: Store, dataset: str, version: str, before: int) -> Pointer:
    """Return the newest kept pointer to a version, from before a place in the order."""
    for sequence in range(before - 1, 0, -1):
        try:
            data = store.get(history_place(dataset, sequence)).data
        except NotFound:
            continue
        pointer = records.decode(data, Pointer, history_place(dataset, sequence))
        if pointer.version == version:
            return pointer
    raise Refused(f"No model of {dataset} served before this one.")
