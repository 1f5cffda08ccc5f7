"""Which component of a key changed."""

from __future__ import annotations

from common.explain import changes, lines, sentence
from common.records import Recipe, StageRecord

BASE = Recipe(step="train", parameters={"c": [1], "folds": 5}, inputs={"features": "a" * 64, "dataset": "b" * 64}, code="c" * 64)


def other(**changed: object) -> Recipe:
    fields: dict[str, object] = {"step": "train", "parameters": BASE.parameters, "inputs": BASE.inputs, "code": BASE.code}
    return Recipe(**{**fields, **changed})  # type: ignore[arg-type]


def record(recipe: Recipe | None, *, cached: bool = False, reason: str = "") -> StageRecord:
    return StageRecord(step="train", state="done", cached=cached, ref=None, recipe=recipe, reason=reason)


def test_a_parameter_an_input_and_the_code_are_named() -> None:
    assert [str(one) for one in changes(BASE, other(parameters={"c": [0.1, 1], "folds": 5}))] == ["parameter c: [1] -> [0.1, 1]"]
    assert [one.component for one in changes(BASE, other(inputs={"features": "x" * 64, "dataset": "b" * 64}))] == ["input features"]
    assert [one.component for one in changes(BASE, other(code="d" * 64))] == ["code"]


def test_what_comes_and_goes_is_named_too() -> None:
    added = other(parameters={**BASE.parameters, "new": True}, inputs={"features": "a" * 64})
    assert [str(one) for one in changes(BASE, added)] == ["parameter new: not set -> True", "input dataset: bbbbbbbbbbbb -> none"]


def test_equal_keys_have_no_changes() -> None:
    assert changes(BASE, other()) == []


def test_each_fate_has_its_sentence() -> None:
    assert sentence(record(BASE, cached=True), record(BASE)) == "cached: nothing in its key changed"
    assert sentence(record(BASE, cached=True), record(other(code="d"))) == "cached: an earlier run made it with this key"
    assert sentence(record(BASE), None).startswith("ran: there is no run before")
    assert sentence(record(BASE), record(BASE)).startswith("ran: its key is that of the run before")
    assert sentence(record(BASE), record(other(code="d" * 64))) == "ran: code: dddddddddddd -> cccccccccccc"
    assert sentence(record(None, reason="it broke"), None) == "it broke"


def test_steps_are_held_against_their_own_past() -> None:
    assert lines({"train": record(BASE)}, {"evaluate": record(BASE)}) == {"train": "ran: there is no run before this one to compare with"}
