"""One score for each picture: how likely it does not belong to the class it is under.

The signals are weighed by a logistic function whose few numbers were fitted once, on planted trouble of many kinds
(docs/decisions/0030), not on the pictures at hand; only the expected share of trouble comes from these (Saerens et al., 2002).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from jobs.curate import alike, signals
from jobs.curate.signals import Flags, Floats, Pictures, Signals

ROUNDS, LOSE_THEIR_VOTE = 3, 0.25
LIKENED = 2
"""How often trouble is looked for that is like trouble: the second time by what the first has found."""
PLANTED_SHARE = 0.25
"""The share of trouble in what the weights were fitted on."""
LEAST_SHARE = 0.03
"""What is expected at least, so that a few blatant ones stand out of many good ones."""
SHOWN_BY_NONE, SHOWN_OF_SOME = 0.11, 0.62
"""What share seems to be trouble where there is none, and how much of that which is shows besides."""


@dataclass(frozen=True)
class Weights:
    """What each signal counts: those of signals.NAMES, then of alike.NAMES; and the constant."""

    first: tuple[float, ...]
    """Before trouble's likeness is known."""
    last: tuple[float, ...]
    constant: float


NAMED = Weights((0.07, 0.27, 0.41, 0.22, 0.62, 0.07), (0.05, 0.26, 0.54, -0.2, 0.19, 0.29, 0.31, 0.6), -2.01)
UNNAMED = Weights((0.15, 0.25, 0.58, 0.06, 0.0, 0.0), (0.14, 0.22, 0.68, -0.41, 0.0, 0.0, 0.32, 0.6), -1.44)
"""Where the backbone knows a class by its name, and where it does not."""


@dataclass(frozen=True)
class Judged:
    """`score` (n,) from 0 to 1; `share` of the reference that is expected not to belong; `parts` (n, s): what each signal adds."""

    score: Floats
    share: float
    parts: Floats
    measured: Signals


def judge(of: Pictures) -> Judged:
    """Return the suspicion of every picture."""
    named: Flags = np.take(np.isfinite(of.known).all(axis=0), of.targets)
    voters = of.reference.copy()
    for _ in range(ROUNDS):
        measured = signals.measure(of, voters)
        raw = (measured.values * _chosen(named, NAMED.first, UNNAMED.first)).sum(axis=1)
        voters = _without_the_worst(of, raw)
    for _ in range(LIKENED):
        values = np.column_stack([measured.values, alike.measure(of, raw)])
        parts = values * _chosen(named, NAMED.last, UNNAMED.last)
        raw = parts.sum(axis=1)
    odds = raw + np.where(named, NAMED.constant, UNNAMED.constant)
    share = _expected_share(odds[of.reference])
    return Judged(_at_share(odds, max(share, LEAST_SHARE)), share, parts, measured)


def _chosen(named: Flags, ours: tuple[float, ...], others: tuple[float, ...]) -> Floats:
    chosen: Floats = np.where(named[:, None], np.asarray(ours), np.asarray(others))
    return chosen


def _without_the_worst(of: Pictures, raw: Floats) -> Flags:
    """Return the reference without the most suspicious of each class."""
    voters = np.zeros(len(raw), bool)
    for label in np.unique(of.targets):
        ours = np.flatnonzero((of.targets == label) & of.reference)
        voters[ours[np.argsort(raw[ours], kind="stable")][: int(np.ceil((1 - LOSE_THEIR_VOTE) * len(ours)))]] = True
    return voters


def _at_share(odds: Floats, share: float) -> Floats:
    found: Floats = expit(odds - logit(PLANTED_SHARE) + logit(share))
    return found


def _expected_share(odds: Floats) -> float:
    """Return the share of trouble that explains its own probabilities, less what pictures without any trouble show of it."""
    share = PLANTED_SHARE
    for _ in range(100):
        share = min(0.9, max(LEAST_SHARE, float(_at_share(odds, share).mean())))
    return min(0.9, max(0.0, (share - SHOWN_BY_NONE) / SHOWN_OF_SOME))
