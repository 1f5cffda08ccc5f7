"""Pictures to learn from are pure functions of their numbers, and shards of them appear whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from common.textures import Streams
from jobs.pretrain import pool
from jobs.pretrain.patterns import PATTERNS
from jobs.pretrain.pool import families_path, pixels_path, render_shard
from jobs.pretrain.scenes import FAMILIES, SCENES, SIDE, picture, show


def alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Say whether two pictures are the same but for single levels: vector instructions round by where an array lies in memory."""
    return bool(np.abs(one.astype(int) - other).mean() < 0.01)


def test_a_picture_does_not_depend_on_what_was_made_before() -> None:
    first, family = picture(7)
    picture(8)
    again, same = picture(7)
    assert first.shape == (SIDE, SIDE, 3)
    assert alike(first, again)
    assert family == same
    assert not alike(first, picture(8)[0])


@pytest.mark.parametrize("scene", SCENES)
def test_a_scene_shows_the_cloth_at_any_size(scene: str) -> None:
    striped, dotted = (show(PATTERNS[name].draw, Streams("test", 3), scene, 96) for name in ("striped", "dotted"))
    assert striped.shape == (96, 96, 3)
    assert striped.dtype == np.uint8
    assert np.abs(striped.astype(int) - dotted).mean() > 3


def test_most_families_come_up_soon() -> None:
    seen = {picture(number, 32)[1] for number in range(400)}
    assert len(seen) > 0.8 * len(FAMILIES)


def test_a_shard_is_whole_and_is_not_made_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SHARD", 3)
    render_shard(tmp_path, 2)
    pixels, families = np.load(pixels_path(tmp_path, 2)), np.load(families_path(tmp_path, 2))
    assert pixels.shape == (3, SIDE, SIDE, 3)
    assert alike(pixels[1], picture(7)[0])
    assert families[1] == picture(7)[1]
    before = pixels_path(tmp_path, 2).stat().st_mtime_ns
    render_shard(tmp_path, 2)
    assert pixels_path(tmp_path, 2).stat().st_mtime_ns == before
    assert not list(tmp_path.glob(".*"))


def test_a_shard_without_its_pictures_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SHARD", 2)
    np.save(families_path(tmp_path, 0), np.zeros(1, np.int64))  # killed between the two files
    render_shard(tmp_path, 0)
    assert np.load(families_path(tmp_path, 0)).shape == (2,)
