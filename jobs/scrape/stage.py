"""The work of scrape.

`list` observes the source and cuts what is to be fetched into ranges; `fetch` turns a range into
image shards, with every refusal and its reason; `snapshot` writes the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from common.artifact import UnitReader, make_unit
from common.dataset import ROWS, Row, rows_of
from common.errors import BadInput
from common.progress import track
from common.records import Asked, Unit, canonical, read_json
from common.sandbox import Sandboxes, Verdict, look
from common.shards import INDEX, read_entries
from common.stage import StepFunction, Work
from common.tables import write_table
from jobs.scrape import provenance, ranges
from jobs.scrape.fetching import OUTCOMES, Basket, Chunk, check_all, shards_of
from jobs.scrape.mending import Mender
from jobs.scrape.provenance import Provenance
from jobs.scrape.rows import Fetched, advance
from jobs.scrape.sources import Item, Kind, Listing, Offer, Origin, Reach, kind_named, kind_of

LISTING, LIST, CHUNK, ASKED = "listing.json", "list.json", "chunk.json", "asked.json"


def list_source(work: Work) -> None:
    """List the source; content: all items, and one unit for each range of items that are to be fetched now."""
    asked, rows = _asked(work), _previous(work)[0]
    found_before = _found_before(work, rows)
    kind, listing = _observe(work, asked, looks_first=not found_before)
    items = _with_those_before(listing.items, found_before) if kind.sampled else listing.items
    known = {row.token: row for row in rows}
    wanted = list({item.token: item for item in items if _is_wanted(known.get(item.token), asked)}.values())
    if kind.web:
        wanted = _with_sums(wanted, work)
    size = work.parameters.integer("scrape.rangeUrls" if kind.web else "scrape.shardPictures")
    cut = ranges.by_server if kind.web else ranges.in_order
    work.out.write(LIST, canonical(items))
    for number, some in enumerate(cut(wanted, size)):
        chunk = Chunk(source=kind.name, items=some, held={item.token: known[item.token].id for item in some if item.token in known})
        work.out.write_unit(f"chunk-{number:05d}", {CHUNK: canonical(chunk)})
    new = sum(1 for item in wanted if item.token not in known)
    work.out.info |= {"listed": len(items), "new": new, "items": len(items), "notes": list(listing.notes)}
    work.out.info |= {"source": kind.words, "sampled": kind.sampled}


def fetch_chunk(work: Work) -> None:
    """Fetch and check one range; content: shards of the good pictures, and each token's outcome."""
    chunk = read_json(work.the_unit().read(CHUNK), Chunk, CHUNK)
    kind = kind_named(chunk.source)
    source = kind.open(Reach(work.locator, work.uploads))
    with _checker(kind, work) as check:
        if kind.web and work.before is not None:
            Mender(work.before, chunk.items, source, check, work.threads)(work.out)
            return
        basket = Basket(work.out, work.parameters.integer("scrape.shardPictures"))
        missing = [item for item in chunk.items if item.token not in basket.outcomes]
        for one in track(check_all(source.fetch_all(missing), check, work.threads), work.progress, len(missing), note="pictures"):
            if one.reason:
                work.log(f"{one.got.item.name}: {one.reason}")
            basket.add(one, chunk.held.get(one.got.item.token, ""))
        work.out.info |= {"items": len(chunk.items), "pictures": basket.write()}


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
    # The same pictures from two places may make the same shard: it is one.
    for shard in {one.name: one for one in [*_previous_shards(work), *(one for unit in fetched for one in _shards(unit))]}.values():
        work.out.add_unit(shard)
    for name, data in _provenance(work, rows, items, outcomes).items():
        work.out.write(name, data, evidence=True)
    listed = work.inputs["list"].info
    work.out.info |= {"source": listed["source"], "sampled": listed["sampled"], **_facts(rows, number if rows == before else number + 1)}


STEPS: Mapping[str, StepFunction] = {
    "scrape/list": list_source,
    "scrape/fetch": fetch_chunk,
    "scrape/snapshot": make_snapshot,
}


def _asked(work: Work) -> Asked:
    """Return the wish to ask servers again that the run was submitted with."""
    return read_json(work.inputs["asked"].read(ASKED), Asked, ASKED) if "asked" in work.inputs else Asked(time="")


