"""Edits: append-only, in a chain, and two people at once lose nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from common import edits
from common.errors import BadInput
from common.records import Edit
from common.store.memory import MemoryStore


def edit(image: str, action: str = "exclude", label: str = "") -> Edit:
    return Edit(dataset="d", image=image, action=action, label=label)


def test_the_last_word_on_a_picture_counts(memory: MemoryStore) -> None:
    edits.append(memory, edit("a", "label", "dotted"))
    edits.append(memory, edit("b"))
    edits.append(memory, edit("a", "label", "striped"))
    words = edits.fold(edits.read(memory, "d"))
    assert (words["a"].label, words["b"].action) == ("striped", "exclude")


def test_each_edit_names_the_one_before_it(memory: MemoryStore) -> None:
    edits.append(memory, edit("a"))
    edits.append(memory, edit("b"))
    first, second = edits.read(memory, "d")
    assert first.parent == ""
    assert second.parent not in ("", first.parent)


def test_many_people_at_once_lose_nothing(memory: MemoryStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: edits.append(memory, edit(f"image-{number}")), range(60)))
    assert {one.image for one in edits.read(memory, "d")} == {f"image-{number}" for number in range(60)}


def test_a_lost_edit_is_noticed(memory: MemoryStore) -> None:
    for image in "abc":
        edits.append(memory, edit(image))
    memory.delete("datasets/d/edits/000000002.json")
    with pytest.raises(BadInput, match="one is missing"):
        edits.read(memory, "d")


def test_datasets_have_their_own_edits(memory: MemoryStore) -> None:
    edits.append(memory, edit("a"))
    assert edits.read(memory, "other") == []


@pytest.mark.parametrize("bad", [edit("a", "delete"), edit("a", "label"), edit("a", "exclude", "dotted")])
def test_an_edit_that_says_nothing_clear_is_refused(bad: Edit, memory: MemoryStore) -> None:
    with pytest.raises(BadInput):
        edits.append(memory, bad)
