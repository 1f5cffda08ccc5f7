"""What is asked of a search when, and what is fetched: by what a run was asked for, and what snapshots hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from common.artifact import Artifact
from common.dataset import ROWS, Row
from common.progress import Reporter
from common.records import Asked, canonical, read_json
from common.store.memory import MemoryStore
from common.tables import write_table
from jobs.scrape import spec, stage
from jobs.scrape.fetching import Chunk
from jobs.scrape.sources import Item, Kind, Listing, Origin
from jobs.scrape.sources.web import item_of
from tests.support.rooms import commit, defaults, run_step

URLS = [f"https://h{number}.example/x.jpg" for number in range(4)]


def item(url: str) -> Item:
    return item_of("a", Origin(url=url))


@dataclass
class Search:
    """A search that finds what it is told to."""

    finds: Sequence[str]
    looks: int = 0
    notes: tuple[str, ...] = field(default=("a note",))

    def look(self, progress: Reporter) -> Listing:
        del progress
        self.looks += 1
        return Listing([item(url) for url in self.finds], notes=self.notes)


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> Search:
    found = Search(URLS[:2])
    settings = ("source", "scrape.queries")
    kind = Kind(name="search", words="a search", fits=bool, open=lambda _: found, web=True, sampled=True, settings=settings)  # type: ignore[arg-type, return-value]
    for module in (spec, stage):
        monkeypatch.setattr(module, "kind_of", lambda _: kind)
    return found


def row(url: str, image: str = "", reason: str = "", *, heals: bool = False) -> Row:
    one = item(url)
    return Row(label="a", name=url, token=one.token, id=image, reason=reason, licence="", dedicated=False, first=1, gone=0, heals=heals)


def listed(
    store: MemoryStore, rows: Sequence[Row] = (), asked: Asked | None = None, *, sampled: bool = True, label: str = "a"
) -> tuple[set[str], set[str]]:
    """Return the URLs that the snapshot will have, and those that are to be fetched now; `sampled`: a search found those before."""
    inputs: dict[str, Artifact] = {}
    if rows:
        inputs["previous"] = commit(store, "scrape/snapshot", {ROWS: write_table(rows, Row)}, {"snapshot": 1, "sampled": sampled})
    if asked:
        inputs["asked"] = commit(store, "run/asked", {"asked.json": canonical(asked)})
    made = run_step(store, "scrape/list", inputs, defaults(source="search", scrape_queries={label: ["phrase"]}))
    chunks = [read_json(unit.read("chunk.json"), Chunk, "chunk") for unit in made.units]
    return {one.name for one in read_json(made.read("list.json"), list[Item], "list")}, {
        one.name for chunk in chunks for one in chunk.items
    }


ROWS_BEFORE = (row(URLS[2], "id"), row(URLS[3], reason="HTTP 503", heals=True), row(URLS[1], reason="HTTP 404"))


def test_what_a_search_no_longer_finds_stays_and_only_what_is_new_is_fetched(memory: MemoryStore, search: Search) -> None:
    assert listed(memory, ROWS_BEFORE) == (set(URLS), {URLS[0]})
    assert search.looks == 1


def test_failures_are_tried_again_without_asking_the_search(memory: MemoryStore, search: Search) -> None:
    assert listed(memory, ROWS_BEFORE, Asked(time="t", failed=True)) == (set(URLS[1:]), {URLS[3]})
    assert search.looks == 0


def test_what_is_kept_is_looked_at_again_with_the_sum_that_it_had(memory: MemoryStore, search: Search) -> None:
    assert listed(memory, ROWS_BEFORE, Asked(time="t", known=True)) == (set(URLS[1:]), {URLS[2]})
    assert search.looks == 0


def test_all_may_be_asked_for_at_once(memory: MemoryStore, search: Search) -> None:
    everything = Asked(time="t", listing=True, failed=True, known=True)
    assert listed(memory, ROWS_BEFORE, everything) == (set(URLS), {URLS[0], URLS[2], URLS[3]})


@pytest.mark.parametrize("asked", [None, Asked(time="t", failed=True), Asked(time="t", known=True)])
def test_where_there_is_nothing_yet_the_search_is_asked(asked: Asked | None, memory: MemoryStore, search: Search) -> None:
    assert listed(memory, (), asked) == (set(URLS[:2]), set(URLS[:2]))
    assert search.looks == 1


@pytest.mark.parametrize("asked", [None, Asked(time="t", failed=True)])
def test_what_another_source_had_is_not_mixed_with_what_a_search_finds(asked: Asked | None, memory: MemoryStore, search: Search) -> None:
    assert listed(memory, ROWS_BEFORE, asked, sampled=False)[0] == set(URLS[:2])
    assert search.looks == 1


def test_a_class_that_is_no_longer_searched_for_goes(memory: MemoryStore, search: Search) -> None:
    assert listed(memory, ROWS_BEFORE, label="another")[0] == set(search.finds)
