"""bench-train: choosing C over folds and the final fit, against scikit-learn's GridSearchCV of LinearSVC.

The peer gets our folds and class weights, features that are scaled already (we scale in each fold), and
LIBLINEAR's default tolerance with the formulation that suits the shape (dual="auto" takes the dual where there
are more features than pictures, and was the faster one at both sizes). Ours is what the train stage
does: the same grid, five grouped folds, the temperature, and a last fit a hundred thousand times tighter than a trial.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from jobs.train import svm
from tests.bench.rounds import alternate, best, seconds
from tests.bench.rows import Bench, Row, emit, faster, machine, say

CLASSES, TESTS, PER_GROUP = 10, 2000, 4
OPTIONS = svm.Options(c_values=(0.01, 0.1, 1.0, 10.0), folds=5, unit_length=True)
THREADS, ROUNDS = 2, 3
PEER = "GridSearchCV(LinearSVC), n_jobs=2"

LIMITS = (
    "Nearly all of our time goes into products of the features with one direction for each class (newton.py, conjugate "
    "gradients), and BLAS does those at a quarter of its peak, because they have only ten columns; the larger C, the more of them. "
    "Fewer of them, by a preconditioner that the classes share, would move it."
)


@dataclass(frozen=True)
class Size:
    """How many pictures to train on, features, and how far the classes' centres lie apart."""

    pictures: int
    features: int
    spread: float

    @property
    def name(self) -> str:
        return f"{self.pictures:,} x {self.features:,}"


# Spreads that leave some 15 % of the pictures on the wrong side, as real classes do.
SIZES = (Size(2_000, 2_048, 0.155), Size(10_000, 512, 0.2))


def main() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # LIBLINEAR's, where it stops at its 1,000 steps
        emit(Bench("train", machine(), tuple(row for size in SIZES for row in bench(size))))


def bench(size: Size) -> list[Row]:
    """Return the rows of one size: time and accuracy."""
    say(f"train {size.name}")
    inside, tests, truth = make(size)
    scaled = _Scaled.of(inside.features)
    peer = GridSearchCV(
        LinearSVC(dual="auto", class_weight="balanced", random_state=0),
        {"C": list(OPTIONS.c_values)},
        cv=list(svm._folds(inside, OPTIONS.folds)),
        scoring="balanced_accuracy",
        n_jobs=THREADS,
    )
    found: dict[str, NDArray[np.int64]] = {}

    def ours() -> None:
        with threadpool_limits(1):  # as the stage does
            chosen = svm.choose(inside, OPTIONS, THREADS)
            fitted = svm.fit(inside, chosen.best.c, unit_length=True, threads=THREADS)
        found["ours"] = fitted.margins(tests).argmax(axis=1)
        say(f"    C {chosen.best.c:g}, {chosen.best.accuracy:.4f} in cross-validation")

    def theirs() -> None:
        peer.fit(scaled(inside.features), inside.targets)
        found["peer"] = peer.predict(scaled(tests))
        say(f"    C {peer.best_params_['C']:g}, {peer.best_score_:.4f} in cross-validation")

    GridSearchCV(LinearSVC(), {"C": [1.0]}, cv=2, n_jobs=THREADS).fit(np.eye(20), np.arange(20) % 2)  # starts its workers
    times = best(alternate({"ours": partial(seconds, ours), PEER: partial(seconds, theirs)}, ROUNDS))
    right = {name: float((guess == truth).mean()) for name, guess in found.items()}
    error = (right["peer"] * (1 - right["peer"]) / TESTS) ** 0.5
    return [
        faster(f"search over 4 C and 5 folds, final fit: {size.name}, {CLASSES} classes", times["ours"], times[PEER], PEER, 4.0),
        Row(
            f"accuracy on {TESTS:,} pictures held out: {size.name}",
            right["ours"],
            right["peer"],
            PEER,
            "share",
            round(right["ours"] / right["peer"], 4),
            f"within ±{error:.4f} (1 standard error)",
        ),
    ]


def make(size: Size) -> tuple[svm.Data, NDArray[np.float64], NDArray[np.int64]]:
    """Return pictures to train on, and features and classes of others that share no group with them.

    Features look like a rectifying backbone's: none below nought, correlated through 64 common
    causes, and alike within a group.
    """
    random = np.random.default_rng(0)
    count = size.pictures + TESTS
    groups = np.arange(count) // PER_GROUP
    classes = random.integers(0, CLASSES, count // PER_GROUP)[groups]
    centres = random.normal(0, size.spread, (CLASSES, size.features))
    causes = random.normal(0, 1, (count // PER_GROUP, 64))[groups] + random.normal(0, 1, (count, 64))
    mixed = causes @ random.normal(0, 1 / 8, (64, size.features))
    features = np.maximum(centres[classes] + mixed + random.normal(0, 1, (count, size.features)), 0).astype(np.float64)
    split = size.pictures
    return svm.Data(features[:split], classes[:split], groups[:split], CLASSES), features[split:], classes[split:]


@dataclass(frozen=True)
class _Scaled:
    """Standardises by all training pictures, then scales to unit length."""

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def of(cls, features: NDArray[np.float64]) -> _Scaled:
        return cls(features.mean(axis=0), features.std(axis=0))

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        standard = (features - self.mean) / self.spread
        unit: NDArray[np.float64] = standard / np.linalg.norm(standard, axis=1, keepdims=True)
        return unit


if __name__ == "__main__":
    main()
