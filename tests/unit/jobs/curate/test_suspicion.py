"""The score: planted trouble comes first, and groups do not vouch for themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.curate import alike, signals, suspicion
from jobs.curate.signals import NAMES, Pictures
from jobs.curate.suspicion import NAMED, UNNAMED
from tests.support.judged import only

PER_CLASS, WIDTH, CLASSES = 60, 20, 3
FOREIGN, SWAPPED = slice(0, 8), slice(60, 66)


def planted(seed: int = 0, *, by_name: bool = False) -> Pictures:
    """Return three classes; the first 8 pictures are foreign, six of the second class are of the third."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(5).normal(0, 1.5, (CLASSES + 1, WIDTH))
    targets = np.repeat(np.arange(CLASSES), PER_CLASS)
    truth = targets.copy()
    truth[FOREIGN], truth[SWAPPED] = CLASSES, 2
    features = centres[truth] + random.normal(0, 1, (len(truth), WIDTH))
    looks = random.normal(0, 1, (len(truth), 6))
    known = np.full((len(truth), CLASSES), np.nan)
    if by_name:
        known = np.where(truth[:, None] == np.arange(CLASSES), -0.1, -4.0) + random.normal(0, 0.02, known.shape)
    return Pictures(features, looks, targets, np.arange(len(truth)), CLASSES, known, np.ones(len(truth), bool))


def trouble() -> NDArray[np.bool_]:
    found = np.zeros(PER_CLASS * CLASSES, bool)
    found[FOREIGN] = found[SWAPPED] = True
    return found


@pytest.mark.parametrize("by_name", [True, False])
def test_planted_trouble_is_the_most_suspicious(by_name: bool) -> None:
    judged = suspicion.judge(planted(by_name=by_name))
    worst = np.argsort(-judged.score)[: 2 * trouble().sum()]
    assert trouble()[worst].sum() >= 13
    assert judged.score[trouble()].mean() > 0.6
    assert judged.score[~trouble()].mean() < 0.1
    assert judged.score.min() >= 0
    assert judged.score.max() <= 1


def test_where_nothing_is_wrong_little_is_suspicious() -> None:
    whole = planted()
    rest = ~trouble()
    clean = only(whole, rest)
    judged = suspicion.judge(clean)
    assert judged.share < 0.1
    assert (judged.score > 0.75).mean() < 0.05


def test_pictures_of_one_group_do_not_vouch_for_each_other() -> None:
    apart = planted()
    groups = apart.groups.copy()
    groups[FOREIGN] = 0
    together = replace(apart, groups=groups)
    far = NAMES.index("far from all")
    alone, vouched_for = (signals.measure(of, of.reference).values[FOREIGN, far] for of in (together, apart))
    assert alone.mean() > vouched_for.mean()


def test_who_is_no_reference_changes_nothing_for_others() -> None:
    whole = planted()
    reference = np.arange(len(whole.targets)) % 4 != 0
    features = whole.features.copy()
    features[~reference] += 7
    moved = np.where(reference[:, None], whole.looks, whole.looks - 5)
    first = suspicion.judge(replace(whole, reference=reference))
    second = suspicion.judge(replace(whole, features=features, looks=moved, reference=reference))
    np.testing.assert_allclose(first.score[reference], second.score[reference], atol=1e-9)


def test_the_same_pictures_get_the_same_scores() -> None:
    np.testing.assert_array_equal(suspicion.judge(planted()).score, suspicion.judge(planted()).score)


def test_many_pictures_are_measured_piece_by_piece_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = signals.measure(planted(), planted().reference).values
    monkeypatch.setattr(signals, "CHUNK", 7)
    np.testing.assert_allclose(signals.measure(planted(), planted().reference).values, whole, atol=1e-9)


def test_trouble_of_another_class_makes_its_like_suspicious() -> None:
    of = planted()
    score = -np.arange(float(len(of.targets)))  # the first, foreign ones stand for trouble
    measured = alike.measure(of, score)
    assert measured[FOREIGN].mean() > measured[100:].mean()


def test_too_few_pictures_have_no_trouble_to_be_like() -> None:
    whole = planted()
    few = only(whole, slice(50, 70))
    assert not alike.measure(few, np.arange(20.0)).any()


@pytest.mark.parametrize("weights", [NAMED, UNNAMED])
def test_there_is_a_weight_for_each_signal(weights: suspicion.Weights) -> None:
    assert len(weights.first) == len(NAMES)
    assert len(weights.last) == len(NAMES) + len(alike.NAMES)
