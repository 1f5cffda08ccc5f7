"""Curves and areas."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sklearn

from common.metrics import pr_curve, ranking, roc_curve

RANDOM = np.random.default_rng(0)
SCORES = RANDOM.uniform(size=300).round(2)
POSITIVE = RANDOM.uniform(size=300) < SCORES


def test_the_roc_curve_is_scikit_learn_s() -> None:
    false, found, _ = sklearn.roc_curve(POSITIVE, SCORES, drop_intermediate=False)
    curve = roc_curve(SCORES, POSITIVE)
    np.testing.assert_allclose(curve.x, false)
    np.testing.assert_allclose(curve.y, found)


def test_the_precision_recall_curve_is_scikit_learn_s() -> None:
    right, found, _ = sklearn.precision_recall_curve(POSITIVE, SCORES)
    curve = pr_curve(SCORES, POSITIVE)
    np.testing.assert_allclose(curve.x, found[::-1][1:])
    np.testing.assert_allclose(curve.y, right[::-1][1:])


def test_areas_follow_weights_as_if_pictures_were_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = np.arange(300) % 50
    weights = RANDOM.integers(0, 4, (7, 50)).astype(float)
    monkeypatch.setattr(ranking, "_CELLS_AT_ONCE", 700)  # several blocks
    found = ranking.areas(SCORES, POSITIVE, groups, weights)
    for row, (roc, precision) in enumerate(zip(found.roc, found.precision, strict=True)):
        repeated = np.repeat(np.arange(300), weights[row][groups].astype(int))
        assert roc == pytest.approx(sklearn.roc_auc_score(POSITIVE[repeated], SCORES[repeated]))
        assert precision == pytest.approx(sklearn.average_precision_score(POSITIVE[repeated], SCORES[repeated]))


def test_judgements_that_were_not_drawn_count_for_nothing_even_at_the_top() -> None:
    scores, positive = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False])
    found = ranking.areas(scores, positive, np.arange(4), np.array([[0.0, 1.1, 1.1, 1.1]]))
    assert found.precision[0] == pytest.approx(0.5)
    assert found.roc[0] == pytest.approx(0.5)


def test_a_side_that_is_not_there_has_no_area() -> None:
    found = ranking.areas(np.array([0.1, 0.9]), np.array([True, True]), np.array([0, 1]), np.ones((1, 2)))
    assert np.isnan(found.roc[0])
    assert found.precision[0] == 1.0
