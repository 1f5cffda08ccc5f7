"""Figures equal scikit-learn's, and intervals belong to groups."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    roc_auc_score,
)

from common.metrics import Figure, Scored, Summary, summarise
from tests.support.scored import random_case


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_every_figure_equals_scikit_learn_s(seed: int, classes: int) -> None:
    scored = random_case(seed, classes=classes)
    found = summarise(scored, resamples=20)
    truth, predicted, scores = scored.truth, scored.predicted, scored.probabilities
    ours = truth[:, None] == np.arange(classes)
    assert found.accuracy.value == pytest.approx(accuracy_score(truth, predicted))
    assert found.class_average_accuracy.value == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert found.macro_f1.value == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert [one.value for one in found.class_f1] == pytest.approx(f1_score(truth, predicted, average=None))
    assert found.confusion == confusion_matrix(truth, predicted).tolist()
    assert [one.value for one in found.class_accuracy] == pytest.approx(confusion_matrix(truth, predicted, normalize="true").diagonal())
    assert [one.value for one in found.class_auc] == pytest.approx([roc_auc_score(ours[:, i], scores[:, i]) for i in range(classes)])
    assert found.auc.value == pytest.approx(roc_auc_score(ours, scores, average="macro"))
    assert found.auc_micro.value == pytest.approx(roc_auc_score(ours, scores, average="micro"))
    assert found.precision.value == pytest.approx(average_precision_score(ours, scores, average="macro"))
    assert found.precision_micro.value == pytest.approx(average_precision_score(ours, scores, average="micro"))


def test_ties_count_half() -> None:
    scored = Scored(np.array([0, 1]), np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([0, 1]))
    assert summarise(scored, 20).auc.value == 0.5


def every_figure(summary: Summary) -> list[Figure]:
    found = [value for value in msgspec.structs.asdict(summary).values() if isinstance(value, Figure)]
    found += [*summary.class_accuracy, *summary.class_f1, *summary.class_auc, *summary.class_precision]
    found += [figure for one in summary.thresholds for figure in (one.answered, one.accuracy)]
    return found + [one.accuracy for one in summary.reliability]


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=30)
def test_an_interval_holds_its_value_and_stays_between_nought_and_one(seed: int) -> None:
    for figure in every_figure(summarise(random_case(seed, n=30, groups=12), resamples=30)):
        assert 0 <= figure.low <= figure.value <= figure.high <= 1


def test_figures_are_a_function_of_the_predictions() -> None:
    assert summarise(random_case(1), 50) == summarise(random_case(1), 50)


def test_many_pictures_of_few_groups_promise_no_more_than_the_groups() -> None:
    few = random_case(3, n=60, groups=9, sharpness=1.0)
    one_by_one = Scored(few.truth, few.probabilities, np.arange(60))
    copied = Scored(np.repeat(few.truth, 20), np.repeat(few.probabilities, 20, axis=0), np.repeat(few.groups, 20))

    def width(scored: Scored) -> float:
        figure = summarise(scored, 1000).accuracy
        return figure.high - figure.low

    assert width(copied) == pytest.approx(width(few), rel=0.05)
    assert width(Scored(copied.truth, copied.probabilities, np.arange(1200))) < 0.5 * width(one_by_one)


def test_a_class_without_a_mistake_still_has_a_lower_bound() -> None:
    truth = np.repeat([0, 1], 20)
    scored = Scored(truth, np.where(truth[:, None] == [0, 1], 0.9, 0.1), np.arange(40))
    figure = summarise(scored, 100).class_accuracy[0]
    assert figure.value == figure.high == 1
    assert 0.75 < figure.low < 0.9


def test_a_class_with_one_group_promises_nothing() -> None:
    truth = np.array([0, 0, 0, 1, 1, 1])
    scored = Scored(truth, np.where(truth[:, None] == [0, 1], 0.9, 0.1), np.array([0, 0, 0, 1, 2, 3]))
    figure = summarise(scored, 50).class_accuracy[0]
    assert (figure.low, figure.high) == (0.0, 1.0)


def test_a_class_without_pictures_does_not_spoil_the_means() -> None:
    scored = Scored(np.array([0, 0, 1, 1]), np.array([[0.8, 0.1, 0.1]] * 2 + [[0.1, 0.8, 0.1]] * 2), np.arange(4))
    found = summarise(scored, 50)
    assert found.class_average_accuracy.value == 1
    assert found.class_accuracy[2] == Figure(value=0.0, low=0.0, high=1.0)


def test_unknown_below_a_threshold_answers_less_and_is_right_more() -> None:
    found = summarise(random_case(4, n=600, groups=200, sharpness=1.5), 20).thresholds
    assert found[0].answered.value == 1.0
    answered = [one.answered.value for one in found]
    assert answered == sorted(answered, reverse=True)
    assert found[-2].accuracy.value > found[0].accuracy.value


def test_the_calibration_error_is_nought_for_a_model_that_is_as_right_as_it_is_sure() -> None:
    random = np.random.default_rng(0)
    n = 40_000
    sure = random.uniform(0.5, 1.0, n)
    truth = (random.uniform(size=n) > sure).astype(np.int64)
    honest = summarise(Scored(truth, np.stack([sure, 1 - sure], axis=1), np.arange(n)), 10)
    assert honest.calibration_error.value < 0.01
    assert all(abs(one.accuracy.value - one.confidence) < 0.03 for one in honest.reliability)
    boastful = summarise(Scored(truth, np.tile([0.999, 0.001], (n, 1)), np.arange(n)), 10)
    assert boastful.calibration_error.value == pytest.approx(0.999 - (truth == 0).mean(), abs=1e-6)
    assert sum(one.count for one in honest.reliability) == n
