"""Variations of pictures: of the right size, within bounds, the same for the same draw."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.refine import augment
from jobs.refine.recipe import ORIGINAL, Augmentation

MODERN = Augmentation(room=1.25, least_crop=0.6, most_crop=1.0, flips="both", rotation=20)


def picture(side: int = 80) -> NDArray[np.uint8]:
    """Return grey that rises from left to right, redder towards the bottom."""
    across, down = np.meshgrid(np.linspace(40, 200, side), np.linspace(0, 40, side))
    return np.stack([across + down, across, across], axis=2).astype(np.uint8)


@pytest.mark.parametrize("how", [ORIGINAL, MODERN])
def test_a_variation_follows_from_its_draw(how: Augmentation) -> None:
    first, again, other = (augment.vary(picture(), 40, how, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first.shape == (40, 40, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_original_neither_mirrors_nor_turns() -> None:
    for seed in range(20):
        varied = augment.vary(picture(), 40, dataclasses.replace(ORIGINAL, colours=0.0), np.random.default_rng(seed)).astype(int)
        assert (np.diff(varied[:, :, 1], axis=1) >= 0).all()
        assert np.abs(np.diff(varied[:, :, 1], axis=0)).max() <= 1


def test_mirror_images_come_as_often_as_not_where_they_are_allowed() -> None:
    counts = {}
    for flips in ("none", "horizontal", "both"):
        how = Augmentation(room=1, least_crop=1, most_crop=1, colours=0, flips=flips)
        made = [augment.vary(picture(), 40, how, np.random.default_rng(seed)).astype(int) for seed in range(200)]
        counts[flips] = (sum(one[0, 0, 1] > one[0, -1, 1] for one in made), sum(one[0, 0, 0] > one[-1, 0, 0] for one in made))
    assert counts["none"] == (0, 0)
    assert 70 < counts["horizontal"][0] < 130
    assert counts["horizontal"][1] == 0
    assert 70 < counts["both"][1] < 130


def test_colours_change_by_no_more_than_they_may() -> None:
    flat = np.full((40, 40, 3), 100, np.uint8)
    how = dataclasses.replace(ORIGINAL, colours=0.2)
    means = [augment.vary(flat, 20, how, np.random.default_rng(seed)).mean() for seed in range(200)]
    assert 79 <= min(means) < 85
    assert 115 < max(means) <= 121


def test_mixing_keeps_targets_probabilities_and_pairs_pictures_with_theirs() -> None:
    targets = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    pictures = targets @ np.array([[1], [10], [100]], np.float32)
    mixed, labels = augment.mixed(pictures, targets, 0.4, np.random.default_rng(3))
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(mixed, labels @ np.array([[1], [10], [100]], np.float32), rtol=1e-6)
