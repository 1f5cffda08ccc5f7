"""The work of dedup over real shards."""

from __future__ import annotations

from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image

from common.dataset import LEAVE_ONE_GROUP_OUT, TEST_SIDE, entries_of
from common.errors import BadInput
from common.images import image_id
from common.records import Edit
from common.store.memory import MemoryStore
from common.tables import read_table
from jobs.dedup import hashes, quality, search
from tests.support.pictures import cloud, encode, make_folder
from tests.support.rooms import defaults, run_step
from tests.support.scraped import snapshot_of, version_of


def test_a_plain_folder_is_kept_whole_and_split_by_class(memory: MemoryStore, folder: Path) -> None:
    version = version_of(memory, snapshot_of(memory, folder))
    assert version.info["kept"] == 24
    assert version.info["sides"] == {"bars": {"train": 9, "test": 3}, "rows": {"train": 9, "test": 3}}
    assert (version.info["scoring"], version.info["warnings"]) == (TEST_SIDE, [])


def test_few_groups_are_a_warning_and_are_scored_by_leaving_one_out(memory: MemoryStore, tmp_path: Path) -> None:
    for label in ("bars", "rows"):
        make_folder(tmp_path / label, {"g1": 4, "g2": 4, "g3": 4} if label == "bars" else dict.fromkeys(("a", "b", "c", "d", "e"), 3))
    version = version_of(memory, snapshot_of(memory, tmp_path))
    assert version.info["groups"] == {"bars": 3, "rows": 5}
    assert version.info["scoring"] == LEAVE_ONE_GROUP_OUT
    assert "Class 'bars' has only 3 groups" in version.info["warnings"][0]


def test_one_group_of_a_class_is_an_error_that_names_it(memory: MemoryStore, tmp_path: Path) -> None:
    make_folder(tmp_path / "bars", {"g1": 6})
    make_folder(tmp_path, {"rows": 6})
    with pytest.raises(BadInput, match=r"Class 'bars' has 1 group"):
        version_of(memory, snapshot_of(memory, tmp_path))


def test_one_class_is_an_error(memory: MemoryStore, folder: Path) -> None:
    snapshot = snapshot_of(memory, folder)
    relabels = [Edit(dataset="d", image=entry.id, action="label", label="bars") for entry in entries_of(version_of(memory, snapshot))]
    with pytest.raises(BadInput, match="one class only"):
        version_of(memory, snapshot, relabels)


def test_edits_are_applied_and_move_nobody(memory: MemoryStore, folder: Path) -> None:
    snapshot = snapshot_of(memory, folder)
    before = entries_of(version_of(memory, snapshot))
    words = [
        Edit(dataset="d", image=before[0].id, action="label", label="rows"),
        Edit(dataset="d", image=before[1].id, action="exclude"),
    ]
    after = entries_of(version_of(memory, snapshot, words))
    assert [(entry.group, entry.side) for entry in after] == [(entry.group, entry.side) for entry in before]
    assert (after[0].label, after[1].kept) == ("rows", False)


def test_a_dedicated_test_list_is_the_test_side(memory: MemoryStore, folder: Path) -> None:
    (folder / "dedicatedTestImages.tsv").write_text("bars\t0003.png\nrows\t0007.png\n")
    version = version_of(memory, snapshot_of(memory, folder))
    assert [entry.name for entry in entries_of(version) if entry.side == "test"] == ["bars/0003.png", "rows/0007.png"]
    assert version.info["scoring"] == TEST_SIDE


def test_a_dedicated_test_list_without_a_class_is_an_error(memory: MemoryStore, folder: Path) -> None:
    (folder / "dedicatedTestImages.tsv").write_text("bars\t0003.png\n")
    with pytest.raises(BadInput, match="'rows' has no picture on the test side"):
        version_of(memory, snapshot_of(memory, folder))


def test_the_version_says_which_pictures_are_the_same_and_what_is_amiss(memory: MemoryStore, folder: Path) -> None:
    picture = cloud(1, 400, 300)
    for name, pixels in (("bars/a.png", picture), ("bars/b.png", picture[:, ::-1])):
        (folder / name).write_bytes(encode(np.ascontiguousarray(pixels)))
    (folder / "bars/c.jpg").write_bytes(encode(picture, "JPEG", quality=60))
    (folder / "rows/night.png").write_bytes(encode(cloud(2) // 8))
    snapshot = snapshot_of(memory, folder)
    version, turned = version_of(memory, snapshot), version_of(memory, snapshot, dedup_orientations="mirrored")
    same = read_table(version.read(search.SAME), search.Same)
    assert [(one.how, one.apart <= 12) for one in same] == [("upright", True)]
    assert version.info["same"] == {"upright": 1}
    assert turned.info["same"] == {"mirrored": 2, "upright": 1}
    named = {entry.name: entry for entry in entries_of(version)}
    assert "dark" in named["rows/night.png"].flags.split()
    assert named["rows/night.png"].kept
    assert version.info["quality"]["dark"]["flagged"] == 1
    assert {one.id for one in read_table(version.read(quality.MEASURES), quality.Measure)} == {one.id for one in named.values()}
    assert [named[f"bars/{name}"].reason for name in ("a.png", "b.png", "c.jpg")] == ["", "", "duplicate of bars/a.png"]


def test_another_threshold_needs_no_other_hashes(memory: MemoryStore, folder: Path) -> None:
    snapshot = snapshot_of(memory, folder)
    entries = entries_of(version_of(memory, snapshot, quality_dark=1.0))
    assert all("dark" in entry.flags.split() for entry in entries)


def test_dhash_is_used_where_it_is_asked_for(memory: MemoryStore, folder: Path) -> None:
    (folder / "bars/a.png").write_bytes(encode(cloud(1)))
    snapshot = snapshot_of(memory, folder)
    values = defaults(dedup_hash="dhash")
    hashed = [run_step(memory, "dedup/hash", {"snapshot": snapshot}, values, unit=unit) for unit in snapshot.units]
    rows = {one.id: one for unit in hashed for one in read_table(unit.read(hashes.HASHES), hashes.Hash)}
    assert rows[image_id(encode(cloud(1)))].bits == str(imagehash.dhash(Image.fromarray(cloud(1)), hash_size=16))
