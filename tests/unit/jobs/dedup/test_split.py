"""The split: sides are fixed when groups first appear, whatever comes later and in whatever order."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.dataset import TEST, TRAIN
from jobs.dedup.split import Member, Placed, replay


def picture(name: str, first: int = 1, label: str = "a", ties: Iterable[str] = (), *, dedicated: bool = False) -> Member:
    return Member(id=name, first=first, labels=(label,), ties=frozenset(ties), dedicated=dedicated)


def sides(placed: dict[str, Placed]) -> dict[str, str]:
    return {name: place.side for name, place in placed.items()}


def test_single_pictures_are_shared_out_by_the_ratio_within_each_class() -> None:
    members = [picture(f"{label}{number}", label=label) for label, count in (("a", 100), ("b", 40)) for number in range(count)]
    placed = sides(replay(members, 0.75))
    for label, count in (("a", 100), ("b", 40)):
        train = sum(1 for name, side in placed.items() if name.startswith(label) and side == TRAIN)
        assert train == round(0.75 * count)


@pytest.mark.parametrize(
    ("sizes", "test_groups"), [([16, 16, 16], 1), ([16, 8, 8, 8], 1), ([16, 8, 8, 8, 8], 2), ([5, 5], 1), ([1] * 8, 2)]
)
def test_few_groups_still_reach_both_sides(sizes: list[int], test_groups: int) -> None:
    members = [picture(f"g{group}-{number}", ties=[f"g{group}"]) for group, size in enumerate(sizes) for number in range(size)]
    placed = replay(members, 0.75)
    by_group = {name.partition("-")[0]: place.side for name, place in placed.items()}
    assert sum(1 for side in by_group.values() if side == TEST) == test_groups


def test_pictures_that_share_a_tie_share_a_group_and_a_side() -> None:
    members = [picture("a", ties=["x"]), picture("b", ties=["x", "y"]), picture("c", ties=["y"]), picture("d")]
    placed = replay(members, 0.5)
    assert placed["a"] == placed["b"] == placed["c"] != placed["d"]


def test_a_later_picture_joins_the_group_it_touches() -> None:
    early = [picture(f"p{number}", ties=[f"t{number}"]) for number in range(8)]
    before = replay(early, 0.75)
    for number in range(8):
        after = replay([*early, picture("late", first=2, ties=[f"t{number}"])], 0.75)
        assert after["late"] == before[f"p{number}"]


def test_a_picture_that_joins_both_sides_is_left_out_and_moves_nobody() -> None:
    early = [picture(f"p{number}", ties=[f"t{number}"]) for number in range(8)]
    before = replay(early, 0.5)
    train = next(name for name, place in before.items() if place.side == TRAIN)
    test = next(name for name, place in before.items() if place.side == TEST)
    after = replay([*early, picture("bridge", first=2, ties=[f"t{train[1:]}", f"t{test[1:]}"])], 0.5)
    assert after["bridge"].side == ""
    assert {name: after[name] for name in before} == before


def test_a_chain_of_new_pictures_between_both_sides_is_cut() -> None:
    early = [picture(f"p{number}", ties=[f"t{number}"]) for number in range(8)]
    before = replay(early, 0.5)
    train = next(name for name, place in before.items() if place.side == TRAIN)
    test = next(name for name, place in before.items() if place.side == TEST)
    chain = [
        picture("x", first=2, ties=[f"t{train[1:]}", "xy"]),
        picture("y", first=2, ties=["xy", "yz"]),
        picture("z", first=2, ties=["yz", f"t{test[1:]}"]),
    ]
    after = replay([*early, *chain], 0.5)
    assert {after[name].side for name in "xyz"} == {TRAIN, TEST, ""}


def test_a_known_picture_shown_again_under_a_new_name_draws_its_new_neighbours_to_its_side() -> None:
    early = [picture(f"p{number}") for number in range(4)]
    before = replay(early, 0.5)
    again = [picture("p0", first=2, ties=["folder"]), picture("new", first=2, ties=["folder"])]
    after = replay([*early, *again], 0.5)
    assert after["new"] == before["p0"]
    assert {name: after[name] for name in before} == before


def test_a_dedicated_test_list_decides_and_takes_its_group_along() -> None:
    members = [picture("a", dedicated=True, ties=["x"]), picture("b", ties=["x"]), picture("c"), picture("d")]
    assert sides(replay(members, 0.75, dedicated=True)) == {"a": TEST, "b": TEST, "c": TRAIN, "d": TRAIN}


def test_another_seed_deals_otherwise_and_the_same_seed_the_same() -> None:
    members = [picture(f"p{number}") for number in range(40)]
    assert replay(members, 0.5, 0) == replay(members, 0.5, 0)
    assert replay(members, 0.5, 0) != replay(members, 0.5, 1)


@st.composite
def histories(draw: st.DrawFn) -> list[Member]:
    count = draw(st.integers(1, 40))
    return [
        picture(
            f"p{number}",
            first=draw(st.integers(1, 4)),
            label=draw(st.sampled_from("abc")),
            ties=draw(st.sets(st.sampled_from([f"t{tie}" for tie in range(12)]), max_size=2)),
        )
        for number in range(count)
    ]


@given(histories(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_pictures_does_not_matter(members: list[Member], random: object) -> None:
    shuffled = list(members)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert replay(shuffled, 0.75) == replay(members, 0.75)


@given(histories(), histories())
@settings(deadline=None)
def test_later_snapshots_move_nobody(members: list[Member], more: list[Member]) -> None:
    later = [Member(f"late-{one.id}", one.first + 4, one.labels, one.ties) for one in more]
    before = replay(members, 0.75)
    after = replay([*members, *later], 0.75)
    assert {name: after[name] for name in before} == before


@given(histories())
@settings(deadline=None)
def test_no_tie_ever_crosses_the_sides(members: list[Member]) -> None:
    placed = replay(members, 0.75)
    for one in members:
        for other in members:
            if one.ties & other.ties:
                assert {placed[one.id].side, placed[other.id].side} != {TRAIN, TEST}
