"""How groups are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from common.metrics import draw_groups
from common.metrics.intervals import strata


def test_groups_are_drawn_within_their_class_and_weigh_as_much_as_before() -> None:
    classes = np.array([0] * 5 + [1] * 3 + [2])
    weights = draw_groups(classes, 500, seed=0)
    for label, count in ((0, 5), (1, 3), (2, 1)):
        np.testing.assert_allclose(weights[:, classes == label].sum(axis=1), count)
    assert (weights[:, 8] == 1).all()


def test_the_spread_of_the_resamples_is_the_standard_error_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=6)
    means = draw_groups(np.zeros(6, np.int64), 40_000, seed=1) @ values / 6
    assert means.std() == pytest.approx(values.std(ddof=1) / np.sqrt(6), rel=0.02)


def test_a_group_belongs_to_its_most_frequent_class() -> None:
    assert strata(np.array([0, 1, 1, 2]), np.array([0, 0, 0, 1])).tolist() == [1, 2]
    assert len(strata(np.zeros(0, np.int64), np.zeros(0, np.int64))) == 0
