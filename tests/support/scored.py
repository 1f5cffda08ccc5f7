"""Random predictions with groups."""

from __future__ import annotations

import numpy as np

from common.metrics import Scored


def random_case(seed: int, n: int = 60, classes: int = 3, groups: int = 20, sharpness: float = 2.0) -> Scored:
    """Return predictions on n pictures; scores are rounded, so that there are ties."""
    random = np.random.default_rng(seed)
    group = np.concatenate([np.arange(groups), random.integers(0, groups, n - groups)])
    truth = (group % classes).astype(np.int64)
    margins = random.normal(size=(n, classes)).round(1)
    margins[np.arange(n), truth] += sharpness
    probabilities = np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True)
    return Scored(truth, probabilities, group.astype(np.int64))


def garments(random: np.random.Generator, per_class: int, size: int, margin: float, spread: float, classes: int = 3) -> Scored:
    """Return predictions on garments of `size` pictures on average, some of which are hard as a whole."""
    groups = np.repeat(np.arange(classes * per_class), random.integers(1, 2 * size, classes * per_class) if size > 1 else 1)
    truth = groups // per_class
    hardness = random.normal(0, spread, classes * per_class)[groups]
    margins = random.normal(size=(len(groups), classes))
    margins[np.arange(len(groups)), truth] += margin + hardness
    probabilities = np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True)
    return Scored(truth.astype(np.int64), probabilities, groups.astype(np.int64))
