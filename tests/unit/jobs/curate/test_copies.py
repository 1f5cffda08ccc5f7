"""Likely copies: near in vectors and alike in looks, each the other's best, and of two groups."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.curate import copies
from jobs.curate.signals import Pictures
from tests.support.judged import of_one_class, only

COUNT = 120


def pictures(*, vectors: bool = True, looks: bool = True, grouped: bool = False) -> Pictures:
    """Return pictures of which the second half are not quite the first half, in vectors, in looks, or in both."""
    random = np.random.default_rng(3)
    features, seen = random.normal(0, 1, (COUNT, 30)), random.normal(0, 1, (COUNT, 41))
    half = COUNT // 2
    if vectors:
        features[half:] = features[:half] + random.normal(0, 0.05, (half, 30))
    if looks:
        seen[half:] = seen[:half] + random.normal(0, 0.05, (half, 41))
    return of_one_class(features, seen, np.tile(np.arange(half), 2) if grouped else None)


def test_copies_are_found_surest_first() -> None:
    found = copies.likely(pictures())
    assert sorted((i, j) for i, j, _ in found) == [(at, at + COUNT // 2) for at in range(COUNT // 2)]
    assert [sure for *_, sure in found] == sorted((sure for *_, sure in found), reverse=True)


@pytest.mark.parametrize("given", [{"vectors": False}, {"looks": False}, {"grouped": True}])
def test_what_is_alike_in_one_way_only_or_of_one_group_is_none(given: dict[str, bool]) -> None:
    assert copies.likely(pictures(**given)) == []


def test_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = copies.likely(pictures())
    monkeypatch.setattr(copies, "CHUNK", 7)
    assert [pair[:2] for pair in copies.likely(pictures())] == [pair[:2] for pair in whole]


def test_two_pictures_and_too_many_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    assert copies.likely(only(pictures(), slice(0, COUNT, COUNT // 2))) == []
    monkeypatch.setattr(copies, "MOST", COUNT - 1)
    assert copies.likely(pictures()) == []
