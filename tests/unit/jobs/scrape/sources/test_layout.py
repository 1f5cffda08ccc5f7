"""The layout of class folders, which a folder and object storage share."""

from __future__ import annotations

import pytest

from common.errors import BadInput
from jobs.scrape.sources.layout import dedicated, label_of, lay_out


def test_the_first_level_is_the_class_and_suffixes_are_read_whatever_their_case() -> None:
    layout = lay_out(["b/2.JPG", "b/deep/er/1.webp", "a/1 (copy).png"])
    assert layout.pictures == ("a/1 (copy).png", "b/2.JPG", "b/deep/er/1.webp")
    assert [label_of(name) for name in layout.pictures] == ["a", "b", "b"]
    assert (layout.classes, layout.passed_over) == (("a", "b"), 0)


@pytest.mark.parametrize("name", ["top.jpg", ".git/x.jpg", "a/.x.jpg", "a/.hidden/x.jpg", "/x.jpg", ""])
def test_what_is_hidden_or_in_no_class_folder_is_as_if_it_were_not_there(name: str) -> None:
    assert lay_out([name]).pictures == ()
    assert lay_out([name]).passed_over == 0


def test_other_formats_are_counted_and_folders_are_not() -> None:
    layout = lay_out(["a/", "a/notes.txt", "a/1.jpg", "a/x.jpg/", "empty/"])
    assert (layout.pictures, layout.classes, layout.passed_over) == (("a/1.jpg",), ("a", "empty"), 1)


def test_a_dedicated_list_that_is_no_text_is_named() -> None:
    with pytest.raises(BadInput, match=r"list\.tsv is no text in UTF-8"):
        dedicated(b"\xff\xfe\x00", "list.tsv", [])


def test_without_labels_pictures_at_any_level_count_and_nothing_has_a_class() -> None:
    found = lay_out(["top.jpg", "a/b/c.PNG", "a/.hidden/d.jpg", ".e.jpg", "notes.txt", "a/"], labelled=False)
    assert (found.pictures, found.classes, found.passed_over) == (("a/b/c.PNG", "top.jpg"), (), 1)
