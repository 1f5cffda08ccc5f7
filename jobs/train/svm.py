"""The linear SVM: fit, grouped cross-validation, calibration. Plain arrays in and out.

Features are standardised, then (by default) scaled to unit length, as the original did; the
SVM is one-vs-rest with squared hinge loss and classes weighted inversely to their frequency (what
scikit-learn's LinearSVC computes, and tests hold the two together). Margins become probabilities by one temperature (Guo et al., 2017),
fitted on margins of pictures that the SVM behind them had not seen.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.model_selection import StratifiedGroupKFold

from common.progress import Reporter, silent, track
from jobs.train import newton, prior

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# How far the solver goes: for a fit that is kept, and for one that is only compared.
TIGHT, LOOSE = 1e-9, 1e-4
TURNS = 40
LARGE = 500_000  # features in all, from which on two threads gain more than they cost
ABSENT = -10.0  # the margin of a class that a fold's training part does not hold


@dataclass(frozen=True)
class Data:
    """Features (n, d), class indices (n,) below `classes`, group indices (n,); `known` (n, k): log-probabilities of a prior."""

    features: Floats
    targets: Ints
    groups: Ints
    classes: int
    known: Floats | None = None

    @property
    def present(self) -> Ints:
        """Return the classes that there are pictures of."""
        return np.unique(self.targets)

    def take(self, rows: NDArray[Any]) -> Data:
        known = None if self.known is None else self.known[rows]
        return Data(self.features[rows], self.targets[rows], self.groups[rows], self.classes, known)


@dataclass(frozen=True)
class Options:
    """The grid of C, the most folds of a cross-validation, and whether vectors are scaled to length 1."""

    c_values: tuple[float, ...]
    folds: int
    unit_length: bool


@dataclass(frozen=True)
class Classifier:
    """`weights` (k, d) and `bias` (k,) act on features that were standardised and scaled to unit length."""

    mean: Floats
    scale: Floats
    weights: Floats
    bias: Floats
    unit_length: bool

    def margins(self, features: Floats) -> Floats:
        """Return one margin for each class, shape (n, k)."""
        return _normalised(features, self.mean, self.scale, unit_length=self.unit_length) @ self.weights.T + self.bias


@dataclass(frozen=True)
class Trial:
    """One value of C: its class-averaged accuracy on pictures left out of the fit, and what makes probabilities of its margins.

    These are the softmax of margins / temperature + share * what a prior knows.
    """

    c: float
    accuracy: float
    temperature: float
    share: float = 0.0

    def probabilities(self, margins: Floats, known: Floats | None) -> Floats:
        """Return probabilities (n, k) from margins and a prior's log-probabilities, both (n, k)."""
        scaled = margins / self.temperature
        result: Floats = np.exp(log_softmax(scaled if known is None else scaled + self.share * known, axis=1))
        return result


@dataclass(frozen=True)
class Chosen:
    """The outcome of cross-validation: all trials, and the best."""

    trials: list[Trial]
    best: Trial


def fit(data: Data, c: float, *, unit_length: bool, threads: int = 1) -> Classifier:
    """Fit one SVM to the last digits, the same whatever the `threads`. Classes that `data` does not hold get a margin of ABSENT."""
    scaling = _Scaling.of(data, unit_length=unit_length)
    fits = _Fits(data, scaling, np.float64)
    if threads > 1 and data.features.size >= LARGE:
        with ThreadPoolExecutor(2) as pool:
            weights = fits.weights(c, TIGHT, pool.map)
    else:
        weights = fits.weights(c, TIGHT)
    return scaling.classifier(weights, data.present)


def choose(data: Data, options: Options, threads: int = 1) -> Chosen:
    """Return the C with the best class-averaged accuracy in grouped cross-validation; ties go to the smaller.

    Folds are worked on side by side; each is computed alone, so the result does not depend on
    how many `threads` there are.
    """
    c_values = sorted(options.c_values)
    parts = list(_folds(data, options.folds))
    margins = np.zeros((len(c_values), len(data.targets), data.classes))
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(lambda part: _path(data.take(part[0]), data.features[part[1]], c_values, options), parts)
        for (_, outside), values in zip(parts, found, strict=True):
            margins[:, outside] = values
    trials = [calibrated(data, one, c) for c, one in zip(c_values, margins, strict=True)]
    return Chosen(trials, max(trials, key=lambda trial: trial.accuracy))


def calibrated(data: Data, margins: Floats, c: float = 0.0) -> Trial:
    """Return what makes probabilities of margins (n, k), beside the prior where there is one, fitted on pictures that they come from."""
    if data.known is None:
        return Trial(c, class_average(margins.argmax(axis=1), data.targets), temperature(margins, data.targets))
    divisor, share = prior.weigh(margins, data.known, data.targets, len(np.unique(data.groups)))
    both = margins / divisor + share * data.known
    return Trial(c, class_average(both.argmax(axis=1), data.targets), divisor, share)


def choose_on(inside: Data, outside: Data, options: Options) -> Chosen:
    """Return the C whose fit to *inside* has the best class-averaged accuracy on *outside*; ties go to the smaller."""
    c_values = sorted(options.c_values)
    margins = _path(inside, outside.features, c_values, options)
    trials = [calibrated(outside, one, c) for c, one in zip(c_values, margins, strict=True)]
    return Chosen(trials, max(trials, key=lambda trial: trial.accuracy))


