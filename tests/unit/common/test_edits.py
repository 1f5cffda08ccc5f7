"""Edits: append-only, in a chain, and two people at once lose nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from common import edits
from common.errors import BadInput
from common.records import Edit
from common.store.memory import MemoryStore


def edit(image: str, action: str = "exclude", label: str = "", by: str = "", saw: int = 0) -> Edit:
    return Edit(dataset="d", image=image, action=action, label=label, by=by, saw=saw)


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


@pytest.mark.parametrize(
    "bad",
    [
        edit("a", "delete"),
        edit("a", "label"),
        edit("a", "exclude", "dotted"),
        edit("a", "label", "x" * 101),
        edit("a", "label", "dot\nted"),
    ],
)
def test_an_edit_that_says_nothing_clear_is_refused(bad: Edit, memory: MemoryStore) -> None:
    with pytest.raises(BadInput):
        edits.append(memory, bad)


def test_a_word_that_was_taken_back_is_none(memory: MemoryStore) -> None:
    edits.append(memory, edit("a", "label", "dotted"))
    edits.append(memory, edit("a", "clear"))
    assert edits.fold(edits.read(memory, "d")) == {}


def test_a_chain_reads_on_from_where_it_was(memory: MemoryStore) -> None:
    ours, theirs = edits.Chain(memory, "d"), edits.Chain(memory, "d")
    ours.append(edit("a"))
    theirs.append(edit("b"))
    ours.append(edit("c"))
    assert [one.image for one in ours.edits] == ["a", "b", "c"]
    assert [one.image for one in theirs.refresh()] == ["a", "b", "c"]


def test_words_that_passed_each_other_are_a_conflict_and_the_later_holds(memory: MemoryStore) -> None:
    chain = edits.Chain(memory, "d")
    for one in (
        edit("a", "label", "dotted", by="Ana"),
        edit("a", "label", "striped", by="Ben"),  # had not seen Ana's
        edit("b", "exclude", by="Ana", saw=2),
        edit("b", "exclude", by="Ben", saw=2),  # says the same
        edit("a", "keep", by="Ana", saw=4),  # had seen Ben's
    ):
        chain.append(one)
    found = edits.conflicts(chain.edits)
    assert [(one.number, one.earlier.by, one.later.by) for one in found] == [(2, "Ana", "Ben")]
    assert edits.fold(chain.edits)["a"].action == "keep"


def test_a_sentence_counts_edits_by_kind() -> None:
    said = [edit("a", "label", "x"), edit("b", "label", "x"), edit("c"), edit("d", "keep")]
    assert edits.sentence(said) == "2 label edits, 1 exclude edit and 1 keep edit"
    assert edits.sentence([]) == ""
