"""The recipes' rates and what they ask of pictures."""

from __future__ import annotations

import numpy as np
import pytest

from common.images import Preprocessing
from jobs.refine import recipe
from jobs.refine.spec import LEARNING_RATES
from tests.support.rooms import defaults


def test_the_original_goes_down_its_list_and_stays_at_the_end() -> None:
    plan = recipe.read(defaults(classifier="dnn"))
    assert [plan.rate(epoch, 0, 10) for epoch in range(45)] == [*LEARNING_RATES, *[0.0001] * 4]
    assert plan.size == 16
    assert not any(plan.is_frozen(epoch) for epoch in range(45))


def test_the_modern_one_warms_up_its_head_then_rises_and_falls_to_nothing() -> None:
    plan = recipe.read(defaults(classifier="dnn", refine_recipe="modern", refine_epochs=9, refine_warmUpEpochs=1))
    assert [plan.is_frozen(epoch) for epoch in range(3)] == [True, False, False]
    rates = np.array([plan.rate(epoch, step, 20) for epoch in range(1, 9) for step in range(20)])
    top = int(rates.argmax())
    assert rates.max() == pytest.approx(plan.peak, rel=1e-3)
    assert top == pytest.approx(recipe.RISE * len(rates), abs=1)
    assert (np.diff(rates[:top]) > 0).all()
    assert (np.diff(rates[top + 1 :]) < 0).all()
    assert rates[-1] < 0.001 * plan.peak


def test_a_single_epoch_is_not_all_warm_up() -> None:
    plan = recipe.read(defaults(classifier="dnn", refine_recipe="modern", refine_epochs=1))
    assert not plan.is_frozen(0)


def test_frozen_weights_stay_frozen() -> None:
    assert recipe.read(defaults(classifier="dnn", refine_freezeWeights=True)).is_frozen(44)


def test_the_original_letterboxes_and_the_modern_one_looks_as_the_backbone_does() -> None:
    own = Preprocessing(resolution=64, fit="cover", mean=(0.1, 0.2, 0.3))
    old, new = (recipe.read(defaults(classifier="dnn", refine_recipe=name)).preprocessing(own) for name in ("original", "modern"))
    assert (old.fit, old.pad, old.mean, old.resolution) == ("letterbox", 114, own.mean, 64)
    assert new == own
