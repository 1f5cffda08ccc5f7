"""Searches as sources, over real connections to a server that answers as the providers document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from common.errors import BadInput, BadParameters
from jobs.scrape.sources import Listing, Reach, kind_named, kind_of
from tests.support import providers
from tests.support.providers import Answer, Replay
from tests.support.rooms import defaults

SEARCHES = ("openverse", "wikimedia", "brave")
QUERIES = {"dotted": ["dotted shirt", "dotted vest"], "striped": ["striped shirt"]}


@pytest.fixture
def replay() -> Iterator[Replay]:
    one = Replay()
    with providers.serve(one, lambda path: path.encode() if "vest" not in path else None):
        yield one


def reach(replay: Replay, source: str, **changed: Any) -> Reach:
    values = defaults(source=source, **{"scrape_queries": QUERIES, "scrape_imagesPerPhrase": 50, **changed})
    environment = {
        "DARKROOM_OPENVERSE_URL": replay.base + providers.OPENVERSE,
        "DARKROOM_WIKIMEDIA_URL": replay.base + providers.WIKIMEDIA,
        "DARKROOM_BRAVE_URL": replay.base + providers.BRAVE,
        "DARKROOM_BRAVE_KEY": providers.KEY,
        "DARKROOM_WEB_PORTS": replay.base.rpartition(":")[2],
        "DARKROOM_WEB_NETWORKS": "127.0.0.0/8",
        "DARKROOM_CONTACT": "ana@example.org",
    }
    return Reach(source, values=values, environment=environment)


def look(replay: Replay, source: str, **changed: Any) -> Listing:
    return kind_of(source).open(reach(replay, source, **changed)).look(lambda *_: None)


@pytest.mark.parametrize("source", SEARCHES)
def test_a_search_lists_pictures_of_each_class_by_their_urls(source: str, replay: Replay) -> None:
    listing = look(replay, source, scrape_imagesPerPhrase=40)
    assert [item.name for item in listing.items] == [
        *(replay.picture("dotted shirt", number) for number in range(40)),
        *(replay.picture("dotted vest", number) for number in range(40)),
        *(replay.picture("striped shirt", number) for number in range(40)),
    ]
    assert [(item.label, item.licence) for item in listing.items[::40]] == [
        (label, "" if source == "brave" else "by-sa 4.0") for label in ("dotted", "dotted", "striped")
    ]
    assert bool(listing.notes) == (source == "brave")
    assert all("ana@example.org" in headers["user-agent"] for headers in replay.headers)


@pytest.mark.parametrize("source", SEARCHES)
def test_the_same_picture_is_the_same_item_another_day(source: str, replay: Replay) -> None:
    assert look(replay, source).items == look(replay, source).items
    assert len({item.token for item in look(replay, source).items}) == 3 * 45


def test_what_a_search_found_is_fetched_from_where_it_lies_without_the_search(replay: Replay) -> None:
    items = [item for item in look(replay, "openverse").items if item.name.endswith("/7.jpg")]
    asked = len(replay.urls)
    one = reach(replay, "openverse")
    got = {found.item.name: found for found in kind_named("openverse").open(Reach(environment=one.environment)).fetch_all(items)}
    assert len(replay.urls) == asked
    assert got[replay.picture("dotted vest", 7)].reason == "HTTP 404"
    assert len(got) == 3


def test_a_redirect_or_an_endless_answer_of_a_provider_is_refused(replay: Replay) -> None:
    replay.before = lambda number, _: Answer(302, headers={"Location": "http://127.0.0.1:1/"})
    with pytest.raises(BadInput, match="it redirects"):
        look(replay, "openverse")
    replay.before = lambda number, _: Answer(200, b" " * 64 * 1024 * 1024)
    with pytest.raises(BadInput, match="found no pictures"):
        look(replay, "brave")


@pytest.mark.parametrize(("source", "setting"), [("wikimedia", "DARKROOM_CONTACT"), ("brave", "DARKROOM_BRAVE_KEY")])
def test_what_the_site_lacks_is_said_before_anything_is_asked(source: str, setting: str, replay: Replay) -> None:
    one = reach(replay, source)
    lacking = Reach(source, values=one.values, environment={name: value for name, value in one.environment.items() if name != setting})
    with pytest.raises(BadParameters, match=setting):
        kind_of(source).open(lacking).look(lambda *_: None)
    assert replay.urls == []
