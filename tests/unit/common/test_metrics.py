"""Figures equal scikit-learn's, and intervals resample groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score, roc_auc_score

from common import metrics
from common.metrics import Scored


def random_case(seed: int, n: int = 60, classes: int = 3, groups: int = 20, sharpness: float = 2.0) -> Scored:
    random = np.random.default_rng(seed)
    group = np.concatenate([np.arange(groups), random.integers(0, groups, n - groups)])
    truth = (group % classes).astype(np.int64)
    margins = random.normal(size=(n, classes)).round(1)
    margins[np.arange(n), truth] += sharpness
    probabilities = np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True)
    return Scored(truth, probabilities, group.astype(np.int64))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_every_figure_equals_scikit_learn_s(seed: int, classes: int) -> None:
    scored = random_case(seed, classes=classes)
    summary = metrics.summarise(scored, resamples=100)
    predicted = scored.predicted
    assert summary.accuracy.value == pytest.approx(accuracy_score(scored.truth, predicted))
    assert summary.class_average_accuracy.value == pytest.approx(balanced_accuracy_score(scored.truth, predicted))
    assert summary.macro_f1.value == pytest.approx(f1_score(scored.truth, predicted, average="macro"))
    assert summary.confusion == confusion_matrix(scored.truth, predicted).tolist()
    for index in range(classes):
        expected = roc_auc_score(scored.truth == index, scored.probabilities[:, index])
        assert summary.class_auc[index].value == pytest.approx(expected)
    assert summary.auc.value == pytest.approx(np.mean([one.value for one in summary.class_auc]))


def test_ties_in_the_area_count_half() -> None:
    scored = Scored(np.array([0, 1]), np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([0, 1]))
    assert metrics.summarise(scored, 100).auc.value == 0.5


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=30)
def test_an_interval_holds_its_value_and_stays_between_nought_and_one(seed: int) -> None:
    summary = metrics.summarise(random_case(seed, n=30, groups=12), resamples=60)
    for figure in (
        summary.accuracy,
        summary.class_average_accuracy,
        summary.macro_f1,
        summary.auc,
        *summary.class_accuracy,
        *summary.class_auc,
    ):
        assert 0 <= figure.low <= figure.value <= figure.high <= 1


def test_figures_are_a_function_of_the_predictions() -> None:
    assert metrics.summarise(random_case(1), 200) == metrics.summarise(random_case(1), 200)


def test_many_pictures_of_few_groups_promise_no_more_than_the_groups() -> None:
    few = random_case(3, n=60, groups=9, sharpness=1.0)
    one_by_one = Scored(few.truth, few.probabilities, np.arange(60))
    copied = Scored(np.repeat(few.truth, 20), np.repeat(few.probabilities, 20, axis=0), np.repeat(few.groups, 20))

    def width(scored: Scored) -> float:
        figure = metrics.summarise(scored, 2000).accuracy
        return figure.high - figure.low

    assert width(copied) == pytest.approx(width(few), rel=0.05)
    assert width(Scored(copied.truth, copied.probabilities, np.arange(1200))) < 0.5 * width(one_by_one)


def test_no_resample_loses_a_class() -> None:
    scored = random_case(5, n=40, groups=4, classes=2)
    matrices = metrics.confusions(scored, metrics.group_weights(scored, 500, seed=0))
    assert (matrices.sum(axis=2) > 0).all()


def test_the_difference_of_a_model_and_itself_is_nought() -> None:
    scored = random_case(7)
    same = metrics.difference(scored.truth, scored.predicted, scored.predicted, scored.groups, 200)
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_a_better_model_s_difference_is_positive_and_pairing_narrows_it() -> None:
    scored = random_case(11, n=400, groups=100, sharpness=1.5)
    worse = scored.predicted.copy()
    right = np.flatnonzero(worse == scored.truth)[::8]
    worse[right] = (worse[right] + 1) % 3
    figure = metrics.difference(scored.truth, scored.predicted, worse, scored.groups, 2000)
    assert figure.value == pytest.approx(len(right) / 400)
    assert 0 < figure.low < figure.value < figure.high
    alone = metrics.summarise(scored, 2000).accuracy
    assert figure.high - figure.low < alone.high - alone.low


def test_a_class_without_pictures_does_not_spoil_the_means() -> None:
    scored = Scored(np.array([0, 0, 1, 1]), np.array([[0.8, 0.1, 0.1]] * 2 + [[0.1, 0.8, 0.1]] * 2), np.arange(4))
    summary = metrics.summarise(scored, 100)
    assert summary.class_average_accuracy.value == 1
    assert summary.class_accuracy[2] == metrics.Figure(value=0.0, low=0.0, high=1.0)
