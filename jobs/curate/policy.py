"""Which suspicious pictures training does not see. A person's word always wins, and no class is emptied."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from common.dataset import TRAIN, Entry

FEW_GROUPS = 10
"""With fewer groups in a class nobody can say which of them is the odd one: such a class is only reported."""


def leave_out(entries: Sequence[Entry], scores: Sequence[float], suspicious: Sequence[bool], least_share: float) -> set[int]:
    """Return the places of *entries* that training does not see, from the worst down to what each class must keep.

    `entries` are kept ones. Those of the test side are never among the places: where they train nothing, nothing needs to be done.
    """
    groups: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        groups[entry.label].add(entry.group)
    sizes = Counter(entry.label for entry in entries if entry.side == TRAIN)
    budget = {label: size - math.ceil(least_share * size) for label, size in sizes.items() if len(groups[label]) >= FEW_GROUPS}
    found = set()
    for place in sorted(_inside(entries, suspicious), key=lambda at: (-scores[at], entries[at].id)):
        label = entries[place].label
        if budget.get(label, 0) > 0:
            budget[label] -= 1
            found.add(place)
    return found


def _inside(entries: Sequence[Entry], suspicious: Sequence[bool]) -> Collection[int]:
    return [place for place, entry in enumerate(entries) if entry.side == TRAIN and suspicious[place]]
