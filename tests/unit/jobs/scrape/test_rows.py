"""The snapshot's table grows and forgets nothing."""

from __future__ import annotations

from jobs.scrape.rows import Fetched, advance
from jobs.scrape.sources import Item


def item(name: str, token: str = "", label: str = "a", *, dedicated: bool = False) -> Item:
    return Item(label=label, name=name, token=token or f"t-{name}", dedicated=dedicated)


def fetched(*names: str, reason: str = "") -> list[Fetched]:
    return [Fetched(token=f"t-{name}", id="" if reason else f"id-{name}", reason=reason) for name in names]


def test_new_items_get_the_number_of_their_snapshot() -> None:
    first = advance([], [item("x")], fetched("x"), 1)
    second = advance(first, [item("x"), item("y")], fetched("y"), 2)
    assert [(row.name, row.first, row.gone) for row in second] == [("x", 1, 0), ("y", 2, 0)]


def test_what_is_no_longer_there_is_marked_and_stays() -> None:
    first = advance([], [item("x"), item("y")], fetched("x", "y"), 1)
    second = advance(first, [item("y")], [], 2)
    third = advance(second, [item("y")], [], 3)
    assert [(row.name, row.gone) for row in third] == [("x", 2), ("y", 0)]
    assert third == second


def test_what_comes_back_is_there_again() -> None:
    first = advance([], [item("x")], fetched("x"), 1)
    back = advance(advance(first, [], [], 2), [item("x")], [], 3)
    assert back == first


def test_a_look_that_finds_nothing_new_changes_nothing() -> None:
    first = advance([], [item("x"), item("y")], fetched("x", "y"), 1)
    assert advance(first, [item("y"), item("x")], [], 2) == first


def test_a_moved_file_is_gone_under_one_label_and_new_under_the_other_without_being_fetched() -> None:
    first = advance([], [item("a/x", "t")], [Fetched(token="t", id="id", reason="")], 1)
    moved = advance(first, [item("b/x", "t", "b")], [], 2)
    assert [(row.label, row.id, row.first, row.gone) for row in moved] == [("a", "id", 1, 2), ("b", "id", 2, 0)]


def test_the_same_bytes_under_two_labels_are_two_rows() -> None:
    rows = advance([], [item("x", "t"), item("x", "t", "b")], [Fetched(token="t", id="id", reason="")], 1)
    assert [(row.label, row.id) for row in rows] == [("a", "id"), ("b", "id")]


def test_a_failure_is_a_row_without_an_id() -> None:
    row = advance([], [item("x")], fetched("x", reason="cannot be decoded"), 1)[0]
    assert (row.id, row.reason) == ("", "cannot be decoded")


def test_the_order_of_the_listing_does_not_matter() -> None:
    names = ["c", "a", "b"]
    assert advance([], [item(name) for name in names], fetched(*names), 1) == advance(
        [], [item(name) for name in sorted(names)], fetched(*names), 1
    )


def test_a_failure_that_healed_has_its_picture_from_then_on_and_keeps_its_place() -> None:
    outcome = Fetched(token="t-x", id="", reason="HTTP 503", heals=True)
    first = advance([], [item("x"), item("y")], [outcome, *fetched("y")], 1)
    still = advance(first, [item("x"), item("y")], [Fetched(token="t-x", id="", reason="HTTP 404")], 2)
    assert [(row.reason, row.heals, row.first) for row in still if row.name == "x"] == [("HTTP 404", False, 1)]
    healed = advance(still, [item("x"), item("y")], fetched("x"), 3)
    assert [(row.name, row.id, row.reason, row.first) for row in healed] == [("y", "id-y", "", 1), ("x", "id-x", "", 3)]


def test_a_picture_stays_whatever_becomes_of_its_url() -> None:
    first = advance([], [item("x")], fetched("x"), 1)
    assert advance(first, [item("x")], fetched("x", reason="HTTP 410"), 2) == first


def test_a_healed_token_serves_a_new_label_too() -> None:
    first = advance([], [item("x", "t")], [Fetched(token="t", id="", reason="HTTP 503", heals=True)], 1)
    second = advance(first, [item("x", "t"), item("x", "t", "b")], [Fetched(token="t", id="id", reason="")], 2)
    assert [(row.label, row.id) for row in second] == [("a", "id"), ("b", "id")]
