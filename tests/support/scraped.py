"""A snapshot of a folder and its dataset version, made by the real steps of scrape and dedup."""

from __future__ import annotations

from pathlib import Path

from common.artifact import Artifact, seal
from common.records import Edit, Recipe, canonical
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


def version_of(store: Store, made: Artifact, edits: list[Edit] | None = None, **changed: object) -> Artifact:
    """Make the version of a snapshot, with a person's edits."""
    hashed = [(unit.name, run_step(store, "dedup/hash", {"snapshot": made}, unit=unit).manifest) for unit in made.units]
    whole = Recipe(step="dedup/hash", parameters={}, inputs={"snapshot": made.manifest.digest}, code="")
    inputs = {"snapshot": made, "hashes": Artifact(store, seal(store, whole, hashed, "w"))}
    if edits:
        inputs["edits"] = commit(store, "run/edits", {"edits.json": canonical(edits)})
    return run_step(store, "dedup/dataset", inputs, defaults(**changed))
