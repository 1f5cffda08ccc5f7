"""Sending a folder's pictures to the store, because pods cannot read the machine of whoever submits.

They go before the run is written, so no run stands without them. What is there is not sent again,
so sending goes on where it was interrupted; what a snapshot holds is not sent at all. A collection
that looked before the run was written may still take some: so they are looked for once more when
the run is in the list, and no collection is left that does not know it (docs/decisions/0017).
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable

from common import artifact, uploads
from common.dataset import Row, rows_of
from common.errors import BadInput, Damaged, Refused
from common.images import Limits
from common.progress import Reporter, silent
from common.records import Ref, Run, read_json
from common.store import Store
from common.store.asking import ask_all
from jobs.controller import runs, snapshots
from jobs.controller.submission import Prepared
from jobs.scrape.sources import Item, Offer, Reach, kind_named


def send(store: Store, prepared: Prepared, progress: Reporter = silent) -> Prepared:
    """Send what the pods of a run will fetch, if its source is a folder; return the request as pods can answer it.

    Raises:
        Refused: a file is no longer what was listed.
    """
    if prepared.listing is None:
        return prepared
    offer = read_json(prepared.listing.data, Offer, prepared.listing.part)
    if not kind_named(offer.source).here:
        return prepared
    held = _held(store, prepared.dataset, prepared.observation, prepared.previous)
    _send_missing(store, offer, prepared.locator, held, progress)
    return dataclasses.replace(prepared, locator=uploads.LOCATOR)


def confirm(store: Store, run: Run, progress: Reporter = silent) -> None:
    """See to it that a run that was written has all that its pods will fetch.

    Raises:
        Refused: something is missing, and this machine does not have it as it was listed.
    """
    if run.locator != uploads.LOCATOR:
        return
    held = _held(store, run.dataset, run.observation, run.frozen["previous"])
    _send_missing(store, runs.listing(store, run), str(run.settings["source"]), held, progress)


def _held(store: Store, dataset: str, observation: str, previous: Ref | None) -> set[str]:
    """Return the tokens that the run will not fetch, because a whole snapshot says what became of them.

    A request that was asked before finds its chunks again by the pictures that came of them; a chunk without any
    is kept by nobody, so what failed is sent again.
    """
    held = {row.token for row in _rows(store, previous)}
    latest = snapshots.latest(store, dataset)
    if latest is not None and (latest.observation, latest.previous) == (observation, previous):
        held |= {row.token for row in _rows(store, latest.artifact) if row.id}
    return held


def _rows(store: Store, snapshot: Ref | None) -> list[Row]:
    """Return the rows of a snapshot; none where something of it is lost and may have to be fetched again."""
    if snapshot is None:
        return []
    try:
        found = artifact.read_ref(store, snapshot)
        return [] if artifact.missing(store, found.manifest) else rows_of(found)
    except Damaged:
        return []


def _send_missing(store: Store, offer: Offer, root: str, held: set[str], progress: Reporter) -> None:
    missing = _missing(store, (item for item in offer.items if item.token not in held))
    source = kind_named(offer.source).open(Reach(root))
    done, lock = 0, threading.Lock()

    def send_one(item: Item) -> None:
        nonlocal done
        try:
            data = source.fetch(item)
        except BadInput as error:
            raise Refused(f"{root}/{item.name} cannot be sent: {error}.") from error
        store.put(uploads.key(item.token), data)
        with lock:
            done += 1
            progress(done, len(missing), "pictures sent")

    ask_all(send_one, missing)


def _missing(store: Store, items: Iterable[Item]) -> list[Item]:
    """Return the items whose bytes are not there; what is too large to be a picture is never fetched."""
    wanted = {item.token: item for item in items if item.size <= Limits().max_bytes}
    there = {found.key: found.size for found in store.list(uploads.FOLDER)} if wanted else {}
    return [item for token, item in wanted.items() if there.get(uploads.key(token)) != item.size]
