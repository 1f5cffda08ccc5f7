"""Figures with intervals.

An interval comes from resampling groups (all pictures of one garment together), because
pictures of one garment are not independent: resampling pictures would promise too much. The
groups are drawn within each class, so no resample loses one. 95 % percentile bootstrap
(Efron & Tibshirani, 1993), seeded, so a figure is a function of its predictions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.records import Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

COVERAGE = 0.95


class Figure(Value, frozen=True, kw_only=True):
    """A value and its 95 % interval; fractions, not percents."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Scored:
    """Predictions on a test set.

    `truth` (n,) holds class indices, `probabilities` (n, k) sum to one over classes, `groups`
    (n,) holds group indices from 0; pictures of one group are drawn together.
    """

    truth: Ints
    probabilities: Floats
    groups: Ints

    @property
    def predicted(self) -> Ints:
        found: Ints = self.probabilities.argmax(axis=1)
        return found

    @property
    def classes(self) -> int:
        return int(self.probabilities.shape[1])


@dataclass(frozen=True)
class Summary:
    """The figures of one test set; lists follow the order of classes, `confusion[true][predicted]` counts."""

    accuracy: Figure
    class_average_accuracy: Figure
    macro_f1: Figure
    auc: Figure
    class_accuracy: list[Figure]
    class_auc: list[Figure]
    confusion: list[list[int]]


def summarise(scored: Scored, resamples: int, seed: int = 0) -> Summary:
    """Return accuracy (over all, class-averaged, per class), macro-F1 and one-vs-rest AUC, with intervals."""
    import numpy as np

    weights = np.vstack([np.ones((1, _group_count(scored.groups))), group_weights(scored, resamples, seed)])
    matrices = confusions(scored, weights)
    recall, f1 = _recall(matrices), _f1(matrices)
    areas = np.stack([auc(scored, index, weights) for index in range(scored.classes)], axis=1)
    return Summary(
        accuracy=_figure(_trace(matrices) / matrices.sum(axis=(1, 2))),
        class_average_accuracy=_figure(_mean(recall)),
        macro_f1=_figure(_mean(f1)),
        auc=_figure(_mean(areas)),
        class_accuracy=[_figure(column) for column in recall.T],
        class_auc=[_figure(column) for column in areas.T],
        confusion=[[round(cell) for cell in row] for row in matrices[0].tolist()],
    )


def difference(truth: Ints, first: Ints, second: Ints, groups: Ints, resamples: int, seed: int = 0) -> Figure:
    """Return accuracy of `first` minus `second` on the same pictures, groups drawn together for both."""
    import numpy as np

    gain = (first == truth).astype(np.float64) - (second == truth).astype(np.float64)
    count = _group_count(groups)
    by_group = np.bincount(groups, gain, minlength=count)
    sizes = np.bincount(groups, minlength=count)
    strata = _strata(truth, groups)
    weights = np.vstack([np.ones((1, count)), _draw(strata, resamples, seed)])
    return _figure((weights @ by_group) / (weights @ sizes))


def group_weights(scored: Scored, resamples: int, seed: int) -> Floats:
    """Return how often each group is drawn, shape (resamples, groups)."""
    return _draw(_strata(scored.truth, scored.groups), resamples, seed)


def confusions(scored: Scored, weights: Floats) -> Floats:
    """Return one weighted confusion matrix for each row of `weights`, shape (rows, k, k)."""
    import numpy as np

    k, count = scored.classes, _group_count(scored.groups)
    flat = (scored.groups * k + scored.truth) * k + scored.predicted
    by_group = np.bincount(flat, minlength=count * k * k).reshape(count, k * k)
    return (weights @ by_group).reshape(-1, k, k)


def auc(scored: Scored, index: int, weights: Floats) -> Floats:
    """Return the area under the ROC curve of one class against the rest, for each row of group weights.

    Ties count half (Mann-Whitney); NaN where a row has none of the class, or nothing else.
    """
    import numpy as np

    scores = scored.probabilities[:, index]
    values, rank = np.unique(scores, return_inverse=True)
    positive = scored.truth == index
    by_picture = weights[:, scored.groups]
    areas = np.empty(len(weights))
    for row, weight in enumerate(by_picture):
        ours = np.bincount(rank, weight * positive, minlength=len(values))
        others = np.bincount(rank, weight * ~positive, minlength=len(values))
        below = np.cumsum(others) - others
        pairs = ours.sum() * others.sum()
        areas[row] = (ours * (below + others / 2)).sum() / pairs if pairs > 0 else np.nan
    return areas


def _group_count(groups: Ints) -> int:
    return int(groups.max()) + 1 if len(groups) else 0


def _strata(truth: Ints, groups: Ints) -> Ints:
    """Return each group's class: the most frequent one among its pictures."""
    import numpy as np

    count, k = _group_count(groups), int(truth.max()) + 1 if len(truth) else 1
    table = np.bincount(groups * k + truth, minlength=count * k).reshape(count, k)
    found: Ints = table.argmax(axis=1)
    return found


def _draw(strata: Ints, resamples: int, seed: int) -> Floats:
    import numpy as np

    random = np.random.default_rng(seed)
    weights = np.zeros((resamples, len(strata)))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        share = np.full(len(members), 1 / len(members))
        weights[:, members] = random.multinomial(len(members), share, size=resamples)
    return weights


def _trace(matrices: Floats) -> Floats:
    traces: Floats = matrices.trace(axis1=1, axis2=2)
    return traces


def _recall(matrices: Floats) -> Floats:
    """Return each class's share found; NaN where a class is absent. Shape (rows, k)."""
    return _ratio(_diagonal(matrices), matrices.sum(axis=2))


def _f1(matrices: Floats) -> Floats:
    return _ratio(2 * _diagonal(matrices), matrices.sum(axis=1) + matrices.sum(axis=2))


def _diagonal(matrices: Floats) -> Floats:
    diagonal: Floats = matrices.diagonal(axis1=1, axis2=2)
    return diagonal


def _ratio(above: Floats, below: Floats) -> Floats:
    import numpy as np

    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _mean(columns: Floats) -> Floats:
    """Return the mean over classes that are there."""
    import numpy as np

    there = ~np.isnan(columns)
    return _ratio(np.where(there, columns, 0.0).sum(axis=1), there.sum(axis=1).astype(np.float64))


def _figure(rows: Floats) -> Figure:
    """Return the first row's value and the interval of the rest."""
    import numpy as np

    value, drawn = float(rows[0]), rows[1:][~np.isnan(rows[1:])]
    if np.isnan(value):
        return Figure(value=0.0, low=0.0, high=1.0)
    if not len(drawn):
        return Figure(value=value, low=0.0, high=1.0)
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Figure(value=value, low=min(float(low), value), high=max(float(high), value))
