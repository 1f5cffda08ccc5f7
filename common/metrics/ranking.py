"""ROC and precision-recall: curves, and the areas under them for many weightings at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

_CELLS_AT_ONCE = 250_000  # two megabytes, which stay in the processor's cache


@dataclass(frozen=True)
class Curve:
    """Points of a curve, from the strictest threshold to the loosest; fractions."""

    x: Floats
    y: Floats


@dataclass(frozen=True)
class Areas:
    """Areas under ROC (Mann-Whitney, ties count half) and precision-recall (average precision), one for each row of weights."""

    roc: Floats
    precision: Floats


def areas(scores: Floats, positive: Flags, groups: Ints, weights: Floats) -> Areas:
    """Return both areas for each row of group weights (rows, groups); NaN where a row lacks one of the two sides.

    `scores`, `positive` and `groups` have one entry for each judgement. Both areas are sums over
    the positives, so what lies above each is looked up there and nowhere else.
    """
    import numpy as np

    order, ends = _order(scores)
    ours, members = positive[order], groups[order]
    places = np.flatnonzero(ours)
    tie = np.searchsorted(ends, places)
    first, last = np.append(0, ends[:-1] + 1)[tie], ends[tie]
    before, through = np.searchsorted(places, first), np.searchsorted(places, last, side="right")
    roc, precision = np.empty(len(weights)), np.empty(len(weights))
    step = max(1, _CELLS_AT_ONCE // max(1, len(scores)))
    for start in range(0, len(weights), step):
        block = weights[start : start + step]
        everything = _sums_from_nought(block[:, members])
        own = block[:, members[places]]
        found = _sums_from_nought(own)
        above, reached = found[:, before], found[:, through]
        false_above, false_reached = everything[:, first] - above, everything[:, last + 1] - reached
        total, false = found[:, -1], everything[:, -1] - found[:, -1]
        beaten = false[:, None] - (false_above + false_reached) / 2
        roc[start : start + step] = _ratio((own * beaten).sum(axis=1), total * false)
        right = np.where(own > 0, own * _ratio(reached, reached + false_reached), 0)
        precision[start : start + step] = _ratio(right.sum(axis=1), total)
    return Areas(roc, precision)


def roc_curve(scores: Floats, positive: Flags) -> Curve:
    """Return false alarms (x) against what is found (y)."""
    found, false = _counts(scores, positive)
    return Curve(_from_nought(false), _from_nought(found))


def pr_curve(scores: Floats, positive: Flags) -> Curve:
    """Return what is found (x) against how much of it is right (y)."""
    import numpy as np

    found, false = _counts(scores, positive)
    right = found / np.maximum(found + false, 1)
    return Curve(found / max(1.0, found[-1]), right)


def _counts(scores: Floats, positive: Flags) -> tuple[Floats, Floats]:
    import numpy as np

    order, ends = _order(scores)
    ours = positive[order]
    return np.cumsum(ours)[ends].astype(np.float64), np.cumsum(~ours)[ends].astype(np.float64)


def _from_nought(counts: Floats) -> Floats:
    import numpy as np

    return np.concatenate([[0.0], counts / max(1.0, counts[-1])])


def _order(scores: Floats) -> tuple[Ints, Ints]:
    """Return the order of falling scores, and where in it each distinct score ends."""
    import numpy as np

    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    return order, ends


def _sums_from_nought(rows: Floats) -> Floats:
    """Return each row's running sums, with a nought before them."""
    import numpy as np

    sums = np.zeros((rows.shape[0], rows.shape[1] + 1))
    np.cumsum(rows, axis=1, out=sums[:, 1:])
    return sums


def _ratio(above: Floats, below: Floats) -> Floats:
    import numpy as np

    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
