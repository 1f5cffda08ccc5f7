"""What a test set says of a model: every figure of the report, each with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.metrics import ranking
from common.metrics.intervals import Draws, Figure
from common.records import Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
BINS = 10


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
    def confidence(self) -> Floats:
        found: Floats = self.probabilities.max(axis=1)
        return found

    @property
    def classes(self) -> int:
        return int(self.probabilities.shape[1])


class Threshold(Value, frozen=True, kw_only=True):
    """What comes of answering "unknown" below a confidence: the share answered, and how much of that is right."""

    at: float
    answered: Figure
    accuracy: Figure


class Bin(Value, frozen=True, kw_only=True):
    """Pictures of like confidence: how sure the model was on average, how often it was right."""

    count: int
    confidence: float
    accuracy: Figure


class Summary(Value, frozen=True, kw_only=True):
    """The figures of one test set; lists follow the order of classes, `confusion[true][predicted]` counts.

    `auc` is the mean over classes of one-vs-rest ROC areas, `auc_micro` takes all judgements
    together; `precision` likewise for average precision. `calibration_error` is the expected
    one over ten bins (Guo et al., 2017); it cannot be nought for a finite test set.
    """

    accuracy: Figure
    class_average_accuracy: Figure
    macro_f1: Figure
    auc: Figure
    auc_micro: Figure
    precision: Figure
    precision_micro: Figure
    calibration_error: Figure
    class_accuracy: list[Figure]
    class_f1: list[Figure]
    class_auc: list[Figure]
    class_precision: list[Figure]
    confusion: list[list[int]]
    thresholds: list[Threshold]
    reliability: list[Bin]


def summarise(scored: Scored, resamples: int, seed: int = 0) -> Summary:
    """Return every figure, with intervals from `resamples` draws of groups."""
    import numpy as np

    draws = Draws(scored.truth, scored.groups, resamples, seed)
    matrices = confusions(scored, draws.weights)
    recall, f1 = _recall(matrices), _f1(matrices)
    by_class = [_areas_of(scored, index, draws.weights) for index in range(scored.classes)]
    roc, precision = np.stack([one.roc for one in by_class], axis=1), np.stack([one.precision for one in by_class], axis=1)
    micro = _areas_of_all(scored, draws.weights)
    return Summary(
        accuracy=draws.share(_trace(matrices) / matrices.sum(axis=(1, 2))),
        class_average_accuracy=draws.share(_mean(recall)),
        macro_f1=draws.share(_mean(f1)),
        auc=draws.share(_mean(roc)),
        auc_micro=draws.share(micro.roc),
        precision=draws.share(_mean(precision)),
        precision_micro=draws.share(micro.precision),
        calibration_error=draws.share(_calibration_errors(scored, draws.weights)),
        class_accuracy=[draws.share(column, label) for label, column in enumerate(recall.T)],
        class_f1=[draws.share(column, label) for label, column in enumerate(f1.T)],
        class_auc=[draws.share(column, label) for label, column in enumerate(roc.T)],
        class_precision=[draws.share(column, label) for label, column in enumerate(precision.T)],
        confusion=[[round(cell) for cell in row] for row in matrices[0].tolist()],
        thresholds=[_threshold(scored, at, draws) for at in THRESHOLDS],
        reliability=_reliability(scored, draws),
    )


def confusions(scored: Scored, weights: Floats) -> Floats:
    """Return one weighted confusion matrix for each row of group weights, shape (rows, k, k)."""
    import numpy as np

    k, count = scored.classes, weights.shape[1]
    flat = (scored.groups * k + scored.truth) * k + scored.predicted
    by_group = np.bincount(flat, minlength=count * k * k).reshape(count, k * k)
    return (weights @ by_group).reshape(-1, k, k)


def _areas_of(scored: Scored, index: int, weights: Floats) -> ranking.Areas:
    return ranking.areas(scored.probabilities[:, index], scored.truth == index, scored.groups, weights)


def _areas_of_all(scored: Scored, weights: Floats) -> ranking.Areas:
    """Return the areas of all one-vs-rest judgements taken together."""
    import numpy as np

    positive = scored.truth[:, None] == np.arange(scored.classes)
    return ranking.areas(scored.probabilities.ravel(), positive.ravel(), np.repeat(scored.groups, scored.classes), weights)


def _threshold(scored: Scored, at: float, draws: Draws) -> Threshold:
    import numpy as np

    answered = (scored.confidence >= at).astype(np.float64)
    right = answered * (scored.predicted == scored.truth)
    total, asked, good = (_by_group(scored, one, draws.weights) for one in (np.ones(len(right)), answered, right))
    return Threshold(at=at, answered=draws.share(_ratio(asked, total)), accuracy=draws.share(_ratio(good, asked)))


def _reliability(scored: Scored, draws: Draws) -> list[Bin]:
    import numpy as np

    bins = _bins(scored)
    found = []
    for number in np.unique(bins):
        inside = (bins == number).astype(np.float64)
        right = inside * (scored.predicted == scored.truth)
        rows = _ratio(_by_group(scored, right, draws.weights), _by_group(scored, inside, draws.weights))
        confidence = float((inside * scored.confidence).sum() / inside.sum())
        found.append(Bin(count=int(inside.sum()), confidence=confidence, accuracy=draws.share(rows)))
    return found


def _calibration_errors(scored: Scored, weights: Floats) -> Floats:
    """Return the expected calibration error for each row of weights: mean over pictures of |right - sure| by bin."""
    import numpy as np

    gap = (scored.predicted == scored.truth) - scored.confidence
    bins = _bins(scored)
    gaps = [np.abs(_by_group(scored, gap * (bins == number), weights)) for number in np.unique(bins)]
    return _ratio(np.sum(gaps, axis=0), _by_group(scored, np.ones(len(gap)), weights))


def _bins(scored: Scored) -> Ints:
    import numpy as np

    return np.minimum((scored.confidence * BINS).astype(np.int64), BINS - 1)


def _by_group(scored: Scored, values: Floats, weights: Floats) -> Floats:
    """Return the weighted sum of values over pictures, for each row of group weights."""
    import numpy as np

    return weights @ np.bincount(scored.groups, values, minlength=weights.shape[1])


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
