"""Listing a folder of class folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import BadInput
from jobs.scrape.sources.folder import FolderSource
from jobs.scrape.sources.layout import DEDICATED
from tests.support.pictures import make_folder


def test_pictures_are_listed_in_order_with_class_and_sum(folder: Path) -> None:
    listing = FolderSource(folder).look()
    assert len(listing.items) == 24
    assert [one.name for one in listing.items] == sorted(one.name for one in listing.items)
    assert {one.label for one in listing.items} == {"bars", "rows"}
    assert len({one.token for one in listing.items}) == 24


def test_deeper_folders_belong_to_their_class(tmp_path: Path) -> None:
    make_folder(tmp_path / "bars", {"garment1": 2, "garment2": 1})
    assert [(one.label, one.name) for one in FolderSource(tmp_path).look().items] == [
        ("bars", "bars/garment1/0000.png"),
        ("bars", "bars/garment1/0001.png"),
        ("bars", "bars/garment2/0000.png"),
    ]


def test_other_files_and_hidden_ones_are_passed_over(folder: Path) -> None:
    (folder / "README.md").write_text("beside the classes")
    (folder / "bars" / "notes.txt").write_text("no picture")
    (folder / "bars" / ".DS_Store").write_text("hidden")
    (folder / ".git").mkdir()
    (folder / "bars" / "BIG.JPEG").write_bytes(b"suffixes are read whatever their case")
    listing = FolderSource(folder).look()
    assert (len(listing.items), listing.passed_over, listing.classes) == (25, 1, ("bars", "rows"))


def test_empty_classes_are_listed_too(folder: Path) -> None:
    (folder / "empty").mkdir()
    assert "empty" in FolderSource(folder).look().classes


def test_links_out_of_the_source_are_not_followed(folder: Path, tmp_path: Path) -> None:
    make_folder(tmp_path / "elsewhere", {"x": 3})
    (folder / "bars" / "link").symlink_to(tmp_path / "elsewhere" / "x")
    assert len(FolderSource(folder).look().items) == 24


def test_an_absent_source_and_a_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        FolderSource(tmp_path / "nothing").look()
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match="is a file"):
        FolderSource(tmp_path / "file").look()


def test_a_dedicated_test_list_marks_its_pictures(folder: Path) -> None:
    (folder / DEDICATED).write_text("bars\t0001.png\nrows\t0002.png\n\n")
    assert [one.name for one in FolderSource(folder).look().items if one.dedicated] == ["bars/0001.png", "rows/0002.png"]


def test_a_dedicated_test_list_that_names_what_is_not_there_says_where(folder: Path) -> None:
    (folder / DEDICATED).write_text("bars\t0001.png\nbars\tmissing.png\n")
    with pytest.raises(BadInput, match=r"dedicatedTestImages.tsv:2: 'bars/missing.png'"):
        FolderSource(folder).look()


def test_the_listing_reports_its_progress(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    FolderSource(folder).look(lambda done, total, note="": seen.append((done, total)))
    assert seen[-1] == (24, 24)


def test_without_labels_every_picture_is_listed_wherever_it_lies(folder: Path, tmp_path: Path) -> None:
    picture = (folder / "bars" / "0000.png").read_bytes()
    (folder / "top.png").write_bytes(picture)
    (folder / "bars" / "deep").mkdir()
    (folder / "bars" / "deep" / "one.png").write_bytes(picture)
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "no.png").write_bytes(picture)
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    make_folder(tmp_path / "elsewhere", {"bars": 1})
    (folder / DEDICATED).write_text("nothing that is there\n")
    listing = FolderSource(folder, labelled=False).look()
    assert {one.label for one in listing.items} == {""}
    assert [one.name for one in listing.items if "/" not in one.name or "deep" in one.name] == ["bars/deep/one.png", "top.png"]
    assert (len(listing.items), listing.classes) == (26, ())
    assert FolderSource(folder).fetch(listing.items[-1]) == picture


def test_without_labels_a_file_is_told_what_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(b"")
    with pytest.raises(BadInput, match="give the folder that holds the pictures"):
        FolderSource(tmp_path / "one.png", labelled=False).look()