def _observe(work: Work, asked: Asked, *, looks_first: bool) -> tuple[Kind, Listing]:
    """Return what the source offers: as it was listed when the run was submitted, or as it is now."""
    if "listing" in work.inputs:
        offer = read_json(work.inputs["listing"].read(LISTING), Offer, LISTING)
        return kind_named(offer.source), Listing(offer.items)
    if "source" not in work.parameters:  # it is listed when a run is submitted, and where it lies enters no key
        raise BadInput("The run has no listing of its source. Submit again.")
    kind = kind_of(work.parameters.text("source"))
    if kind.sampled and (asked.failed or asked.known) and not asked.listing and not looks_first:
        return kind, Listing([])  # the pictures of before are asked for again, not what others there are
    return kind, kind.open(Reach(work.parameters.text("source"), values=work.parameters)).look(work.progress)


def _found_before(work: Work, rows: Iterable[Row]) -> list[Row]:
    """Return the rows that searches found for the classes that are searched for now; pictures of any other source are not among them."""
    if "previous" not in work.inputs or not work.inputs["previous"].info.get("sampled"):
        return []
    labels = work.parameters.get("scrape.queries", {})  # which only searches are given
    return [row for row in rows if not row.gone and row.label in labels]


def _with_those_before(items: Iterable[Item], rows: Iterable[Row]) -> list[Item]:
    """Return items, and with them those of before that are not among them: a sample says nothing of others."""
    found = {(item.label, item.token): item for item in items}
    for row in rows:
        if (row.label, row.token) not in found:
            recipe = msgspec.to_builtins(Origin(url=row.name, licence=row.licence))
            found[row.label, row.token] = Item(label=row.label, name=row.name, token=row.token, licence=row.licence, recipe=recipe)
    return list(found.values())


def _is_wanted(row: Row | None, asked: Asked) -> bool:
    """Is a token to be fetched that a snapshot knows, or does not?"""
    if row is None:
        return True
    return asked.known if row.id else asked.failed and row.heals


def _with_sums(items: Iterable[Item], work: Work) -> list[Item]:
    """Let items be fetched with the sha256 that their bytes had at first sight."""
    sums = {one.token: one.sha256 for one in _provenance_before(work) if one.id and one.sha256}
    return [
        msgspec.structs.replace(item, recipe={**item.recipe, "sha256": sums[item.token]}) if item.token in sums else item for item in items
    ]


def _previous(work: Work) -> tuple[list[Row], int]:
    """Return the rows and the number of the snapshot before this one (none, 0)."""
    if "previous" not in work.inputs:
        return [], 0
    previous = work.inputs["previous"]
    return rows_of(previous), int(previous.info["snapshot"])


@contextmanager
def _checker(kind: Kind, work: Work) -> Iterator[Callable[[bytes], Verdict]]:
    """Yield what decides whether bytes are a picture, and shrinks it: children with limits, unless we drew it ourselves."""
    side = work.parameters.integer("scrape.shortSide")
    if kind.ours:
        yield lambda data: look(data, side)
        return
    with Sandboxes(work.threads) as sandboxes:
        yield lambda data: sandboxes.check(data, side)


def _previous_shards(work: Work) -> list[Unit]:
    return [unit.unit for unit in work.inputs["previous"].units] if "previous" in work.inputs else []


def _shards(fetched: UnitReader) -> Iterator[Unit]:
    """Yield the shards of a fetched range that hold a picture, each named by its content."""
    for parts in shards_of(fetched):
        if read_entries(fetched.read(parts[INDEX])):
            content = tuple(msgspec.structs.replace(fetched.part(place), name=name) for name, place in parts.items())
            yield make_unit(f"shard-{content[0].sha256[:16]}", content)


def _provenance_before(work: Work) -> list[Provenance]:
    return provenance.of_snapshot(work.inputs["previous"]) if "previous" in work.inputs else []


def _provenance(work: Work, rows: list[Row], items: list[Item], outcomes: list[Fetched]) -> Mapping[str, bytes]:
    """Return what says where the pictures come from; nothing where none is from the web."""
    before = _provenance_before(work)
    if not before and not any(one.time for one in outcomes):
        return {}
    return provenance.write(provenance.advance(before, rows, items, outcomes))


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
