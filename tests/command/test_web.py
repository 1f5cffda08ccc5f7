"""Runs over a list of URLs, by the command, from a web on this machine: what is asked, what is kept, what is asked again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.artifact import Artifact, find_sound
from common.dataset import Row, rows_of
from common.store import open_store
from jobs.controller import runs
from jobs.scrape import provenance
from tests.support import command
from tests.support.pictures import drawing, encode
from tests.support.web import Web, serve
from tests.support.whole import ONE_SHARD

COUNT = 12


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as found:
        yield found


class Place:
    """A list of URLs, a store, and the command."""

    def __init__(self, web: Web, folder: Path) -> None:
        self.web, self.store, self.list = web, folder / "store", folder / "list.tsv"

    def write(self, lines: list[tuple[str, str]]) -> None:
        self.list.write_text("".join(f"{label}\t{url}\n" for label, url in lines))

    def submit(self, *more: str) -> dict[str, Any]:
        words = ("submit", "mine", "--source", str(self.list), *command.sets(ONE_SHARD), *more, "--json")
        done = command.run(self.store, *words, more=self.web.environment)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def snapshot(self, document: dict[str, Any]) -> Artifact:
        store = open_store(self.store.as_uri())
        ref = runs.read(store, document["run"]).records["scrape/snapshot"].ref
        assert ref is not None
        found = find_sound(store, ref.step, ref.key)
        assert found is not None
        return Artifact(store, found)

    def rows(self, document: dict[str, Any]) -> dict[str, Row]:
        return {row.name: row for row in rows_of(self.snapshot(document))}


@pytest.fixture
def place(web: Web, tmp_path: Path) -> Place:
    return Place(web, tmp_path)


def pictures(web: Web, start: int = 0, count: int = COUNT) -> list[tuple[str, str]]:
    return [
        (label, web.put(f"/{label}/{number}.png", encode(drawing(label, number))))
        for label in ("bars", "rows")
        for number in range(start, start + count)
    ]


def test_a_list_becomes_a_classifier_and_each_url_is_asked_for_once(place: Place, web: Web) -> None:
    lines = pictures(web)
    refused = web.put("/no-ai.png", encode(drawing("bars", 99)), X_Robots_Tag="noai")
    broken = web.put("/broken.png", b"no picture")
    place.write([*lines, ("bars", refused), ("bars", broken), ("rows", web.url("/gone.png")), ("rows", "http://10.1.2.3/x.png")])
    first = place.submit()
    assert first["state"] == "done"
    rows = place.rows(first)
    assert all(rows[url].id for _, url in lines)
    assert rows[refused].reason == "refused by X-Robots-Tag: noai"
    assert rows[broken].reason == "not a picture"
    assert rows[web.url("/gone.png")].reason == "HTTP 404"
    assert "not public" in rows["http://10.1.2.3/x.png"].reason
    assert max(web.requests.values()) == 1
    assert web.requests["/robots.txt"] == 1
    page = Path(first["attribution"]).read_text()
    assert f"{len(lines)} pictures" in page
    asked = web.requests.total()
    again = place.submit()
    assert all(stage["cached"] for stage in again["stages"])
    assert web.requests.total() == asked


def test_links_that_die_lose_nothing_and_only_what_is_new_is_fetched_and_computed(place: Place, web: Web) -> None:
    lines = pictures(web)
    place.write(lines)
    first = place.submit()
    for _, url in lines[::5]:
        del web.pages[url.partition(str(web.port))[2]]
    web.requests.clear()
    new = pictures(web, start=50, count=2)
    place.write([*lines, *new])
    second = place.submit()
    assert web.pictures_asked() == len(new)
    rows = place.rows(second)
    assert {rows[url].id for _, url in lines} == {row.id for row in place.rows(first).values()}
    assert [rows[url].first for _, url in new] == [2] * len(new)
    fresh = {stage["name"]: stage["items"] for stage in second["stages"]}
    assert fresh["scrape"] >= len(lines) + len(new)
    record = runs.read(open_store(place.store.as_uri()), second["run"]).records["featurize"]
    assert record.fresh == len(new)


def test_failures_that_may_heal_are_tried_again_when_that_is_asked_for(place: Place, web: Web) -> None:
    lines = pictures(web)
    busy = web.put("/busy.png", b"", status=503)
    place.write([*lines, ("bars", busy), ("bars", web.url("/gone.png"))])
    first = place.submit()
    assert (place.rows(first)[busy].reason, place.rows(first)[busy].heals) == ("HTTP 503", True)
    web.put("/busy.png", encode(drawing("bars", 77)))
    web.requests.clear()
    assert place.rows(place.submit())[busy].id == ""
    assert web.requests.total() == 0
    healed = place.submit("--retry-failed")
    row = place.rows(healed)[busy]
    assert (bool(row.id), row.reason, row.first) == (True, "", 2)
    assert {path for path in web.requests if path != "/robots.txt"} == {"/busy.png"}
    web.requests.clear()
    assert all(stage["cached"] for stage in place.submit()["stages"])
    assert web.requests.total() == 0


def test_a_recheck_says_what_has_changed_and_keeps_what_was_first(place: Place, web: Web) -> None:
    lines = pictures(web)
    place.write(lines)
    first = place.submit()
    before = place.rows(first)
    changed, dead, same = lines[0][1], lines[1][1], lines[2][1]
    web.put("/bars/0.png", encode(drawing("bars", 1000)))
    del web.pages["/bars/1.png"]
    checked = place.submit("--recheck")
    assert place.rows(checked) == before
    found = {one.url: one for one in provenance.of_snapshot(place.snapshot(checked))}
    assert "sha256" in found[changed].found
    assert found[dead].found == "HTTP 404"
    assert found[same].found == "unchanged"
    assert [unit.name for unit in place.snapshot(checked).units] == [unit.name for unit in place.snapshot(first).units]


def test_a_flipped_bit_in_what_came_from_the_web_is_mended_from_there(place: Place, web: Web) -> None:
    place.write(pictures(web))
    shards = ("--set", "scrape.shardPictures=8")
    first = place.submit(*shards)
    tar = min(place.store.glob("artifacts/scrape.fetch/*/parts/*images.tar"))
    data = bytearray(tar.read_bytes())
    data[len(data) // 2] ^= 1
    tar.write_bytes(data)
    again = place.submit(*shards, "--set", "refine.backbone=gabor-texture")  # which reads all pictures anew
    assert (again["state"], again["stages"][0]["content_digest"]) == ("done", first["stages"][0]["content_digest"])
    assert tar.read_bytes() != bytes(data)
    assert sorted({count for path, count in web.requests.items() if path != "/robots.txt"}) == [1, 2]


def test_asking_again_is_for_the_web(place: Place, folder: Path) -> None:
    done = command.run(place.store, "submit", "mine", "--source", str(folder), "--refresh")
    assert done.returncode == 2
    assert "only pictures from the web" in done.stderr
