"""The kinds of sources, each by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from common import images
from common.errors import BadInput
from common.parameters import Values
from jobs.scrape.sources import KINDS, digits, fabrics, kind_named, kind_of


def test_digits_are_ink_on_white_paper() -> None:
    items = digits.items()
    data = load_digits()
    assert len(items) == digits.COUNT == len(data.images)
    source = digits.DigitsSource()
    for index in (0, 700, 1796):
        pixels = images.decode(source.fetch(items[index]))
        assert items[index].label == str(data.target[index])
        np.testing.assert_allclose(pixels[..., 0], 255 - data.images[index] * 255 / 16, atol=0.51)


def test_a_rendering_s_token_names_its_recipe_and_the_renderer() -> None:
    items = fabrics.items({"dotted": 3}, seed=0)
    assert len({item.token for item in items}) == 3
    assert fabrics.items({"dotted": 3}, seed=1)[0].token != items[0].token
    assert fabrics.items({"dotted": 3}, seed=0) == items


def test_an_item_is_drawn_from_what_it_says_alone() -> None:
    item = fabrics.items({"dotted": 2, "striped": 2}, seed=0)[3]
    source = fabrics.RenderedSource(Values({}))
    assert source.fetch(item) == source.fetch(item)
    assert images.decode(source.fetch(item)).shape[2] == 3


@pytest.mark.parametrize(
    ("source", "kind", "settled"),
    [
        ("rendered", "rendered", "rendered"),
        ("digits", "digits", "digits"),
        ("openverse", "openverse", "openverse"),
        ("./brave", "folder", str(Path("brave").absolute())),
        ("s3://bucket/some/where/", "bucket", "s3://bucket/some/where"),
        ("/pictures/", "folder", "/pictures"),
        ("file:///my%20pictures", "folder", "/my pictures"),
        ("pictures", "folder", str(Path("pictures").absolute())),
        ("list.tsv", "urls", str(Path("list.tsv").absolute())),
        ("/lists/web.CSV", "urls", "/lists/web.CSV"),
        ("s3://bucket/lists/web.parquet", "urls", "s3://bucket/lists/web.parquet"),
    ],
)
def test_a_source_says_by_its_form_of_which_kind_it_is(source: str, kind: str, settled: str) -> None:
    found = kind_of(source)
    assert (found.name, found.wrong(source), found.settle(source)) == (kind, [], settled)
    assert kind_of(settled) == found


@pytest.mark.parametrize(
    "source",
    [
        "s3://",
        "s3:///prefix",
        "s3://bucket?x=1",
        "https://example.org/pictures",
        "gs://bucket",
        "https://example.org/list.tsv",
        "s3://list.tsv",
    ],
)
def test_what_looks_like_a_place_and_is_none_is_named_with_what_to_write(source: str) -> None:
    (problem,) = kind_of(source).wrong(source)
    assert repr(source) in problem
    assert "s3://bucket/prefix" in problem


def test_no_source_and_an_unknown_kind_are_errors() -> None:
    with pytest.raises(BadInput, match="no source"):
        kind_of("")
    with pytest.raises(BadInput, match="'ftp', only rendered, digits, openverse, wikimedia, brave, bing, urls, bucket, folder"):
        kind_named("ftp")


def test_every_kind_says_by_name_and_in_words_what_it_is() -> None:
    assert len({kind.name for kind in KINDS}) == len({kind.words for kind in KINDS}) == len(KINDS)
    assert all(kind.listed or kind.settings for kind in KINDS)
