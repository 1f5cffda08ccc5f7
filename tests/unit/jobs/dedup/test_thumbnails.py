"""Whether pictures look alike in every part: copies do, and another print of the same shirt does not."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from common.aligned import variation
from common.cells import SIZE
from common.dataset import LABEL_CONFLICT, entries_of
from common.store.memory import MemoryStore
from jobs.dedup import frequencies, hashes, thumbnails
from jobs.dedup.search import pairs
from jobs.dedup.thumbnails import Thumbnails, are_copies, joined, matrix, thumbnail
from tests.bench.copies import TRANSFORMS, two_prints
from tests.support.pictures import cloud, encode, make_folder
from tests.support.scraped import snapshot_of, version_of

FAR = ("crop 10%", "crop 20%", "pad", "rotate 4°", "rotate 10°", "mirror", "noise 0.2")
WAYS = (variation(0.9), variation(degrees=3))
COPIES = [name for name in TRANSFORMS if not name.startswith(FAR)]


def small(data: bytes) -> NDArray[np.uint8]:
    return thumbnail(hashes.look_at(data).image)


def alike(one: bytes, other: bytes, way: str = "upright", apart: int = 40) -> bool:
    seen = Thumbnails(["one", "other"], matrix([small(one), small(other)]))
    return bool(seen.alike([("one", "other", apart)], way)[0])


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_alike_and_another_picture_is_not(how: str) -> None:
    for seed in range(8):
        picture = cloud(seed, 400, 300)
        copy = TRANSFORMS[how](Image.fromarray(picture))
        assert alike(encode(picture), copy)
        assert not alike(encode(cloud(seed + 100, 400, 300)), copy)


def test_who_is_first_does_not_matter() -> None:
    some, others = (matrix([small(encode(cloud(seed))) for seed in range(start, start + 20)]) for start in (0, 5))
    near = np.ones(20, bool)
    assert np.array_equal(are_copies(some, others, near, WAYS), are_copies(others, some, near, WAYS))


@pytest.mark.parametrize("how", ["crop 10%", "rotate 4°"])
def test_what_was_cut_or_turned_more_is_alike_if_it_has_no_more_detail_than_a_thumbnail(how: str) -> None:
    for seed in range(8):
        coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3)).astype(np.float32)
        picture = np.clip(cv2.resize(coarse, (320, 320), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)
        copy = TRANSFORMS[how](Image.fromarray(picture))
        assert alike(encode(picture), copy)
        assert not alike(encode(cloud(seed)), copy)


def test_what_a_variation_gains_counts_only_where_hashes_are_near() -> None:
    counted = 0
    for seed in range(8):
        picture = cloud(seed, 400, 300)
        copy = TRANSFORMS["crop 10%"](Image.fromarray(picture))
        near, far = (alike(encode(picture), copy, apart=apart) for apart in (thumbnails.GAIN_WITHIN, thumbnails.GAIN_WITHIN + 1))
        assert near or not far
        counted += near and not far
    assert counted


def test_what_is_alike_may_not_be_only_a_frame_that_both_wear(monkeypatch: pytest.MonkeyPatch) -> None:
    grains = [np.random.default_rng(seed).normal(128, 15, (60, 60, 3)).astype(np.float32) for seed in range(2)]
    cloths = [np.clip(cv2.resize(grain, (320, 320), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8) for grain in grains]
    one, other = (TRANSFORMS["pad 10%"](Image.fromarray(cloth)) for cloth in cloths)
    assert not alike(one, other)
    assert alike(one, TRANSFORMS["pad 10%"](Image.open(io.BytesIO(encode(cloths[0], "JPEG")))))
    for bound in ("LEAST_ALIKE", "PROMISING"):
        monkeypatch.setattr(thumbnails, bound, -1.0)
    assert alike(one, other), "only the frame is alike"


def test_a_mark_at_the_border_of_an_empty_picture_is_enough() -> None:
    empty = np.full((320, 320, 3), 250, np.uint8)
    empty[:24, :120] = (20, 60, 90)
    assert alike(encode(empty), TRANSFORMS["JPEG 30"](Image.fromarray(empty)))


def test_of_very_many_pictures_none_is_varied(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = cloud(0, 400, 300)
    copy = TRANSFORMS["rotate 2°"](Image.fromarray(picture))
    assert alike(encode(picture), copy)
    monkeypatch.setattr(thumbnails, "VARIED_UP_TO", 1)
    assert not alike(encode(picture), copy)


def test_one_garment_in_two_prints_is_two_pictures() -> None:
    shown = [encode(np.asarray(one)) for number in range(24) for one in two_prints(number)]
    looked = [hashes.look_at(data) for data in shown]
    known = [hashes.hash_picture(str(at), data, seen) for at, (data, seen) in enumerate(zip(shown, looked, strict=True))]
    seen = Thumbnails([one.id for one in known], matrix([thumbnail(one.image) for one in looked]))
    near = {(i, j) for i, j, *_ in pairs(known, 31) if j == i + 1 and i % 2 == 0}
    assert near, "the hash alone takes some for one"
    assert not near & {(i, j) for i, j, *_ in pairs(known, 100, thumbnails=seen)}


@pytest.mark.parametrize("way", frequencies.WAYS["all"])
def test_turned_pictures_are_alike_that_way_only(way: str) -> None:
    picture = cloud(3, 320, 320)
    planes = frequencies.turned_planes(picture.transpose(2, 0, 1), way)
    turned = encode(np.ascontiguousarray(planes.transpose(1, 2, 0)))
    # What is done to the other makes of it the one: turning back by as much.
    back = {"turned by 90": "turned by 270", "turned by 270": "turned by 90"}.get(way, way)
    assert [one for one in frequencies.WAYS["all"] if alike(encode(picture), turned, one)] == [back]


def test_plain_grey_and_no_pictures_do_no_harm() -> None:
    grey = encode(np.full((50, 50, 3), 128, np.uint8))
    assert alike(grey, grey)
    assert not alike(grey, encode(cloud(1)))
    assert matrix([]).shape == joined([]).shape == (0, SIZE)
    assert are_copies(matrix([]), matrix([]), np.zeros(0, bool), WAYS).shape == (0,)


def test_small_and_marked_copies_are_found_in_a_dataset(memory: MemoryStore, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "pictures", {"bars": 6, "rows": 6})
    texture = two_prints(3)[0]
    (folder / "bars" / "a.png").write_bytes(encode(np.asarray(texture)))
    (folder / "bars" / "b.jpg").write_bytes(TRANSFORMS["resize 0.25"](texture))
    (folder / "rows" / "c.jpg").write_bytes(TRANSFORMS["watermark"](texture))
    reasons = {entry.name: entry.reason for entry in entries_of(version_of(memory, snapshot_of(memory, folder)))}
    assert all(reasons[name].startswith(LABEL_CONFLICT) for name in ("bars/a.png", "bars/b.jpg", "rows/c.jpg"))
