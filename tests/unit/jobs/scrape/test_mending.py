"""What came from the web is made whole again to the same bytes, or it is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from common.artifact import Artifact, Draft, UnitReader, make_unit
from common.errors import BadInput
from common.records import canonical
from common.shards import read_entries
from common.store.memory import MemoryStore
from jobs.scrape import stage
from jobs.scrape.fetching import Chunk
from jobs.scrape.sources import Got, Item, Kind, Origin
from jobs.scrape.sources.web import item_of
from tests.support.pictures import drawing, encode
from tests.support.rooms import commit, defaults, run_step

COUNT, SHARD = 10, 4
ITEMS = [item_of("a", Origin(url=f"https://h.example/{number}.png")) for number in range(COUNT)]


class Web:
    """Pictures by URL; each fetch is at another time."""

    def __init__(self) -> None:
        self.pages = {item.name: encode(drawing("bars", number)) for number, item in enumerate(ITEMS)}
        self.fetched: list[str] = []
        self.time = 0

    def fetch_all(self, items: Sequence[Item]) -> Iterator[Got]:
        self.time += 1
        for item in reversed(items):  # in an order of its own
            self.fetched.append(item.name)
            data = self.pages.get(item.name, b"")
            yield Got(item, data, "" if data else "HTTP 404", status=200, url=item.name, fetched=f"time {self.time}")


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    found = Web()
    kind = Kind(name="urls", words="a list", fits=bool, open=lambda _: found, web=True)  # type: ignore[arg-type, return-value]
    monkeypatch.setattr(stage, "kind_named", lambda _: kind)
    return found


def fetch(store: MemoryStore, *, repair: bool = False) -> Artifact:
    chunk = commit(store, "scrape/list", {"chunk.json": canonical(Chunk(source="urls", items=ITEMS))})
    unit = UnitReader(store, make_unit("chunk-00000", chunk.manifest.content))
    return run_step(store, "scrape/fetch", {"list": chunk}, defaults(scrape_shardPictures=SHARD), unit, repair=repair)


def break_part(store: MemoryStore, made: Artifact, name: str) -> None:
    place = made.part(name).key
    data = bytearray(store.get(place).data)
    data[len(data) // 2] ^= 1
    store.put(place, bytes(data))


NAMES = ["outcomes.json", "outcomes.copy.json", "00000.images.tar", "00000.index.parquet", "00002.images.tar"]


@pytest.mark.parametrize("name", NAMES)
def test_a_part_with_a_flipped_bit_is_made_again_to_the_same_bytes(memory: MemoryStore, web: Web, name: str) -> None:
    made = fetch(memory)
    before = {part.name: made.read(part.name) for part in made.manifest.content}
    assert set(NAMES) <= set(before)
    web.fetched.clear()
    break_part(memory, made, name)
    mended = fetch(memory, repair=True)
    assert mended.manifest.digest == made.manifest.digest
    assert mended.manifest.content == made.manifest.content  # in the same places, of which snapshots speak
    assert {part: mended.read(part) for part in before} == before
    index = name.replace("images.tar", "index.parquet")
    assert len(web.fetched) == (len(read_entries(before[index])) if index != name and index in before else 0)


def test_a_part_that_is_lost_is_made_again(memory: MemoryStore, web: Web) -> None:
    made = fetch(memory)
    memory.delete(made.part("00001.images.tar").key)
    assert fetch(memory, repair=True).read("00001.images.tar")


def test_what_the_web_no_longer_shows_is_named_with_what_to_do(memory: MemoryStore, web: Web) -> None:
    made = fetch(memory)
    break_part(memory, made, "00000.images.tar")
    kept = dict(web.pages)
    web.pages.clear()
    with pytest.raises(BadInput, match=r"h\.example/\d\.png is to be fetched again, .*: HTTP 404\. Put the object back"):
        fetch(memory, repair=True)
    web.pages = dict.fromkeys(kept, encode(drawing("rows", 1)))
    with pytest.raises(BadInput, match=r"is no longer what it was, .* Put the object back"):
        fetch(memory, repair=True)


def test_damage_to_both_of_two_is_named(memory: MemoryStore, web: Web) -> None:
    made = fetch(memory)
    for name in ("outcomes.json", "outcomes.copy.json"):
        break_part(memory, made, name)
    with pytest.raises(BadInput, match=r"outcomes\.json of what was fetched is damaged, and so is outcomes\.copy\.json"):
        fetch(memory, repair=True)


def test_a_damaged_piece_of_an_attempt_before_is_fetched_again(memory: MemoryStore, web: Web) -> None:
    keep, pieces = Draft.keep, []

    def die_after_two(self: Draft, parts: dict[str, bytes]) -> UnitReader:
        pieces.append(keep(self, parts))
        if len(pieces) == 2:
            raise KeyboardInterrupt
        return pieces[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Draft, "keep", die_after_two)
        with pytest.raises(KeyboardInterrupt):
            fetch(memory)
    place = pieces[0].part("outcomes.json").key
    memory.put(place, memory.get(place).data.replace(b"time", b"tine"))
    web.fetched.clear()
    assert len(fetch(memory).names()) > 2
    assert len(web.fetched) == COUNT - SHARD
