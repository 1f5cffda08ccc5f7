"""Pictures as curate judges them, without any stage: some of a set, or of no class at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jobs.curate.signals import Floats, Ints, Pictures


def only(of: Pictures, rows: NDArray[np.bool_] | slice) -> Pictures:
    """Return some of the pictures."""
    return Pictures(of.features[rows], of.looks[rows], of.targets[rows], of.groups[rows], of.classes, of.known[rows], of.reference[rows])


def of_one_class(features: Floats, looks: Floats, groups: Ints | None = None) -> Pictures:
    """Return pictures of a single class without a name, each in a group of its own where no groups are given."""
    count = len(features)
    targets, known = np.zeros(count, np.int64), np.full((count, 1), np.nan)
    return Pictures(features, looks, targets, np.arange(count) if groups is None else groups, 1, known, np.ones(count, bool))
