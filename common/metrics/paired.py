"""Two models on the same pictures: the difference with its interval, and what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.metrics.intervals import Draws, Figure
from common.records import Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


class Comparison(Value, frozen=True, kw_only=True):
    """First minus second. `gained` and `lost` count pictures that only the first, only the second has right.

    `mcnemar` is the exact two-sided p-value of McNemar's test (1947) on these counts; it takes
    pictures for independent, the interval takes groups.
    """

    pictures: int
    difference: Figure
    gained: int
    lost: int
    mcnemar: float


def compare(truth: Ints, first: Ints, second: Ints, groups: Ints, resamples: int, seed: int = 0) -> Comparison:
    """Compare two models' predicted class indices on the same pictures."""
    from scipy.stats import binomtest

    better = int(((first == truth) & (second != truth)).sum())
    worse = int(((first != truth) & (second == truth)).sum())
    return Comparison(
        pictures=len(truth),
        difference=difference(truth, first, second, groups, resamples, seed),
        gained=better,
        lost=worse,
        mcnemar=float(binomtest(better, better + worse).pvalue) if better + worse else 1.0,
    )


def difference(truth: Ints, first: Ints, second: Ints, groups: Ints, resamples: int, seed: int = 0) -> Figure:
    """Return accuracy of `first` minus accuracy of `second`; groups are drawn together for both."""
    import numpy as np

    draws = Draws(truth, groups, resamples, seed)
    gain = (first == truth).astype(np.float64) - (second == truth).astype(np.float64)
    count = draws.weights.shape[1]
    by_group, sizes = np.bincount(groups, gain, minlength=count), np.bincount(groups, minlength=count)
    return draws.difference((draws.weights @ by_group) / (draws.weights @ sizes))
