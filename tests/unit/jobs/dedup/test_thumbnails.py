"""Whether pictures look alike in every part: copies do, and another print of the same shirt does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from common.cells import SIZE
from common.dataset import LABEL_CONFLICT, entries_of
from common.store.memory import MemoryStore
from jobs.dedup import frequencies, hashes
from jobs.dedup.search import pairs
from jobs.dedup.thumbnails import Thumbnails, differences, joined, matrix, thumbnail
from tests.bench.copies import TRANSFORMS, two_prints
from tests.support.pictures import cloud, encode, make_folder
from tests.support.scraped import snapshot_of, version_of

FAR = ("crop", "pad", "rotate", "mirror", "noise 0.2")
COPIES = [name for name in TRANSFORMS if not name.startswith(FAR)]


def small(data: bytes) -> NDArray[np.uint8]:
    return thumbnail(hashes.look_at(data).image)


def alike(one: bytes, other: bytes, way: str = "upright") -> bool:
    seen = Thumbnails(["one", "other"], matrix([small(one), small(other)]))
    return bool(seen.alike(["one"], ["other"], way)[0])


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_alike_and_another_picture_is_not(how: str) -> None:
    for seed in range(8):
        picture = cloud(seed, 400, 300)
        copy = TRANSFORMS[how](Image.fromarray(picture))
        assert alike(encode(picture), copy)
        assert not alike(encode(cloud(seed + 100, 400, 300)), copy)


def test_who_is_first_does_not_matter() -> None:
    some, others = (matrix([small(encode(cloud(seed))) for seed in range(start, start + 20)]) for start in (0, 5))
    assert differences(some, others) == pytest.approx(differences(others, some), abs=1e-9)


def test_one_garment_in_two_prints_is_two_pictures() -> None:
    shown = [encode(np.asarray(one)) for number in range(24) for one in two_prints(number)]
    looked = [hashes.look_at(data) for data in shown]
    known = [hashes.hash_picture(str(at), data, seen) for at, (data, seen) in enumerate(zip(shown, looked, strict=True))]
    seen = Thumbnails([one.id for one in known], matrix([thumbnail(one.image) for one in looked]))
    near = {(i, j) for i, j, *_ in pairs(known, 31) if j == i + 1 and i % 2 == 0}
    assert near, "the hash alone takes some for one"
    assert not near & {(i, j) for i, j, *_ in pairs(known, 90, thumbnails=seen)}


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
    assert differences(matrix([]), matrix([])).shape == (0,)


def test_small_and_marked_copies_are_found_in_a_dataset(memory: MemoryStore, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "pictures", {"bars": 6, "rows": 6})
    texture = two_prints(3)[0]
    (folder / "bars" / "a.png").write_bytes(encode(np.asarray(texture)))
    (folder / "bars" / "b.jpg").write_bytes(TRANSFORMS["resize 0.25"](texture))
    (folder / "rows" / "c.jpg").write_bytes(TRANSFORMS["watermark"](texture))
    reasons = {entry.name: entry.reason for entry in entries_of(version_of(memory, snapshot_of(memory, folder)))}
    assert all(reasons[name].startswith(LABEL_CONFLICT) for name in ("bars/a.png", "bars/b.jpg", "rows/c.jpg"))
