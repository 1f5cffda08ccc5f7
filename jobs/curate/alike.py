"""Trouble resembles trouble: what is like the worst pictures of all classes is suspicious wherever it lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jobs.curate.signals import CAP, FOLDS, Flags, Floats, Ints, Pictures, deal

WORST, GOOD = 0.15, 0.6
"""Which shares of the pictures, by suspicion so far, stand for trouble and for what belongs."""
STRENGTH, INNOCENCE = 4.0, 1.0
"""To look good counts little: so does what lies under a wrong label."""


NAMES = ("alike in features", "alike in looks")


def measure(of: Pictures, score: Floats) -> Floats:
    """Return how much more each picture is like the worst than like the good ones of other groups, (n, 2) as in NAMES."""
    known = np.sort(score[of.reference])
    rank = np.searchsorted(known, score) / max(1, len(known))
    bad, good = (rank >= 1 - WORST) & of.reference, (rank < GOOD) & of.reference
    if min(bad.sum(), good.sum()) < FOLDS:
        return np.zeros((len(score), len(NAMES)))
    turn = deal(of)
    found = np.stack([_out_of_fold(measured, bad, good, turn) for measured in (of.features, of.looks)], axis=1)
    return np.clip(STRENGTH * found, -INNOCENCE, CAP)


def _out_of_fold(measured: Floats, bad: Flags, good: Flags, turn: Ints) -> Floats:
    mean, spread = measured[good].mean(axis=0), measured[good].std(axis=0)
    inputs = np.clip((measured - mean) / np.where(spread > 1e-8, spread, 1.0), -5, 5) / np.sqrt(measured.shape[1])
    found = np.zeros(len(measured))
    for fold in np.unique(turn):
        inside, outside = (bad | good) & (turn != fold), turn == fold
        found[outside] = _told_apart(inputs[inside], bad[inside], inputs[outside])
    return found


def _told_apart(inputs: Floats, bad: Flags, judged: Floats) -> Floats:
    """Fit a ridge regression of -1 (good) and 1 (bad), both sides weighing the same; return what it says of the judged."""
    weights = np.where(bad, 0.5 / max(1, bad.sum()), 0.5 / max(1, (~bad).sum()))
    signs: NDArray[np.float64] = np.where(bad, 1.0, -1.0)
    middle = weights @ inputs
    away = inputs - middle
    square = (away * weights[:, None]).T @ away
    slope = np.linalg.solve(square + 0.02 * np.eye(len(square)), away.T @ (weights * signs))
    said: Floats = (judged - middle) @ slope
    return said
