"""The linear SVM: fit, grouped cross-validation, calibration. Plain arrays in and out.

Features are standardised, then (by default) scaled to unit length, as the original did; the
SVM is one-vs-rest with squared hinge loss and classes weighted inversely to their frequency
(scikit-learn's LinearSVC). Margins become probabilities by one temperature (Guo et al., 2017),
fitted on margins of pictures that the SVM behind them had not seen.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import LinearSVC

from common.progress import Reporter, silent, track

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_ITERATIONS = 2000
TURNS = 40
ABSENT = -10.0  # the margin of a class that a fold's training part does not hold


@dataclass(frozen=True)
class Data:
    """Features (n, d), class indices (n,) below `classes`, group indices (n,)."""

    features: Floats
    targets: Ints
    groups: Ints
    classes: int

    def take(self, rows: NDArray[Any]) -> Data:
        return Data(self.features[rows], self.targets[rows], self.groups[rows], self.classes)


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
    """One value of C: its class-averaged accuracy and margins (n, k) on pictures left out of the fit."""

    c: float
    accuracy: float
    margins: Floats


@dataclass(frozen=True)
class Chosen:
    """The outcome of cross-validation: all trials, the best, and the temperature of its margins."""

    trials: list[Trial]
    best: Trial
    temperature: float


def fit(data: Data, c: float, *, unit_length: bool) -> Classifier:
    """Fit one SVM. Classes that `data` does not hold get a margin of ABSENT."""
    mean, spread = data.features.mean(axis=0), data.features.std(axis=0)
    scale = np.where(spread > 1e-8, spread, 1.0)
    inputs = _normalised(data.features, mean, scale, unit_length=unit_length)
    svm = LinearSVC(C=c, class_weight="balanced", dual="auto", max_iter=MAX_ITERATIONS, random_state=0)
    with warnings.catch_warnings():
        # A large C on separable classes does not settle; cross-validation judges it by what it predicts.
        warnings.simplefilter("ignore", ConvergenceWarning)
        svm.fit(inputs, data.targets)
    coefficients, intercepts = svm.coef_, svm.intercept_
    if len(svm.classes_) == 2:
        coefficients, intercepts = np.vstack([-coefficients, coefficients]), np.concatenate([-intercepts, intercepts])
    weights, bias = np.zeros((data.classes, inputs.shape[1])), np.full(data.classes, ABSENT)
    weights[svm.classes_], bias[svm.classes_] = coefficients, intercepts
    return Classifier(mean, scale, weights, bias, unit_length)


def choose(data: Data, options: Options) -> Chosen:
    """Return the C with the best class-averaged accuracy in grouped cross-validation; ties go to the smaller."""
    parts = list(_folds(data, options.folds))
    trials = [_try(data, c, parts, unit_length=options.unit_length) for c in sorted(options.c_values)]
    best = max(trials, key=lambda trial: trial.accuracy)
    return Chosen(trials, best, temperature(best.margins, data.targets))


def leave_groups_out(data: Data, options: Options, progress: Reporter = silent) -> Floats:
    """Return probabilities (n, k) of each picture by a classifier that saw none of its group.

    C and temperature are chosen anew without the group. Up to TURNS groups each is left out
    alone; of more, several are left out together, but never two of a class with few groups.
    """
    probabilities = np.zeros((len(data.targets), data.classes))
    turns = _turns(data)
    for turn in track(np.unique(turns), progress, note="groups left out"):
        out = turns == turn
        rest = data.take(~out)
        chosen = choose(rest, options)
        fitted = fit(rest, chosen.best.c, unit_length=options.unit_length)
        margins = fitted.margins(data.features[out])
        probabilities[out] = np.exp(log_softmax(margins / chosen.temperature, axis=1))
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


def _try(data: Data, c: float, parts: list[tuple[Ints, Ints]], *, unit_length: bool) -> Trial:
    margins = np.zeros((len(data.targets), data.classes))
    for inside, outside in parts:
        margins[outside] = fit(data.take(inside), c, unit_length=unit_length).margins(data.features[outside])
    return Trial(c, class_average(margins.argmax(axis=1), data.targets), margins)


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


def _normalised(features: Floats, mean: Floats, scale: Floats, *, unit_length: bool) -> Floats:
    standard = (features - mean) / scale
    if not unit_length:
        return standard
    lengths = np.linalg.norm(standard, axis=1, keepdims=True)
    unit: Floats = standard / np.maximum(lengths, 1e-12)
    return unit
