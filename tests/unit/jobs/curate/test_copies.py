"""Likely copies: near in vectors and alike in looks and thumbnails, each the other's best, and of two groups."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from jobs.curate import copies
from jobs.curate.signals import Pictures
from jobs.dedup.thumbnails import thumbnail
from tests.support.judged import of_one_class, only

COUNT = 120


def pictures(*, grouped: bool = False) -> Pictures:
    """Return pictures of which the second half are not quite the first half, in vectors and in looks."""
    random = np.random.default_rng(3)
    half = COUNT // 2
    features, seen = random.normal(0, 1, (half, 30)), random.normal(0, 1, (half, 41))
    features = np.concatenate([features, features + random.normal(0, 0.05, (half, 30))])
    seen = np.concatenate([seen, seen + random.normal(0, 0.05, (half, 41))])
    return of_one_class(features, seen, np.tile(np.arange(half), 2) if grouped else None)


def thumbnails(*, copied: bool = True) -> NDArray[np.uint8]:
    """Return thumbnails of smooth pictures, of which the second half are the mirror images of the first half, or others."""
    random = np.random.default_rng(5)
    drawn = [
        cv2.resize(random.integers(40, 215, (4, 4, 3)).astype(np.uint8), (16, 16), interpolation=cv2.INTER_CUBIC) for _ in range(COUNT)
    ]
    if copied:
        drawn[COUNT // 2 :] = [one[:, ::-1] for one in drawn[: COUNT // 2]]
    return np.stack([thumbnail(Image.fromarray(np.ascontiguousarray(one))) for one in drawn])


def test_copies_are_found_surest_first() -> None:
    found = copies.likely(pictures(), thumbnails())
    assert sorted((i, j) for i, j, _ in found) == [(at, at + COUNT // 2) for at in range(COUNT // 2)]
    assert [sure for *_, sure in found] == sorted((sure for *_, sure in found), reverse=True)


def test_pictures_of_one_group_are_known_to_be_the_same() -> None:
    assert copies.likely(pictures(grouped=True), thumbnails()) == []


def test_what_has_other_light_and_colours_is_no_copy() -> None:
    assert copies.likely(pictures(), thumbnails(copied=False)) == []


def test_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = copies.likely(pictures(), thumbnails())
    monkeypatch.setattr(copies, "CHUNK", 7)
    assert [pair[:2] for pair in copies.likely(pictures(), thumbnails())] == [pair[:2] for pair in whole]


def test_two_pictures_and_too_many_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    assert copies.likely(only(pictures(), slice(0, COUNT, COUNT // 2)), thumbnails()[:: COUNT // 2]) == []
    monkeypatch.setattr(copies, "MOST", COUNT - 1)
    assert copies.likely(pictures(), thumbnails()) == []
