"""Snapshot N of a dataset: which observation made it, and on which one it stands."""

from __future__ import annotations

from common import records
from common.errors import AlreadyExists, Superseded
from common.records import Ref, Run, Snapshot
from common.store import Store


def folder(dataset: str) -> str:
    return f"snapshots/{dataset}/"


def latest(store: Store, dataset: str) -> Snapshot | None:
    """Return the newest snapshot of a dataset."""
    keys = [found.key for found in store.list(folder(dataset))]
    return records.decode(store.get(keys[-1]).data, Snapshot, f"{store.url}/{keys[-1]}") if keys else None


def number(store: Store, run: Run, made: Ref, count: int, writer: str) -> None:
    """Write down that `made` is snapshot `count`, unless it is known as such.

    Raises:
        Superseded: another run has made another snapshot of that number meanwhile.
    """
    snapshot = Snapshot(
        dataset=run.dataset,
        number=count,
        artifact=made,
        observation=run.observation,
        previous=run.frozen.get("previous"),
        run=run.run,
        writer=writer,
    )
    place = f"{folder(run.dataset)}{count:06d}.json"
    try:
        store.put(place, records.encode(snapshot), "create")
    except AlreadyExists:
        held = records.decode(store.get(place).data, Snapshot, f"{store.url}/{place}")
        if held.artifact.digest != made.digest:
            raise Superseded(f"Run {held.run} has made snapshot {count} of {run.dataset} meanwhile. Submit again to build on it.") from None
