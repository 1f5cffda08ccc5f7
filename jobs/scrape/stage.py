"""The work of scrape.

`list` observes the source and cuts what no snapshot has seen into chunks; `fetch` turns a
chunk into an image shard, with every refusal and its reason; `snapshot` writes the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from common import images, shards
from common.artifact import UnitReader, make_unit
from common.dataset import ROWS, Row, rows_of
from common.errors import BadInput
from common.progress import track
from common.records import Unit, canonical, read_json
from common.sandbox import Sandbox, Verdict, look
from common.stage import StepFunction, Work
from common.tables import write_table
from jobs.scrape.rows import Fetched, advance
from jobs.scrape.sources import Item, Kind, Offer, Reach, Source, kind_named, kind_of

LISTING, LIST, CHUNK, OUTCOMES = "listing.json", "list.json", "chunk.json", "outcomes.json"


def list_source(work: Work) -> None:
    """List the source; content: all items, and one unit for each chunk of items not yet seen."""
    offer = _observe(work)
    items = offer.items
    seen = {row.token for row in _previous(work)[0]}
    new = list({item.token: item for item in items if item.token not in seen}.values())
    work.out.write(LIST, canonical(items))
    size = work.parameters.integer("scrape.shardPictures")
    for start in range(0, len(new), size):
        chunk = Offer(source=offer.source, items=new[start : start + size])
        work.out.write_unit(f"chunk-{start // size:05d}", {CHUNK: canonical(chunk)})
    work.out.info |= {"listed": len(items), "new": len(new), "items": len(items), "source": kind_named(offer.source).words}


def fetch_chunk(work: Work) -> None:
    """Fetch and check one chunk; content: a shard of the good pictures, and each token's outcome."""
    chunk = read_json(work.the_unit().read(CHUNK), Offer, CHUNK)
    kind = kind_named(chunk.source)
    source = kind.open(Reach(work.locator, work.uploads))
    pictures: dict[str, shards.Picture] = {}
    outcomes = []
    with _checker(kind) as check:
        for item in track(chunk.items, work.progress, note="pictures"):
            try:
                picture = _fetch(source, item, check)
            except BadInput as error:
                outcomes.append(Fetched(token=item.token, id="", reason=str(error)))
                work.log(f"{item.name}: {error}")
                continue
            pictures[picture.id] = picture
            outcomes.append(Fetched(token=item.token, id=picture.id, reason=""))
    work.out.write(OUTCOMES, canonical(outcomes))
    for name, data in shards.pack(pictures.values()).items():
        work.out.write(name, data)
    work.out.info |= {"items": len(chunk.items), "pictures": len(pictures)}


def make_snapshot(work: Work) -> None:
    """Write the table of this snapshot; its units are the shards of all snapshots so far.

    A look that found nothing new and nothing gone gives the previous snapshot again.
    """
    items = read_json(work.inputs["list"].read(LIST), list[Item], LIST)
    fetched = work.inputs["fetched"].units
    outcomes = [one for unit in fetched for one in read_json(unit.read(OUTCOMES), list[Fetched], OUTCOMES)]
    before, number = _previous(work)
    rows = advance(before, items, outcomes, number + 1)
    _require_pictures(rows)
    work.out.write(ROWS, write_table(rows, Row))
    for unit in [*_previous_shards(work), *filter(None, map(_shard, fetched))]:
        work.out.add_unit(unit)
    work.out.info |= {"source": work.inputs["list"].info["source"], **_facts(rows, number if rows == before else number + 1)}


STEPS: Mapping[str, StepFunction] = {
    "scrape/list": list_source,
    "scrape/fetch": fetch_chunk,
    "scrape/snapshot": make_snapshot,
}


def _observe(work: Work) -> Offer:
    """Return what the source offers: as it was listed when the run was submitted, or as it is now."""
    if "listing" in work.inputs:
        return read_json(work.inputs["listing"].read(LISTING), Offer, LISTING)
    kind = kind_of(work.parameters.text("source"))
    if kind.listed:
        raise BadInput(f"The run has no listing of its source, {work.parameters.text('source')}. Submit again.")
    return Offer(source=kind.name, items=kind.open(Reach(values=work.parameters)).look(work.progress).items)


def _previous(work: Work) -> tuple[list[Row], int]:
    """Return the rows and the number of the snapshot before this one (none, 0)."""
    if "previous" not in work.inputs:
        return [], 0
    previous = work.inputs["previous"]
    return rows_of(previous), int(previous.info["snapshot"])


@contextmanager
def _checker(kind: Kind) -> Iterator[Callable[[bytes], Verdict]]:
    """Yield what decides whether bytes are a picture: a child with limits, unless we drew them ourselves."""
    if kind.ours:
        yield look
        return
    with Sandbox() as sandbox:
        yield sandbox.check


def _fetch(source: Source, item: Item, check: Callable[[bytes], Verdict]) -> shards.Picture:
    """Fetch one item and check that it is a picture. Raises BadInput with the reason."""
    images.check_bytes(item.size)
    data = source.fetch(item)
    seen = check(data)
    return shards.Picture(images.image_id(data), images.EXTENSIONS[seen.format], data, seen.width, seen.height)


def _previous_shards(work: Work) -> list[Unit]:
    return [unit.unit for unit in work.inputs["previous"].units] if "previous" in work.inputs else []


def _shard(fetched: UnitReader) -> Unit | None:
    """Return a fetched unit as a shard named by its content, or None if it holds no picture."""
    if not shards.read_index(fetched):
        return None
    tar, index = fetched.part(shards.TAR), fetched.part(shards.INDEX)
    return make_unit(f"shard-{tar.sha256[:16]}", (tar, index))


def _require_pictures(rows: list[Row]) -> None:
    bad = [row for row in rows if not row.id and not row.gone]
    if rows and not any(row.id and not row.gone for row in rows):
        reason = f" The first: {bad[0].name}: {bad[0].reason}." if bad else ""
        raise BadInput(f"The source holds no usable picture; {len(bad)} were refused.{reason}")
    if not rows:
        raise BadInput("The source holds no pictures.")


def _facts(rows: list[Row], number: int) -> dict[str, Any]:
    there = [row for row in rows if not row.gone]
    return {
        "snapshot": number,
        "items": len(there),
        "pictures": sum(1 for row in there if row.id),
        "failed": sum(1 for row in there if not row.id),
        "classes": sorted({row.label for row in there}),
    }
