"""The split: which side each group is on, for ever.

It is replayed snapshot by snapshot. A group's side is fixed when it first appears; what comes
later joins it. A picture that belongs to groups on both sides is left out and listed. New
groups fill the side that is emptiest for their class; ties and order come from hashes, so the
order of files does not matter. Nothing is remembered but the rows, so it can always be replayed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from common.dataset import TEST, TRAIN


@dataclass(frozen=True)
class Member:
    """A picture as one snapshot first showed it (again, if a later one showed it under another name).

    `labels` are the source's, `ties` name what it belongs with (its file's group, its
    near-duplicates): pictures that share a tie share a side.
    """

    id: str
    first: int
    labels: tuple[str, ...]
    ties: frozenset[str]
    dedicated: bool = False


@dataclass(frozen=True)
class Placed:
    """Where a picture went. `group` names the pictures that stay together; no side means it joins both."""

    group: str
    side: str


@dataclass
class _State:
    """Sides and groups so far; `filled[label][side]` counts pictures."""

    placed: dict[str, Placed] = field(default_factory=dict)
    by_tie: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    filled: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: {TRAIN: 0, TEST: 0}))


def replay(members: Iterable[Member], ratio: float, seed: int = 0, *, dedicated: bool = False) -> dict[str, Placed]:
    """Return each picture's group and side.

    With `dedicated`, groups that hold a picture of the dedicated test list are the test side,
    all others the training side.
    """
    state = _State()
    by_snapshot: dict[int, list[Member]] = defaultdict(list)
    for member in members:
        by_snapshot[member.first].append(member)
    for number in sorted(by_snapshot):
        shown = sorted(by_snapshot[number], key=lambda member: _order(member.id, seed))
        fresh = [member for member in shown if member.id not in state.placed]
        for member in shown:
            _tie_old(state, member)
        _join_old_groups(state, fresh)
        for group in _new_groups(state, fresh, seed):
            _place_group(state, group, _side(state, group, ratio, dedicated=dedicated))
    return state.placed


def _join_old_groups(state: _State, fresh: list[Member]) -> None:
    """Let new pictures join the groups they touch, until nothing changes; who touches both sides is left out."""
    changed = True
    while changed:
        changed = False
        for member in fresh:
            if member.id in state.placed:
                continue
            sides = {state.placed[other].side for other in _touching(state, member)} - {""}
            if len(sides) == 1:
                group = min(state.placed[other].group for other in _touching(state, member) if state.placed[other].side)
                _put(state, member, Placed(group, sides.pop()))
                changed = True
            elif sides:
                state.placed[member.id] = Placed(member.id, "")


def _tie_old(state: _State, member: Member) -> None:
    """Give a placed picture the ties of its new name, except such as hold the other side already."""
    place = state.placed.get(member.id)
    if place is None or not place.side:
        return
    for tie in member.ties:
        if all(state.placed[other].side == place.side for other in state.by_tie[tie]):
            state.by_tie[tie].add(member.id)


def _touching(state: _State, member: Member) -> set[str]:
    return {other for tie in member.ties for other in state.by_tie.get(tie, ())}


def _put(state: _State, member: Member, place: Placed) -> None:
    state.placed[member.id] = place
    for tie in member.ties:
        state.by_tie[tie].add(member.id)
    for label in member.labels:
        state.filled[label][place.side] += 1


def _new_groups(state: _State, fresh: list[Member], seed: int) -> list[list[Member]]:
    """Return the connected sets among pictures that joined nothing, largest first."""
    rest = {member.id: member for member in fresh if member.id not in state.placed}
    by_tie: dict[str, list[str]] = defaultdict(list)
    for member in rest.values():
        for tie in member.ties:
            by_tie[tie].append(member.id)
    groups = []
    while rest:
        _, start = rest.popitem()
        group, edge = [start], [start]
        while edge:
            near = {other for tie in edge.pop().ties for other in by_tie[tie] if other in rest}
            found = [rest.pop(other) for other in near]
            group += found
            edge += found
        groups.append(sorted(group, key=lambda member: member.id))
    return sorted(groups, key=lambda group: (-len(group), _order(group[0].id, seed)))


def _side(state: _State, group: list[Member], ratio: float, *, dedicated: bool) -> str:
    if dedicated:
        return TEST if any(member.dedicated for member in group) else TRAIN
    train = test = 0.0
    for member in group:
        for label in member.labels:
            train += state.filled[label][TRAIN] / ratio
            test += state.filled[label][TEST] / (1 - ratio)
    return TRAIN if train <= test else TEST


def _place_group(state: _State, group: list[Member], side: str) -> None:
    place = Placed(group[0].id, side)
    for member in group:
        _put(state, member, place)


def _order(identity: str, seed: int) -> str:
    return sha256(f"{seed}:{identity}".encode()).hexdigest()
