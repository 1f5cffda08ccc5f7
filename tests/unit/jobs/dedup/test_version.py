"""The dataset version: labels, exclusions and their reasons."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from common.dataset import Entry, Row
from common.records import Edit
from jobs.dedup.hashes import Hash
from jobs.dedup.split import Placed
from jobs.dedup.version import group_name, groups_by_class, judge, members


def row(image: str, label: str = "a", name: str = "", **changed: object) -> Row:
    fields: dict[str, object] = {
        "label": label,
        "name": name or f"{label}/{image}.jpg",
        "token": image,
        "id": image,
        "reason": "",
        "licence": "",
        "dedicated": False,
        "first": 1,
        "gone": 0,
    }
    return Row(**{**fields, **changed})  # type: ignore[arg-type]


def hashes(rows: Iterable[Row], **sides: int) -> dict[str, Hash]:
    return {
        one.id: Hash(id=one.id, pixels=one.id, bits="00" * 32, content=256, width=sides.get(one.id, 100), height=100, size=1000)
        for one in rows
        if one.id
    }


def judged(
    rows: list[Row], same: Iterable[tuple[str, str]] = (), words: Iterable[Edit] = (), placed: dict[str, Placed] | None = None, **sides: int
) -> dict[str, Entry]:
    places = placed or {one.id: Placed("g", "train") for one in rows}
    found = judge(rows, hashes(rows, **sides), list(same), places, {word.image: word for word in words})
    return {f"{entry.source_label}/{entry.id}": entry for entry in found}


def word(image: str, action: str, label: str = "") -> Edit:
    return Edit(dataset="d", image=image, action=action, label=label)


def test_an_ordinary_picture_is_kept() -> None:
    entry = judged([row("x")])["a/x"]
    assert (entry.kept, entry.reason, entry.side, entry.group) == (True, "", "train", "g")


def test_of_duplicates_the_earliest_stays_and_of_those_the_largest() -> None:
    found = judged(
        [row("late", first=2), row("small"), row("large")], [("late", "large"), ("late", "small"), ("small", "large")], late=900, large=200
    )
    assert [entry.kept for entry in (found["a/late"], found["a/small"], found["a/large"])] == [False, False, True]
    assert found["a/late"].reason == "duplicate of a/large.jpg"


def test_the_same_picture_under_two_labels_is_a_conflict_and_neither_stays() -> None:
    found = judged([row("x", "a"), row("x", "b")])
    assert {entry.reason for entry in found.values()} == {"label conflict: the same picture is under a and b"}


CHAIN = [("first", "middle"), ("middle", "last")]


def test_a_chain_ends_at_its_first_link() -> None:
    found = judged([row(one) for one in ("first", "middle", "last")], CHAIN, first=200)
    assert {one.id: one.reason for one in found.values()} == {"first": "", "middle": "duplicate of a/first.jpg", "last": ""}


def test_a_picture_in_the_middle_stands_for_both_ends_of_its_chain() -> None:
    found = judged([row(one) for one in ("first", "middle", "last")], CHAIN, middle=200)
    assert [one.id for one in found.values() if one.kept] == ["middle"]


def test_a_conflict_reaches_as_far_as_pictures_are_the_same() -> None:
    found = judged([row("first"), row("middle", "b"), row("last", "b")], CHAIN)
    assert {one.id: one.reason.partition(":")[0] for one in found.values()} == {
        "first": "label conflict",
        "middle": "label conflict",
        "last": "",
    }


def test_who_was_there_stays_when_a_larger_copy_comes() -> None:
    rows = [row("first"), row("middle", first=2), row("last", first=2)]
    found = judged(rows, CHAIN, middle=900, last=300)
    assert {one.id for one in found.values() if one.kept} == {"first", "last"}


def test_flags_are_carried_and_leave_nothing_out() -> None:
    placed = {one: Placed("g", "train") for one in "xy"}
    found = judge([row("x"), row("y")], hashes([row("x"), row("y")]), [], placed, {}, {"x": ("dark", "blurry")})
    assert [(one.flags, one.kept) for one in found] == [("dark blurry", True), ("", True)]


def test_near_duplicates_under_two_labels_are_a_conflict_too() -> None:
    found = judged([row("x", "a"), row("y", "b"), row("z", "b")], [("x", "y")])
    assert [entry.kept for entry in found.values()] == [False, False, True]


def test_a_person_s_label_resolves_a_conflict() -> None:
    found = judged([row("x", "a"), row("x", "b")], words=[word("x", "label", "b")])
    assert sorted((entry.label, entry.kept) for entry in found.values()) == [("b", False), ("b", True)]


def test_a_person_s_word_excludes_keeps_and_relabels() -> None:
    rows = [row("out"), row("twin"), row("twin2"), row("moved")]
    words = [word("out", "exclude"), word("twin2", "keep"), word("moved", "label", "b")]
    found = judged(rows, [("twin", "twin2")], words)
    assert found["a/out"].reason == "left out by a person"
    assert found["a/twin"].kept
    assert found["a/twin2"].kept
    assert (found["a/moved"].label, found["a/moved"].source_label) == ("b", "a")


def test_an_excluded_picture_is_in_conflict_with_nobody() -> None:
    found = judged([row("x", "a"), row("y", "b")], [("x", "y")], [word("x", "exclude")])
    assert found["b/y"].kept


def test_refused_pictures_are_listed_with_their_reason_and_gone_ones_are_not() -> None:
    found = judge([row("", name="a/bad.jpg", reason="cannot be decoded"), row("y", gone=2)], {}, [], {}, {})
    assert [(entry.name, entry.kept, entry.reason) for entry in found] == [("a/bad.jpg", False, "refused: cannot be decoded")]


def test_a_picture_that_joins_both_sides_is_left_out() -> None:
    found = judged([row("x")], placed={"x": Placed("x", "")})
    assert found["a/x"].reason == "belongs to groups on both sides of the split"


@pytest.mark.parametrize(
    ("by", "pattern", "name", "expected"),
    [
        ("auto", "", "a/x.jpg", ""),
        ("auto", "", "a/garment1/x.jpg", "folder:a/garment1"),
        ("auto", r"^(g\d+)_", "a/g12_003.jpg", "pattern:a:g12"),
        ("auto", r"^(g\d+)_", "a/b/other.jpg", "folder:a/b"),
        ("filename", r"^(g\d+)_", "a/b/g1_1.jpg", ""),
        ("subdir", r"^(g\d+)_", "a/b/g1_1.jpg", "folder:a/b"),
        ("pattern", r"^g\d+", "a/b/g1_1.jpg", "pattern:a:g1"),
        ("pattern", r"^(g\d+)_", "a/b/other.jpg", ""),
        ("auto", "", "https://shop.example/a/x.jpg", ""),
        ("subdir", "", "https://shop.example/a/x.jpg", "folder:https://shop.example/a"),
    ],
)
def test_groups_are_named_by_pattern_by_folder_or_not_at_all(by: str, pattern: str, name: str, expected: str) -> None:
    assert group_name(by, pattern)(row("x", name=name)) == expected


def test_members_are_told_apart_by_snapshot_and_tied_by_name_and_likeness() -> None:
    rows = [
        row("x", name="a/g/1.jpg"),
        row("x", "b", name="b/h/1.jpg"),
        row("x", name="a/k/1.jpg", first=2),
        row("y", gone=2),
        row("", reason="bad"),
    ]
    found = members(rows, [("y", "x")], group_name("auto", ""))
    assert [(one.id, one.first, one.labels) for one in found] == [("x", 1, ("a", "b")), ("y", 1, ("a",)), ("x", 2, ("a",))]
    assert found[0].ties == {"same:x:y", "folder:a/g", "folder:b/h"}
    assert found[2].ties == {"same:x:y", "folder:a/k"}


def test_groups_are_counted_over_kept_pictures() -> None:
    entries = list(judged([row("x"), row("y"), row("z")], [("x", "y")]).values())
    assert {label: dict(sizes) for label, sizes in groups_by_class(entries).items()} == {"a": {"g": 2}}
