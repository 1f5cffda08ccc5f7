"""A 95 % interval holds the truth 95 % of the time: simulated, 1,000 test sets a case.

The truth of each case is the figure on a test set so large that it hardly varies. -s prints the shares.
"""

from __future__ import annotations

import numpy as np
import pytest

from common.metrics import Scored, Summary, compare, summarise
from tests.support.scored import garments

DRAWS, RESAMPLES = 1000, 100
FIGURES = ("accuracy", "class_average_accuracy", "macro_f1", "auc")

CASES = {
    "100 single pictures": (33, 1, 2.0, 0.0),
    "300 garments of 3": (100, 3, 2.0, 0.5),
    "30 garments of 8": (10, 8, 2.0, 0.8),
    "100 single pictures, hardly an error": (33, 1, 3.2, 0.0),
}
QUICK = ("100 single pictures", "30 garments of 8")


def values(summary: Summary) -> list[float]:
    return [getattr(summary, name).value for name in FIGURES]


@pytest.mark.parametrize("case", [pytest.param(case, marks=() if case in QUICK else pytest.mark.full) for case in CASES])
def test_intervals_hold_the_truth_as_often_as_they_say(case: str) -> None:
    per_class, size, margin, spread = CASES[case]
    truth = values(summarise(garments(np.random.default_rng(1), 400_000 // size, size, margin, spread), 2))
    random = np.random.default_rng(2)
    held = np.zeros(len(FIGURES))
    for _ in range(DRAWS):
        summary = summarise(garments(random, per_class, size, margin, spread), RESAMPLES)
        figures = [getattr(summary, name) for name in FIGURES]
        held += [one.low <= value <= one.high for one, value in zip(figures, truth, strict=True)]
    shares = dict(zip(FIGURES, (held / DRAWS).round(3).tolist(), strict=True))
    print(case, shares)
    assert all(0.93 <= share <= 0.97 for share in shares.values()), shares


def test_the_interval_of_a_difference_holds_it_as_often_as_it_says() -> None:
    def pair(random: np.random.Generator, per_class: int) -> tuple[Scored, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        scored = garments(random, per_class, 4, 1.5, 0.8)
        slips = random.uniform(size=len(scored.truth)) < 0.08
        return scored, np.where(slips, (scored.predicted + 1) % 3, scored.predicted)

    scored, other = pair(np.random.default_rng(1), 60_000)
    truth = (scored.predicted == scored.truth).mean() - (other == scored.truth).mean()
    random = np.random.default_rng(2)
    held = 0
    for _ in range(DRAWS):
        scored, other = pair(random, 15)
        figure = compare(scored.truth, scored.predicted, other, scored.groups, RESAMPLES).difference
        held += figure.low <= truth <= figure.high
    print("difference", held / DRAWS)
    assert 0.93 <= held / DRAWS <= 0.97
