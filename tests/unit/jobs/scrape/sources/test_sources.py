"""The kinds of sources, each by itself."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from common import images
from common.errors import BadInput
from jobs.scrape.sources import digits, fabrics, open_source


def test_digits_are_ink_on_white_paper() -> None:
    items = digits.items()
    data = load_digits()
    assert len(items) == digits.COUNT == len(data.images)
    source = open_source("digits", "")
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
    source = open_source("rendered", "")
    assert source.fetch(item) == source.fetch(item)
    assert images.decode(source.fetch(item)).shape[2] == 3


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(BadInput, match="'ftp'"):
        open_source("ftp", "")
