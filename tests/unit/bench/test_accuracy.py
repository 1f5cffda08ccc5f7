"""The page of accuracies: intervals that allow for shared pictures, and rows that say what was not run."""

from __future__ import annotations

import pytest

from common.dataset import Score
from common.metrics.intervals import Figure
from tests.bench import accuracy


def test_the_interval_over_splits_is_nadeau_and_bengio_s() -> None:
    """Ten values with a deviation of 0.01: 2.262 times 0.01 times the root of 1/10 + 1/3."""
    values = [0.9 + 0.01 * (0.9**0.5) * sign for sign in (1, -1)] * 5
    found = accuracy.resampled(values)
    assert found.value == pytest.approx(0.9)
    assert found.high - found.value == pytest.approx(2.262 * 0.01 * (0.1 + 1 / 3) ** 0.5, rel=1e-3)


def test_the_page_shows_differences_on_the_same_splits_and_what_is_missing() -> None:
    seen, more = Figure(value=0.933, low=0.717, high=1.02), Figure(value=-0.02, low=-0.1, high=0.06)
    fabrics = [accuracy.Way("fixed", seen), accuracy.Way("refined", None), accuracy.Way("refined, too", seen, more)]
    rendered = {
        "svm": [0.8, 0.9],
        "dnn": [0.85, 0.95],
        "svmDnnRefined": None,
        accuracy.UNTRAINED_SVM: [0.5, 0.6],
        "random network (ResNet-18 at 64), dnn": [0.6, 0.7],
    }
    text = accuracy.page(fabrics, [accuracy.Way("seen far", seen)], rendered)
    assert "| fixed | 93.3 % (71.7-100.0) |  |" in text
    assert f"| refined | {accuracy.NOT_RUN} |  |" in text
    assert "| refined, too | 93.3 % (71.7-100.0) | -2.0 points (-10.0 to +6.0) |" in text
    assert "+5.0 points (+5.0 to +5.0) | 92.35 % |" in text
    assert f"| svmDnnRefined | {accuracy.NOT_RUN} |  | 93.07 % |" in text
    assert "| seen far | 93.3 % (71.7-100.0) |" in text
    assert "+10.0 points (+10.0 to +10.0) |  |" in text


def test_as_often_right_as_svm_is_a_finding_too() -> None:
    text = accuracy.page([], [], {"svm": [0.8, 0.9], "dnn": [0.8, 0.9]})
    assert "+0.0 points (+0.0 to +0.0) | 92.35 % |" in text


def test_without_photographs_the_page_says_so() -> None:
    assert "were not on this machine" in accuracy.page([], [], {"svm": [0.8, 0.9]})


def test_pictures_of_one_garment_are_drawn_together() -> None:
    garments = [(label, f"{label}{number}") for label in ("a", "b") for number in range(4)]
    pairs = [
        (_score(label, garment, right=garment != "a0"), _score(label, garment, right=garment not in ("a0", "b1")))
        for label, garment in garments
        for _ in range(5)
    ]
    found, more = accuracy.over_garments(pairs)
    assert found.value == pytest.approx(0.875)
    assert more.value == pytest.approx(0.125)
    assert found.low < 0.6
    assert more.low < 0 < more.high


def _score(label: str, garment: str, *, right: bool) -> Score:
    return Score(id="", name="", group=garment, label=label, predicted=label if right else "c", confidence=1.0, correct=right)
