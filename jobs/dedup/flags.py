"""The words for what is amiss with a picture, from its measures and the dataset's thresholds.

A flag leaves nothing out: it is for people, and for the stages that weigh pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common.parameters import Values
from jobs.dedup.quality import Measure

ODD_SIZE = "odd-size"
QUANTILES = (0, 5, 25, 50, 75, 95, 100)
# Kind -> the setting that it goes by, and the figure that is amiss below it.
_BELOW: Mapping[str, tuple[str, Callable[[Measure], float]]] = {
    "dark": ("quality.dark", lambda one: one.brightest),
    "light": ("quality.light", lambda one: 1 - one.darkest),
    "blurry": ("quality.blurry", lambda one: one.sharpness),
    "low-information": ("quality.information", lambda one: one.information),
    "odd-aspect": ("quality.aspect", lambda one: min(one.width, one.height) / max(one.width, one.height)),
    "greyscale": ("quality.colour", lambda one: one.colour),
    "drawn": ("quality.drawn", lambda one: 1 - one.drawn),
}
KINDS = (*_BELOW, ODD_SIZE)
SETTINGS = (*(setting for setting, _ in _BELOW.values()), "quality.size")


def flags_of(measures: Sequence[Measure], settings: Values) -> dict[str, tuple[str, ...]]:
    """Return each picture's flags, in the order of KINDS; what size is odd depends on all of them."""
    odd = _odd_sizes(measures, settings.number("quality.size"))
    return {
        one.id: (
            *(kind for kind, (setting, figure) in _BELOW.items() if figure(one) < settings.number(setting)),
            *((ODD_SIZE,) if one.id in odd else ()),
        )
        for one in measures
    }


def distribution(measures: Sequence[Measure], flags: Mapping[str, tuple[str, ...]], settings: Values) -> dict[str, Any]:
    """Return for each kind how many pictures have it, its threshold, and the quantiles (QUANTILES, in percent) of its figure."""
    import numpy as np

    counts = Counter(kind for kinds in flags.values() for kind in kinds)
    figures = {kind: (setting, [figure(one) for one in measures]) for kind, (setting, figure) in _BELOW.items()}
    figures[ODD_SIZE] = ("quality.size", [_size(one) for one in measures])
    return {
        kind: {
            "flagged": counts[kind],
            "threshold": settings.number(setting),
            "quantiles": [round(float(one), 4) for one in np.percentile(values, QUANTILES)] if values else [],
        }
        for kind, (setting, values) in figures.items()
    }


def _odd_sizes(measures: Sequence[Measure], factor: float) -> set[str]:
    """Return the pictures whose size lies `factor` interquartile ranges outside the middle half (Tukey, 1977)."""
    import numpy as np

    if not measures:
        return set()
    sizes = np.array([_size(one) for one in measures])
    low, high = np.percentile(sizes, (25, 75))
    away = factor * (high - low)
    return {one.id for one, size in zip(measures, sizes, strict=True) if not low - away <= size <= high + away}


def _size(one: Measure) -> float:
    """Return the side of a square with as many pixels."""
    return float((one.width * one.height) ** 0.5)
