"""The course of a training run: rates, and the pictures that a step may draw from."""

from __future__ import annotations

from itertools import pairwise

from jobs.pretrain.recipe import Recipe

RECIPE = Recipe()


def test_rates_warm_up_stay_and_cool_down_to_nothing() -> None:
    rates = [RECIPE.rate_at(step) for step in range(RECIPE.steps)]
    assert rates[0] < rates[50] < rates[199] == rates[200] == rates[2000] == RECIPE.rate
    assert all(later <= earlier for earlier, later in pairwise(rates[200:]))
    assert rates[-1] < 1e-3 * RECIPE.rate


def test_shards_join_one_by_one_and_never_go() -> None:
    counts = [RECIPE.shards_at(step) for step in range(RECIPE.steps)]
    assert counts[0] == RECIPE.first_shards
    assert all(0 <= later - earlier <= 1 for earlier, later in pairwise(counts))
    assert counts[-1] <= RECIPE.shards
