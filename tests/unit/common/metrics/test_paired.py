"""Two models on the same pictures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from common.metrics import compare, difference, summarise
from tests.support.scored import random_case


def test_the_difference_of_a_model_and_itself_is_nought() -> None:
    scored = random_case(7)
    same = compare(scored.truth, scored.predicted, scored.predicted, scored.groups, 50)
    assert (same.difference.value, same.difference.low, same.difference.high) == (0, 0, 0)
    assert (same.gained, same.lost, same.mcnemar, same.pictures) == (0, 0, 1.0, 60)


def test_a_better_model_s_difference_is_positive_and_pairing_narrows_it() -> None:
    scored = random_case(11, n=400, groups=100, sharpness=1.5)
    worse = scored.predicted.copy()
    right = np.flatnonzero(worse == scored.truth)[::8]
    worse[right] = (worse[right] + 1) % 3
    found = compare(scored.truth, scored.predicted, worse, scored.groups, 500)
    assert found.difference.value == pytest.approx(len(right) / 400)
    assert 0 < found.difference.low < found.difference.value < found.difference.high
    alone = summarise(scored, 500).accuracy
    assert found.difference.high - found.difference.low < alone.high - alone.low
    assert (found.gained, found.lost) == (len(right), 0)


def test_mcnemar_is_the_exact_binomial_test_on_what_changed() -> None:
    truth = np.zeros(30, np.int64)
    first, second = truth.copy(), truth.copy()
    first[:3], second[3:12] = 1, 1
    found = compare(truth, first, second, np.arange(30), 50)
    assert (found.gained, found.lost) == (9, 3)
    assert found.mcnemar == pytest.approx(binomtest(9, 12).pvalue)


def test_the_other_way_round_is_the_negative() -> None:
    scored = random_case(5, n=200, groups=60)
    other = np.roll(scored.predicted, 1)
    ahead = difference(scored.truth, scored.predicted, other, scored.groups, 200)
    behind = difference(scored.truth, other, scored.predicted, scored.groups, 200)
    assert (behind.value, behind.low, behind.high) == pytest.approx((-ahead.value, -ahead.high, -ahead.low))