def _path(inside: Data, outside: Floats, c_values: list[float], options: Options) -> Floats:
    """Return margins (c, n, k) of left-out pictures for rising C, each fit begun where the last one ended."""
    scaling = _Scaling.of(inside, unit_length=options.unit_length)
    fits = _Fits(inside, scaling, np.float32)
    return np.stack([scaling.classifier(fits.weights(c, LOOSE), inside.present).margins(outside) for c in c_values])


def leave_groups_out(
    data: Data, options: Options, threads: int = 1, progress: Reporter = silent, fitted_to: NDArray[np.bool_] | None = None
) -> Floats:
    """Return probabilities (n, k) of each picture by a classifier that saw none of its group.

    All are scored; where *fitted_to* (n,) is given, only those are learnt from.

    C and temperature are chosen anew without the group. Up to TURNS groups each is left out
    alone; of more, several are left out together, but never two of a class with few groups.
    """
    probabilities = np.zeros((len(data.targets), data.classes))
    turns = _turns(data)
    for turn in track(np.unique(turns), progress, note="groups left out"):
        out = turns == turn
        rest = data.take(~out if fitted_to is None else ~out & fitted_to)
        chosen = choose(rest, options, threads)
        fitted = fit(rest, chosen.best.c, unit_length=options.unit_length, threads=threads)
        left_out = data.take(out)
        probabilities[out] = chosen.best.probabilities(fitted.margins(left_out.features), left_out.known)
    return probabilities


def temperature(margins: Floats, targets: Ints) -> float:
    """Return the divisor of the margins that makes their softmax likeliest (between 1/100 and 100)."""
    seen = margins[np.arange(len(targets)), targets] > ABSENT
    if not seen.any():
        return 1.0
    known, truth = margins[seen], targets[seen]

    def loss(log_temperature: float) -> float:
        logs = log_softmax(known / np.exp(log_temperature), axis=1)
        return float(-logs[np.arange(len(truth)), truth].mean())

    found = minimize_scalar(loss, bounds=(np.log(0.01), np.log(100)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def class_average(predicted: Ints, targets: Ints) -> float:
    """Return the mean over classes of the share that was found."""
    return float(np.mean([(predicted[targets == label] == label).mean() for label in np.unique(targets)]))


def _folds(data: Data, most: int) -> Iterator[tuple[Ints, Ints]]:
    """Cut into folds that keep groups whole and classes balanced; as many as the rarest class has groups."""
    counts = [len(np.unique(data.groups[data.targets == label])) for label in np.unique(data.targets)]
    count = max(2, min(most, *counts))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer pictures than folds is fine here
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=0)
        for inside, outside in splitter.split(data.features, data.targets, data.groups):
            if len(np.unique(data.targets[inside])) > 1:
                yield inside, outside


def _turns(data: Data) -> Ints:
    """Return for each picture the turn in which it is left out, dealing each class's groups in rotation."""
    names = np.unique(data.groups)
    turns = min(TURNS, len(names))
    turn_of: dict[int, int] = {}
    for label in np.unique(data.targets):
        for group in np.unique(data.groups[data.targets == label]):
            turn_of.setdefault(int(group), len(turn_of) % turns)
    return np.asarray([turn_of[int(group)] for group in data.groups], dtype=np.int64)


@dataclass(frozen=True)
class _Scaling:
    """How features become inputs: standardised, then (if asked) scaled to unit length."""

    mean: Floats
    scale: Floats
    unit_length: bool
    classes: int

    @classmethod
    def of(cls, data: Data, *, unit_length: bool) -> _Scaling:
        spread = data.features.std(axis=0)
        return cls(data.features.mean(axis=0), np.where(spread > 1e-8, spread, 1.0), unit_length, data.classes)

    def classifier(self, weights: Floats, present: Ints) -> Classifier:
        """Return solved weights (d + 1, classes there) as a classifier of all classes."""
        full, bias = np.zeros((self.classes, len(self.mean))), np.full(self.classes, ABSENT)
        full[present], bias[present] = weights[:-1].T, weights[-1]
        return Classifier(self.mean, self.scale, full, bias, self.unit_length)


class _Fits:
    """Fits on the same pictures for several C; each begins where the last one ended."""

    def __init__(self, data: Data, scaling: _Scaling, kind: type[np.floating[Any]]) -> None:
        inputs = _normalised(data.features, scaling.mean, scaling.scale, unit_length=scaling.unit_length)
        ours = data.targets[:, None] == data.present
        # Two classes are one problem seen from two sides; LIBLINEAR weighs both, more classes only the class itself.
        weights = len(data.targets) / (len(data.present) * ours.sum(axis=0))
        rest = weights[::-1] if len(data.present) == 2 else 1.0
        self._inputs = np.hstack([inputs, np.ones((len(inputs), 1))]).astype(kind)
        self._signs = np.where(ours, 1, -1).astype(kind)
        self._penalties = np.where(ours, weights, rest).astype(kind)
        self._weights = np.zeros((self._inputs.shape[1], len(data.present)), kind)

    def weights(self, c: float, tolerance: float, each: newton.Each = map) -> Floats:
        """Return weights (d + 1, classes there)."""
        penalties = self._penalties * self._penalties.dtype.type(c)
        self._weights = newton.solve(self._inputs, self._signs, penalties, self._weights, tolerance, each)
        return self._weights.astype(np.float64)


def _normalised(features: Floats, mean: Floats, scale: Floats, *, unit_length: bool) -> Floats:
    standard = (features - mean) / scale
    if not unit_length:
        return standard
    lengths = np.linalg.norm(standard, axis=1, keepdims=True)
    unit: Floats = standard / np.maximum(lengths, 1e-12)
    return unit
