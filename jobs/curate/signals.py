"""What speaks against a picture, measured in several ways. Plain arrays in and out.

Every signal is larger the less a picture seems to belong to the class it is under, and near zero for an ordinary picture of it.
Pictures of one group never vouch for each other: who is judged is measured against the *reference* of other groups alone. The worst
of the reference lose their vote and all is measured again, so that trouble does not vouch for trouble.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

FOLDS = 10
DIRECTIONS = 40
"""Principal directions that classes are told apart in, at most."""
NEAREST = 10
CAP = 6.0
"""No signal counts for more."""
MOST_VOTERS, CHUNK = 4000, 1000
"""Of more voters every second, third, … is asked for its distance; so many pictures at a time."""


@dataclass(frozen=True)
class Pictures:
    """What is judged: features (n, d), looks (n, m), class indices (n,) below `classes`, group indices (n,).

    Features are a backbone's, looks the figures that dedup takes of any picture (light, colours, layout).
    `known` (n, k): the backbone's own log-probability of each class by its name, among all kinds that it knows; NaN in the
    column of a class whose name it does not know. `reference` (n,): who may vouch for others.
    """

    features: Floats
    looks: Floats
    targets: Ints
    groups: Ints
    classes: int
    known: Floats
    reference: Flags


@dataclass(frozen=True)
class Signals:
    """What was measured: `values` (n, s) as in NAMES; `probabilities` (n, k) out of fold; `neighbours` (n, k): shares of the nearest."""

    values: Floats
    probabilities: Floats
    neighbours: Floats


NAMES = ("other class", "neighbours", "far from class", "far from all", "not by name", "name of other")


def measure(of: Pictures, voters: Flags) -> Signals:
    """Measure every picture against the voters of other groups."""
    inputs = whiten(of.features, voters)
    logs, distances = _fold_by_fold(inputs, of, voters)
    own = np.arange(len(of.targets)), of.targets
    near, shares, gap = _nearest(inputs, of, voters)
    values = np.stack(
        [
            _others(logs, of.targets) - logs[own],
            gap,
            _beyond_usual(distances[own], of.targets, voters),
            _beyond_usual(near, of.targets, voters),
            _not_by_name(of, voters),
            _name_of_other(of),
        ],
        axis=1,
    )
    return Signals(np.clip(values, -CAP, CAP), np.exp(logs), shares)


def whiten(features: Floats, voters: Flags) -> Floats:
    """Standardise by the voters and turn to their principal directions, each scaled to the square root of its spread."""
    mean, spread = features[voters].mean(axis=0), features[voters].std(axis=0)
    standard = np.clip((features - mean) / np.where(spread > 1e-8, spread, 1.0), -5, 5)
    _, sizes, turn = np.linalg.svd(standard[voters] - standard[voters].mean(axis=0), full_matrices=False)
    keep = min(DIRECTIONS, max(2, int(voters.sum()) // 8), len(sizes))
    scale = np.sqrt(np.maximum(sizes[:keep] / np.sqrt(voters.sum()), 1e-6))
    turned: Floats = (standard - standard[voters].mean(axis=0)) @ turn[:keep].T / scale
    return turned


def _fold_by_fold(inputs: Floats, of: Pictures, voters: Flags) -> tuple[Floats, Floats]:
    """Return log-probabilities and distances (n, k) by discriminants that saw nothing of a picture's group."""
    turn = deal(of)
    logs, distances = np.zeros((len(inputs), of.classes)), np.zeros((len(inputs), of.classes))
    for fold in range(int(turn.max()) + 1):
        inside, outside = voters & (turn != fold), turn == fold
        distances[outside] = _distances(inputs[outside], inputs[inside], of.targets[inside], of.classes)
    heat = _temperature(-distances[voters] / 2, of.targets[voters])
    logs = log_softmax(-distances / 2 / heat, axis=1)
    return logs, np.sqrt(distances)


def deal(of: Pictures) -> Ints:
    """Return each picture's fold: the groups of each class dealt in rotation, the same at every call; the reference apart from the rest."""
    names, first, number = np.unique(of.groups, return_index=True, return_inverse=True)
    order = np.random.default_rng(0).permutation(len(names))
    kinds = 2 * of.targets[first] + of.reference[first]
    folds = np.zeros(len(names), np.int64)
    for kind in np.unique(kinds):
        ours = order[kinds[order] == kind]
        folds[ours] = np.arange(len(ours)) % FOLDS
    dealt: Ints = folds[number.reshape(-1)]
    return dealt


def _distances(judged: Floats, inside: Floats, targets: Ints, classes: int) -> Floats:
    """Return squared Mahalanobis distances to each class by a shared, shrunk covariance; a class without voters is far."""
    width = inside.shape[1]
    found = np.full((len(judged), classes), 1e3)
    present = [label for label in range(classes) if (targets == label).any()]
    centres = {label: _middle(inside[targets == label]) for label in present}
    rest = np.concatenate([inside[targets == label] - centres[label] for label in present])
    covariance = rest.T @ rest / len(rest)
    share = min(1.0, 2 * width / len(rest))
    shrunk = (1 - share) * covariance + share * np.trace(covariance) / width * np.eye(width)
    inverse = np.linalg.inv(shrunk)
    for label, centre in centres.items():
        away = judged - centre
        found[:, label] = np.einsum("ij,jk,ik->i", away, inverse, away)
    return found


