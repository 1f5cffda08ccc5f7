"""Snapshot N of a dataset: which observation made it, and on which one it stands."""

from __future__ import annotations

import contextlib

from common import records
from common.errors import AlreadyExists, BadInput, Overtaken, PreconditionFailed
from common.records import Ref, Run, Snapshot
from common.store import IfMatch, Store
from jobs.controller import runs

STEP = "scrape/snapshot"


def folder(dataset: str) -> str:
    return f"snapshots/{dataset}/"


def latest(store: Store, dataset: str) -> Snapshot | None:
    """Return the newest snapshot of a dataset.

    Raises:
        BadInput: its record is damaged, and no run that stood on it is left to write it anew from.
    """
    keys = [found.key for found in store.list(folder(dataset))]
    if not keys:
        return None
    held = store.get(keys[-1])
    try:
        return records.decode(held.data, Snapshot, f"{store.url}/{keys[-1]}")
    except BadInput:
        found = _as_its_runs_know_it(store, dataset, int(keys[-1].rpartition("/")[2].removesuffix(".json")))
        if found is None:
            raise
    with contextlib.suppress(PreconditionFailed):
        store.put(keys[-1], records.encode(found), IfMatch(held.etag))
    return found


def _as_its_runs_know_it(store: Store, dataset: str, count: int) -> Snapshot | None:
    """Put a snapshot's record together again from a run that made it or found it in the cache."""
    for _, name in runs.names(store, dataset):
        record = runs.sound_records(store, name).get(STEP)
        if record is not None and record.ref is not None and record.info.get("snapshot") == count:
            return _of(runs.read(store, name).run, record.ref, count, writer=name)
    return None


def _of(run: Run, made: Ref, count: int, writer: str) -> Snapshot:
    return Snapshot(
        dataset=run.dataset,
        number=count,
        artifact=made,
        observation=run.observation,
        previous=run.frozen.get("previous"),
        run=run.run,
        writer=writer,
        asked=run.asked,
    )


def number(store: Store, run: Run, made: Ref, count: int, writer: str) -> None:
    """Write down that `made` is snapshot `count`, unless it is known as such.

    Raises:
        Overtaken: another run has made another snapshot of that number meanwhile.
    """
    snapshot = _of(run, made, count, writer)
    place = f"{folder(run.dataset)}{count:06d}.json"
    try:
        store.put(place, records.encode(snapshot), "create")
    except AlreadyExists:
        held = records.decode(store.get(place).data, Snapshot, f"{store.url}/{place}")
        if held.artifact.digest != made.digest:
            raise Overtaken(f"Run {held.run} has made snapshot {count} of {run.dataset} meanwhile. Submit again to build on it.") from None
