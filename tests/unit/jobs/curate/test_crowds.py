"""Suspects that look the same are one crowd."""

from __future__ import annotations

import numpy as np

from jobs.curate import crowds


def test_those_alike_under_one_label_are_together_and_no_others() -> None:
    random = np.random.default_rng(0)
    kinds = random.normal(0, 1, (2, 30))
    vectors = np.concatenate([kinds[[0] * 5], kinds[[1] * 5], kinds[[0] * 3]]) + random.normal(0, 0.05, (13, 30))
    found = crowds.crowds(vectors, np.asarray([0] * 10 + [1] * 3))
    assert len(set(found[:5])) == len(set(found[5:10])) == len(set(found[10:])) == 1
    assert len(set(found)) == 3


def test_one_suspect_is_a_crowd_of_its_own_and_none_are_none() -> None:
    assert crowds.crowds(np.ones((1, 4)), np.zeros(1, np.int64)).tolist() == [0]
    assert crowds.crowds(np.ones((0, 4)), np.zeros(0, np.int64)).tolist() == []
