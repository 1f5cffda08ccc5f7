"""models/DATASET/current.json: which model serves. Moved by If-Match only."""

from __future__ import annotations

from dataclasses import dataclass

from common import artifact, records
from common.errors import AlreadyExists, NotFound, PreconditionFailed
from common.model import CARD_FILE, MODEL_FILE
from common.records import Pointer, Ref
from common.store import IfMatch, Store


@dataclass(frozen=True)
class Held:
    """The pointer and the version of its object; both None where no model serves yet."""

    pointer: Pointer | None
    etag: str | None


def place(dataset: str) -> str:
    return f"models/{dataset}/current.json"


def version_of(model: Ref) -> str:
    """Return a model's short name."""
    return model.digest[:12]


def read(store: Store, dataset: str) -> Held:
    """Read the pointer."""
    try:
        found = store.get(place(dataset))
    except NotFound:
        return Held(None, None)
    return Held(records.decode(found.data, Pointer, f"{store.url}/{place(dataset)}"), found.etag)


def publish(store: Store, dataset: str, model: Ref) -> str:
    """Put a model's file and card where services look for them; return its version."""
    version, parts = version_of(model), artifact.read_ref(store, model)
    for name in (MODEL_FILE, CARD_FILE):
        try:
            store.put(f"models/{dataset}/{version}/{name}", parts.read(name), "create")
        except AlreadyExists:
            continue
    return version


def move(store: Store, held: Held, pointer: Pointer) -> bool:
    """Replace the pointer if it is still what was read; False where another writer was first."""
    try:
        store.put(place(pointer.dataset), records.encode(pointer), IfMatch(held.etag) if held.etag else "create")
    except (AlreadyExists, PreconditionFailed):
        return False
    return True
