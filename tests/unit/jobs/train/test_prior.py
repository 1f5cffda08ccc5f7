"""What a backbone knows by name: which classes it is, and how much it counts."""

from __future__ import annotations

import numpy as np
import pytest

from common.model import Named
from jobs.train import prior, svm
from jobs.train.svm import Data, Options

NAMES = (Named(("striped", "stripes"), (0, 3)), Named(("dotted", "dots", "polkadot", "polka"), (1, 4)), Named(("zigzag", "zig"), (2,)))
GRID = Options((0.01, 1.0), 5, unit_length=True)


@pytest.mark.parametrize(
    "classes",
    [("striped", "dotted"), ("Stripes", "polka dot"), ("striped_fabric", "polka-dots"), ("zig zag", "dots"), ("red stripes", "POLKADOT")],
)
def test_classes_are_found_by_the_words_in_their_names(classes: tuple[str, ...]) -> None:
    found = prior.matrix(classes, NAMES, 5)
    assert found is not None
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_a_row_is_the_mean_of_its_features() -> None:
    found = prior.matrix(("dots", "stripes"), NAMES, 5)
    np.testing.assert_array_equal(found, [[0, 0.5, 0, 0, 0.5], [0.5, 0, 0, 0.5, 0]])


@pytest.mark.parametrize(
    "classes", [("striped", "floral"), ("striped", "stripes"), ("striped dotted cloth", "zigzag"), ("", "dots"), ("7", "8"), ("点", "dots")]
)
def test_there_is_no_prior_where_a_class_is_unknown_or_two_are_one(classes: tuple[str, ...]) -> None:
    assert prior.matrix(classes, NAMES, 5) is None


def test_no_names_no_prior() -> None:
    assert prior.matrix(("striped", "dotted"), (), 5) is None


def case(groups: int, right: float, seed: int = 0) -> Data:
    """Pictures whose features say little; what is known is right for a share of them."""
    random = np.random.default_rng(seed)
    owners = np.repeat(np.arange(groups), 4)
    targets = owners % 3
    told = np.where(random.random(len(targets)) < right, targets, random.integers(0, 3, len(targets)))
    known = np.log(np.where(np.arange(3) == told[:, None], 0.8, 0.1))
    features = random.normal(0, 1, (len(targets), 8)) + 0.3 * targets[:, None]
    return Data(features, targets, owners, 3, known)


def test_few_groups_leave_the_prior_its_say() -> None:
    data = case(groups=6, right=1.0)
    chosen = svm.choose(data, GRID)
    assert 0.7 < chosen.best.share < 2
    without = svm.choose(Data(data.features, data.targets, data.groups, 3), GRID)
    assert chosen.best.accuracy > without.best.accuracy


def test_many_groups_overrule_a_prior_that_knows_nothing() -> None:
    chosen = svm.choose(case(groups=300, right=0.0), GRID)
    assert chosen.best.share < 0.2


def test_the_weights_are_those_of_a_search_on_a_grid() -> None:
    data = case(groups=30, right=0.6)
    margins = np.random.default_rng(1).normal(0, 1, (len(data.targets), 3)) + 1.5 * np.eye(3)[data.targets]
    assert data.known is not None
    temperature, share = prior.weigh(margins, data.known, data.targets, 30)

    def loss(divisor: float, part: float) -> float:
        trial = svm.Trial(1.0, 0.0, divisor, part)
        likely = np.log(trial.probabilities(margins, data.known)[np.arange(len(margins)), data.targets]).mean()
        return float(((part - 1) / prior.SPREAD_OF_SHARE) ** 2 / 2 + (np.log(divisor) / prior.SPREAD_OF_SCALE) ** 2 / 2 - 30 * likely)

    grid = [(loss(np.exp(a), b), np.exp(a), b) for a in np.linspace(-1.5, 1.5, 61) for b in np.linspace(0, 3, 61)]
    best = min(grid)
    assert loss(temperature, share) <= best[0]
    assert temperature == pytest.approx(best[1], rel=0.06)
    assert share == pytest.approx(best[2], abs=0.06)


def test_left_out_scores_use_the_prior() -> None:
    data = case(groups=9, right=1.0)
    right = (svm.leave_groups_out(data, GRID).argmax(axis=1) == data.targets).mean()
    assert right > 0.9