def _middle(rows: Floats) -> Floats:
    """Return the mean without each direction's extremes."""
    ordered = np.sort(rows, axis=0)
    cut = len(rows) // 10
    middle: Floats = ordered[cut : len(rows) - cut].mean(axis=0)
    return middle


def _temperature(logits: Floats, targets: Ints) -> float:
    """Return the divisor that makes the targets likeliest."""
    rows = np.arange(len(targets))
    heats = np.geomspace(0.5, 64, 29)
    losses = [-log_softmax(logits / heat, axis=1)[rows, targets].mean() for heat in heats]
    return float(heats[int(np.argmin(losses))])


def _nearest(inputs: Floats, of: Pictures, voters: Flags) -> tuple[Floats, Floats, Floats]:
    """Return how far the nearest voters of other groups are, the classes' shares of them (n, k), and how much nearer others are."""
    chosen = np.flatnonzero(voters)
    chosen = chosen[:: 1 + len(chosen) // MOST_VOTERS]
    parts = [_nearest_of(inputs[at : at + CHUNK], of.groups[at : at + CHUNK], inputs, of, chosen) for at in range(0, len(inputs), CHUNK)]
    near, shares, by_class = (np.concatenate(part) for part in zip(*parts, strict=True))
    own = by_class[np.arange(len(inputs)), of.targets]
    other = np.where(np.arange(of.classes) == of.targets[:, None], np.inf, by_class).min(axis=1)
    return near, shares, 10 * np.log(own / other)


def _nearest_of(judged: Floats, groups: Ints, inputs: Floats, of: Pictures, chosen: Ints) -> tuple[Floats, Floats, Floats]:
    voting, labels = inputs[chosen], of.targets[chosen]
    square = (judged**2).sum(axis=1)[:, None] + (voting**2).sum(axis=1) - 2 * judged @ voting.T
    away = np.sqrt(np.maximum(square, 1e-12))
    away[groups[:, None] == of.groups[chosen]] = np.inf
    by_class = np.stack([_mean_of_least(away[:, labels == label]) for label in range(of.classes)], axis=1)
    nearest = labels[np.argsort(away, axis=1, kind="stable")[:, :NEAREST]]
    sizes = np.maximum(np.bincount(labels, minlength=of.classes), 1)
    shares = np.stack([(nearest == label).mean(axis=1) for label in range(of.classes)], axis=1) / sizes
    return _mean_of_least(away), shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12), by_class


def _mean_of_least(away: Floats) -> Floats:
    if not away.shape[1]:
        return np.full(len(away), 1e3)
    least = np.sort(away, axis=1)[:, :NEAREST]
    finite = np.isfinite(least)
    found: Floats = np.where(finite, least, 0).sum(axis=1) / np.maximum(finite.sum(axis=1), 1)
    return np.where(finite.any(axis=1), found, 1e3)


def _beyond_usual(values: Floats, targets: Ints, voters: Flags) -> Floats:
    """Return how far values lie beyond their class's median, in spreads of it."""
    found = np.zeros(len(values))
    for label in np.unique(targets):
        usual = values[(targets == label) & voters] if ((targets == label) & voters).any() else values[targets == label]
        middle = np.median(usual)
        spread = 1.4826 * np.median(np.abs(usual - middle))
        found[targets == label] = (values[targets == label] - middle) / max(float(spread), 1e-9)
    return found


def _others(logs: Floats, targets: Ints) -> Floats:
    """Return the best log-probability of another class."""
    best: Floats = np.where(np.arange(logs.shape[1]) == targets[:, None], -np.inf, logs).max(axis=1)
    return best


def _not_by_name(of: Pictures, voters: Flags) -> Floats:
    """Return how much less likely the class's name is for a picture than usual in its class; 0 where the name is not known."""
    own = -of.known[np.arange(len(of.targets)), of.targets]
    found = np.zeros(len(own))
    for label in np.unique(of.targets):
        ours = of.targets == label
        if np.isfinite(own[ours]).all():
            usual = np.quantile(own[ours & voters], 0.4) if (ours & voters).any() else 0.0
            found[ours] = own[ours] - min(float(usual), 1.5)
    return found


def _name_of_other(of: Pictures) -> Floats:
    """Return how much likelier the name of another class is; 0 where a name is not known."""
    known = np.where(np.isfinite(of.known), of.known, -np.inf)
    own = of.known[np.arange(len(of.targets)), of.targets]
    with np.errstate(invalid="ignore"):
        gap = _others(known, of.targets) - own
    return np.where(np.isfinite(gap), gap, 0.0)
