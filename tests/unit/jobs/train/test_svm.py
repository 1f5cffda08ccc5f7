"""The linear SVM: what scikit-learn would give, chosen without looking at the test side."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import LinearSVC

from jobs.train import svm
from jobs.train.svm import Data, Options

GRID = Options((0.01, 0.1, 1.0), 5, unit_length=True)


def case(seed: int = 0, n: int = 90, d: int = 10, classes: int = 3, per_group: int = 3, spread: float = 1.0) -> Data:
    random = np.random.default_rng(seed)
    groups = np.arange(n) // per_group
    targets = groups % classes
    centres = random.normal(0, 1, (classes, d))
    return Data(centres[targets] + random.normal(0, spread, (n, d)), targets, groups, classes)


@pytest.mark.parametrize("c", [0.001, 0.1, 10.0])
@pytest.mark.parametrize("classes", [2, 3, 4])
def test_margins_are_those_of_scikit_learn_s_pipeline(classes: int, c: float) -> None:
    data = case(classes=classes)
    pipeline = make_pipeline(
        StandardScaler(), Normalizer(), LinearSVC(C=c, class_weight="balanced", random_state=0, tol=1e-9, max_iter=200_000)
    )
    expected = pipeline.fit(data.features, data.targets).decision_function(data.features)
    found = svm.fit(data, c, unit_length=True).margins(data.features)
    if classes == 2:
        expected = np.stack([-expected, expected], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-6 * max(1.0, c))


def test_a_constant_feature_does_not_divide_by_nought() -> None:
    data = case()
    features = data.features.copy()
    features[:, 3] = 7.0
    margins = svm.fit(Data(features, data.targets, data.groups, 3), 1.0, unit_length=True).margins(features)
    assert np.isfinite(margins).all()


def test_a_class_that_the_fit_did_not_see_is_never_predicted() -> None:
    data = case(classes=2)
    margins = svm.fit(Data(data.features, data.targets, data.groups, 3), 1.0, unit_length=True).margins(data.features)
    assert (margins[:, 2] == svm.ABSENT).all()
    assert set(margins.argmax(axis=1)) == {0, 1}


def test_no_fold_holds_pictures_of_one_group_on_both_sides() -> None:
    data = case(n=60, per_group=5)
    for inside, outside in svm._folds(data, 4):
        assert not set(data.groups[inside]) & set(data.groups[outside])


def test_the_best_c_is_the_smallest_of_the_best() -> None:
    chosen = svm.choose(case(spread=0.05), GRID)
    assert [trial.accuracy for trial in chosen.trials] == [1.0, 1.0, 1.0]
    assert chosen.best.c == 0.01


def test_choosing_again_gives_the_same() -> None:
    first, second = svm.choose(case(), GRID), svm.choose(case(), GRID)
    assert [trial.accuracy for trial in first.trials] == [trial.accuracy for trial in second.trials]
    assert first.best == second.best


def test_the_number_of_threads_does_not_change_a_bit_of_a_large_fit() -> None:
    data = case(n=801, d=700)
    assert data.features.size >= svm.LARGE
    one, two = (svm.fit(data, 1.0, unit_length=True, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.weights, two.weights)
    np.testing.assert_array_equal(one.bias, two.bias)


def test_a_class_with_one_training_group_is_no_obstacle() -> None:
    data = case(n=30, per_group=5, classes=3)
    lonely = Data(data.features, np.where(data.groups == 0, 0, 1 + data.groups % 2), data.groups, 3)
    chosen = svm.choose(lonely, GRID)
    assert 0 < chosen.best.accuracy < 1
    assert 0.01 <= chosen.best.temperature <= 100


def test_leaving_groups_out_never_shows_a_classifier_the_group_that_it_scores() -> None:
    """Features that name the group, not the class: who saw the group is always right, who did not only guesses."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 6)
    targets = random.permutation(np.arange(12) % 3)[groups]
    features = random.normal(0, 1, (12, 30))[groups] + random.normal(0, 0.01, (72, 30))
    data = Data(features, targets, groups, 3)
    seen = svm.fit(data, 1.0, unit_length=True).margins(features).argmax(axis=1)
    assert (seen == targets).mean() == 1.0
    unseen = svm.leave_groups_out(data, GRID).argmax(axis=1)
    assert (unseen == targets).mean() < 0.7


def test_left_out_scores_are_probabilities_in_the_order_of_the_pictures() -> None:
    data = case(spread=0.3)
    probabilities = svm.leave_groups_out(data, GRID)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert (probabilities.argmax(axis=1) == data.targets).mean() > 0.95


def test_many_groups_are_left_out_several_at_a_time_but_a_rare_class_s_one_by_one() -> None:
    targets = np.concatenate([np.zeros(300, int), np.ones(3, int)])
    data = Data(np.zeros((303, 2)), targets, np.arange(303), 2)
    turns = svm._turns(data)
    assert turns.max() + 1 == svm.TURNS
    assert len(set(turns[300:])) == 3


def test_the_temperature_is_the_one_that_made_the_labels() -> None:
    random = np.random.default_rng(0)
    margins = random.normal(0, 1, (4000, 3))
    truth = 0.4
    draws = np.exp(log_softmax(margins / truth, axis=1)).cumsum(axis=1) > random.uniform(size=(4000, 1))
    assert svm.temperature(margins, draws.argmax(axis=1)) == pytest.approx(truth, rel=0.1)


def test_the_class_average_counts_classes_and_not_pictures() -> None:
    assert svm.class_average(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1])) == 0.5
