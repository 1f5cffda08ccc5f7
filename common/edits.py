"""What people say of pictures: relabel, exclude, keep. Append-only, and every word names its parent.

An edit is a document under `datasets/NAME/edits/`, named by its place in the chain; the chain,
not a clock, tells what came first. Two people at once cannot overwrite each other: the second
meets the first one's edit and is put after it.
"""

from __future__ import annotations

from collections.abc import Iterable

from common import records
from common.errors import AlreadyExists, BadInput
from common.records import Edit
from common.store.base import Store

ACTIONS = ("label", "exclude", "keep")


def folder(dataset: str) -> str:
    return f"datasets/{dataset}/edits/"


def read(store: Store, dataset: str) -> list[Edit]:
    """Return a dataset's edits, oldest first.

    Raises:
        BadInput: the chain is broken (an edit is damaged or lost).
    """
    chain: list[Edit] = []
    parent = ""
    for found in store.list(folder(dataset)):
        data = store.get(found.key).data
        edit = records.decode(data, Edit, f"{store.url}/{found.key}")
        if edit.parent != parent:
            raise BadInput(f"{found.key} does not follow the edit before it: one is missing.")
        chain.append(edit)
        parent = records.digest_of(edit)
    return chain


def append(store: Store, edit: Edit) -> Edit:
    """Add an edit at the end of its dataset's chain and return it with its parent.

    Raises:
        BadInput: unknown action, or a relabel without a label.
    """
    if edit.action not in ACTIONS or (edit.action == "label") != bool(edit.label):
        raise BadInput(f"An edit says one of {', '.join(ACTIONS)}; `label` comes with a label, the others without.")
    while True:
        chain = read(store, edit.dataset)
        parent = records.digest_of(chain[-1]) if chain else ""
        placed = Edit(
            dataset=edit.dataset,
            image=edit.image,
            action=edit.action,
            label=edit.label,
            parent=parent,
            by=edit.by,
            at=edit.at,
        )
        try:
            store.put(f"{folder(edit.dataset)}{len(chain) + 1:09d}.json", records.encode(placed), "create")
        except AlreadyExists:
            continue
        return placed


def fold(edits: Iterable[Edit]) -> dict[str, Edit]:
    """Return the last word on each picture, by image id."""
    return {edit.image: edit for edit in edits}
