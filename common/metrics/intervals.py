"""95 % intervals from resampling groups.

Pictures of one garment are not independent, so groups are drawn, not pictures, and within each
class, so that none is lost. Each class's m groups are drawn m - 1 times and weighted up by
m / (m - 1), which makes the spread of the resamples an unbiased standard error (Rao & Wu, 1988);
plain resampling promises too much where groups are few. That error says how many independent
pictures the figure is worth; Wilson's score interval with Student's t takes it from there, so a
class without a mistake still gets a lower bound. tests/unit/common/metrics/test_coverage.py
holds it to its 95 %.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.records import Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

COVERAGE = 0.95
_TINY = 1e-9


class Figure(Value, frozen=True, kw_only=True):
    """A value and its 95 % interval; fractions, not percents."""

    value: float
    low: float
    high: float


class Draws:
    """Weights of groups: row 0 is the test set as it is, the others are resamples. Shape (1 + resamples, groups)."""

    def __init__(self, truth: Ints, groups: Ints, resamples: int, seed: int = 0) -> None:
        import numpy as np

        self._strata = strata(truth, groups)
        drawn = draw_groups(self._strata, resamples, seed)
        self.weights = np.vstack([np.ones((1, len(self._strata))), drawn])

    def share(self, rows: Floats, label: int | None = None) -> Figure:
        """Return a share (between 0 and 1) from its value in each row; `label` if it is of one class's pictures only."""
        value, error = _value_and_error(rows)
        groups, degrees = self._size(label)
        if error is None or degrees < 1:
            return Figure(value=value, low=0.0, high=1.0)
        low, high = _wilson(value, error, groups, _student(degrees))
        return Figure(value=value, low=min(low, value), high=max(high, value))

    def difference(self, rows: Floats) -> Figure:
        """Return a difference (between -1 and 1) from its value in each row."""
        value, error = _value_and_error(rows)
        _, degrees = self._size(None)
        if error is None or degrees < 1:
            return Figure(value=value, low=-1.0, high=1.0)
        half = _student(degrees) * error
        return Figure(value=value, low=max(-1.0, value - half), high=min(1.0, value + half))

    def _size(self, label: int | None) -> tuple[int, int]:
        """Return the number of groups, and the degrees of freedom of a spread between groups within classes."""
        import numpy as np

        counts = np.bincount(self._strata)
        if label is not None:
            count = int(counts[label]) if label < len(counts) else 0
            return count, count - 1
        return len(self._strata), int((counts[counts > 0] - 1).sum())


def strata(truth: Ints, groups: Ints) -> Ints:
    """Return each group's class: the most frequent one among its pictures."""
    import numpy as np

    if not len(groups):
        return np.zeros(0, np.int64)
    count, k = int(groups.max()) + 1, int(truth.max()) + 1
    table = np.bincount(groups * k + truth, minlength=count * k).reshape(count, k)
    found: Ints = table.argmax(axis=1).astype(np.int64)
    return found


def draw_groups(classes: Ints, resamples: int, seed: int) -> Floats:
    """Return how much each group weighs in each resample, shape (resamples, groups); `classes` (groups,)."""
    import numpy as np

    random = np.random.default_rng(seed)
    weights = np.ones((resamples, len(classes)))
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        if len(members) > 1:
            share = np.full(len(members), 1 / len(members))
            drawn = random.multinomial(len(members) - 1, share, size=resamples)
            weights[:, members] = drawn * (len(members) / (len(members) - 1))
    return weights


def _value_and_error(rows: Floats) -> tuple[float, float | None]:
    import numpy as np

    value, drawn = float(rows[0]), rows[1:][~np.isnan(rows[1:])]
    if np.isnan(value):
        return 0.0, None
    return value, float(drawn.std()) if len(drawn) > 1 else None


def _wilson(value: float, error: float, groups: int, quantile: float) -> tuple[float, float]:
    """Return Wilson's interval (1927) for a share with this standard error.

    n is the number of independent pictures with the same error; without any spread it is the
    number of groups, the most that can be claimed.
    """
    spread = value * (1 - value)
    n = spread / error**2 if error > _TINY and spread > _TINY else float(groups)
    square = quantile**2
    middle = (value + square / (2 * n)) / (1 + square / n)
    half = quantile / (1 + square / n) * (spread / n + square / (4 * n * n)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def _student(degrees: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + COVERAGE) / 2, degrees))
