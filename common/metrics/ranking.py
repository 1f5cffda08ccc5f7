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

_CELLS_AT_ONCE = 8_000_000


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

    `scores`, `positive` and `groups` have one entry for each judgement.
    """
    import numpy as np

    order, ends = _order(scores)
    ours, members = positive[order], groups[order]
    roc, precision = np.empty(len(weights)), np.empty(len(weights))
    step = max(1, _CELLS_AT_ONCE // max(1, len(scores)))
    for start in range(0, len(weights), step):
        block = weights[start : start + step][:, members]
        found = np.cumsum(block * ours, axis=1)[:, ends]
        false = np.cumsum(block * ~ours, axis=1)[:, ends]
        roc[start : start + step] = _area_under_roc(found, false)
        precision[start : start + step] = _average_precision(found, false)
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


def _area_under_roc(found: Floats, false: Floats) -> Floats:
    import numpy as np

    before = np.pad(found, ((0, 0), (1, 0)))[:, :-1]
    alarms = np.diff(false, prepend=0, axis=1)
    return _ratio((alarms * (found + before) / 2).sum(axis=1), found[:, -1] * false[:, -1])


def _average_precision(found: Floats, false: Floats) -> Floats:
    import numpy as np

    right = _ratio(found, found + false)
    gains = np.diff(found, prepend=0, axis=1)
    return _ratio(np.where(gains > 0, gains * right, 0).sum(axis=1), found[:, -1])


def _ratio(above: Floats, below: Floats) -> Floats:
    import numpy as np

    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
