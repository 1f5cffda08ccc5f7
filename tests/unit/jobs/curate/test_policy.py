"""What training does not see, and what it sees all the same."""

from __future__ import annotations

import pytest

from common.dataset import TEST, TRAIN, Entry
from jobs.curate import policy
from tests.support import trained


def pictures(count: int, label: str = "dots", side: str = TRAIN) -> list[Entry]:
    return [trained.entry(f"{label}-{side}-{at}", f"{label}/{at}.png", label, f"{label}-{side}-{at}", side) for at in range(count)]


def test_the_suspicious_are_left_out_of_training_and_never_of_the_test() -> None:
    entries = [*pictures(20), *pictures(5, side=TEST)]
    out = policy.leave_out(entries, [0.9] * 25, [at in (3, 21) for at in range(25)], 0.5)
    assert out == {3}


def test_a_class_keeps_its_share_and_loses_its_worst_first() -> None:
    entries = pictures(20)
    scores = [0.8 + at / 100 for at in range(20)]
    assert policy.leave_out(entries, scores, [True] * 20, 0.75) == {15, 16, 17, 18, 19}


@pytest.mark.parametrize(("count", "out"), [(policy.FEW_GROUPS - 1, 0), (policy.FEW_GROUPS, 1)])
def test_a_class_of_few_groups_is_only_reported(count: int, out: int) -> None:
    entries = pictures(count)
    assert len(policy.leave_out(entries, [1.0] * count, [at == 0 for at in range(count)], 0.6)) == out


def test_nothing_is_left_out_where_all_must_stay() -> None:
    entries = pictures(20)
    assert policy.leave_out(entries, [1.0] * 20, [True] * 20, 1.0) == set()
