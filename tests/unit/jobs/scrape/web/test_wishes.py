from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from jobs.scrape.web.wishes import refusal


def _says(*headers: tuple[str, str]) -> str:
    return refusal(CIMultiDictProxy(CIMultiDict(headers)))


@pytest.mark.parametrize(
    ("value", "directive"),
    [
        ("noai", "noai"),
        ("noimageai", "noimageai"),
        ("NoIndex", "noindex"),
        ("noimageindex", "noimageindex"),
        ("none", "none"),
        ("nofollow, noai", "noai"),
        ("darkroom: noai", "noai"),
        ("Darkroom: nofollow, noindex", "noindex"),
        ("*: noindex", "noindex"),
        ("otherbot: nofollow, darkroom: noai", "noai"),
        ("unavailable_after: 25 Jun 2010 15:00:00 PST, noai", "noai"),
        ("unavailable_after: Wed, 25 Jun 2010 15:00:00 PST, noai", "noai"),
        ("max-image-preview: none, noimageai", "noimageai"),
        ("all", ""),
        ("nofollow", ""),
        ("otherbot: noai", ""),
        ("otherbot: nofollow, noindex", ""),
        ("max-image-preview: none", ""),
        ("", ""),
        ("noairline", ""),
    ],
)
def test_x_robots_tag_refuses_where_it_speaks_to_us(value: str, directive: str) -> None:
    assert _says(("X-Robots-Tag", value)) == (f"refused by X-Robots-Tag: {directive}" if directive else "")


def test_each_x_robots_tag_speaks_for_itself() -> None:
    assert _says(("x-robots-tag", "otherbot: nofollow"), ("X-Robots-Tag", "noai")) == "refused by X-Robots-Tag: noai"


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        (["train-ai=n"], True),
        (["Train-AI = n"], True),
        (["search=y, train-ai=n"], True),
        (["train-ai=n;why=art"], True),
        (["train-ai=y", "train-ai=n"], True),  # the most restrictive wins
        (["bots=n"], True),
        (["ai=n, train-ai=y"], False),
        (["train-ai=y"], False),
        (["search=n"], False),
        (["train-genai=n"], False),
        (["train-ai=nope"], False),
        (["train-ai"], False),
        ([""], False),
    ],
)
def test_content_usage_refuses_training(values: list[str], refused: bool) -> None:
    assert bool(_says(*(("Content-Usage", value) for value in values))) is refused


def test_a_reserved_right_to_mine_is_respected() -> None:
    assert _says(("tdm-reservation", "1")) == "refused by TDM-Reservation"
    assert _says(("tdm-reservation", "0")) == ""
    assert _says() == ""
