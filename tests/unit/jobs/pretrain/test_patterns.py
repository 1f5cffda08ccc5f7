"""The families to learn from: all draw, none is one of those kept for testing."""

from __future__ import annotations

import numpy as np
import pytest

from common.textures import FAMILIES as DEMO
from common.textures import Canvas, PatternSettings, Span
from jobs.pretrain.patterns import HELD_OUT, KINDS, PATTERNS, kinds_of_families

CANVAS = Canvas((96, 96), 66)
SETTINGS = PatternSettings(motifs=Span(2, 10))


@pytest.mark.parametrize("name", PATTERNS)
def test_a_family_draws_cloth_with_colours_and_repeats_it(name: str) -> None:
    for seed in range(4):
        first, again = (PATTERNS[name].draw(np.random.default_rng(seed), CANVAS, SETTINGS) for _ in range(2))
        assert first.face.shape == (96, 96, 3)
        assert first.face.dtype == np.float32
        assert np.abs(first.face - again.face).mean() < 1e-4  # vector instructions round by where an array lies in memory
        assert first.face.min() >= -1e-3
        assert first.face.max() <= 1.001
        assert first.motif_px > 0


@pytest.mark.parametrize("name", [name for name, pattern in PATTERNS.items() if pattern.kind != "plain"])
def test_a_pattern_shows(name: str) -> None:
    drawn = [PATTERNS[name].draw(np.random.default_rng(seed), CANVAS, SETTINGS).face for seed in range(3)]
    assert np.mean([face.std(axis=(0, 1)).max() for face in drawn]) > 0.03


def test_what_is_kept_for_testing_is_not_learned() -> None:
    assert set(HELD_OUT) <= set(DEMO)
    assert not set(HELD_OUT) & set(PATTERNS)
    assert not {DEMO[name] for name in HELD_OUT} & {pattern.draw for pattern in PATTERNS.values()}


def test_every_family_is_of_one_kind() -> None:
    table = kinds_of_families()
    assert table.shape == (len(PATTERNS), len(KINDS))
    assert (table.sum(axis=1) == 1).all()
    assert (table.sum(axis=0) >= 4).all()
