"""A snapshot of a folder, made by the real steps of scrape."""

from __future__ import annotations

from pathlib import Path

from common.artifact import Artifact, seal
from common.records import Recipe, canonical
from common.store import Store
from jobs.scrape.sources import Offer
from jobs.scrape.sources.folder import FolderSource
from tests.support.rooms import commit, defaults, run_step


def listing_of(store: Store, folder: Path) -> Artifact:
    """Freeze what a folder holds, as a submit does."""
    offer = Offer(source="folder", items=FolderSource(folder).look().items)
    return commit(store, "run/listing", {"listing.json": canonical(offer)})


def snapshot_of(store: Store, folder: Path, previous: Artifact | None = None, shard_pictures: int = 8) -> Artifact:
    """Look at a folder as `scrape` does, on top of an earlier snapshot."""
    return snapshot(store, {"listing": listing_of(store, folder)}, str(folder), previous, shard_pictures)


def snapshot(store: Store, inputs: dict[str, Artifact], source: str, previous: Artifact | None, shard_pictures: int) -> Artifact:
    before = {"previous": previous} if previous else {}
    values = defaults(scrape_shardPictures=shard_pictures, source=source)
    listed = run_step(store, "scrape/list", {**inputs, **before}, values)
    fetched = [(unit.name, run_step(store, "scrape/fetch", {"list": listed}, unit=unit, locator=source).manifest) for unit in listed.units]
    whole = Recipe(step="scrape/fetch", parameters={}, inputs={"list": listed.manifest.digest}, code="")
    return run_step(
        store, "scrape/snapshot", {"list": listed, "fetched": Artifact(store, seal(store, whole, fetched, "w")), **before}, defaults()
    )
