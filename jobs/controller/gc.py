"""Removing what nothing needs any more.

Kept is what can be reached from the newest runs of each dataset, from every run that is not over,
from the pointers, from the newest snapshots, and the backbones that have a name. The rest loses its manifest first; then the
roots are looked at once more, and what a run has found in the cache meanwhile gets its manifest
back; only then, after a grace in which readers that already follow a manifest may finish, its
parts go, under a mark in the store. What a submit froze or sent goes under the same mark, after
one more look at the runs; a submit, when its run is in the list, waits while the mark stands and
puts back what is gone. A run, for its part, writes down that a step is done, waits
while the mark stands, and then looks whether all of the step's artifact is there. So whoever
comes second sees what the other did (docs/decisions/0013).
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from common import artifact, records, uploads
from common.errors import AlreadyExists, Damaged, NotFound
from common.records import Collection, Manifest, Pointer, Ref
from common.store import Meta, Store
from common.store.asking import exists
from jobs.controller import backbones, runs, snapshots
from jobs.controller.graph import FROZEN
from jobs.scrape.sources import Item

KEEP_RUNS, GRACE_S = 20, 60.0
LOOK_EVERY_S, PATIENCE_S = 1.0, 600.0
UPLOADS_GRACE_S = 24 * 3600.0  # so that whoever is still sending need not send twice
MARK = "gc.json"
_ARTIFACT = re.compile(r"artifacts/([^/]+)/([^/]+)/(.+)")
_PLAN = re.compile(r"artifacts/[^/]+/[^/]+/(?:plan|repair)-(.+)-a\d+\.json")
_MODEL = re.compile(r"models/([^/]+)/([^/]+)/[^/]+")

Address = tuple[str, str]


@dataclass
class Swept:
    """What was, or would be, removed."""

    runs: list[str] = field(default_factory=list)
    artifacts: list[Address] = field(default_factory=list)
    uploads: int = 0
    objects: int = 0
    size: int = 0
    restored: int = 0

    def add(self, size: int) -> None:
        """Count an object that is gone."""
        self.objects += 1
        self.size += size


def collect(
    store: Store, keep_runs: int = KEEP_RUNS, grace_s: float = GRACE_S, *, uploads_grace_s: float = UPLOADS_GRACE_S, dry_run: bool = False
) -> Swept:
    """Remove what nothing needs; with `dry_run` only count it."""
    kept, dropped = _choose_runs(store, keep_runs)
    reached = _reach(store, kept)
    folders = _folders(store, dropped)
    swept = Swept(runs=dropped, artifacts=sorted(address for address in folders if address not in reached))
    if dry_run:
        _count(store, swept, folders)
        for found in _unneeded_uploads(store, kept, uploads_grace_s):
            swept.add(found.size)
            swept.uploads += 1
        return swept
    frozen = [address for address in swept.artifacts if address[0].startswith(FROZEN)]
    taken = _take_manifests(store, (address for address in swept.artifacts if address not in frozen))
    kept, swept.runs = _choose_runs(store, keep_runs)
    reached = _reach(store, kept, taken)
    swept.restored = _give_back(store, [manifest for address, manifest in taken.items() if address in reached])
    swept.artifacts = [address for address in swept.artifacts if address not in reached and address not in frozen]
    for address in taken.keys() & set(swept.artifacts):
        swept.add(len(records.encode(taken[address])))
    if any(runs.read(store, run).condition == runs.RUNNING for run in kept):
        time.sleep(grace_s)
    store.put(MARK, records.encode(Collection(by=runs.me())))
    _remove_folders(store, swept)
    kept, _ = _choose_runs(store, keep_runs)
    _remove_frozen(store, kept, frozen, swept)
    unneeded = list(_unneeded_uploads(store, kept, uploads_grace_s))
    _delete(store, unneeded, swept)
    swept.uploads = len(unneeded)
    store.delete(MARK)
    _remove_runs(store, swept)
    _remove_models(store, swept)
    return swept


def removes(store: Store) -> bool:
    """Is a collection removing parts just now? The mark of one that died is cleared away."""
    try:
        mark = records.decode(store.get(MARK).data, Collection, f"{store.url}/{MARK}")
    except NotFound:
        return False
    if runs.lives(mark.by):
        return True
    store.delete(MARK)
    return False


def _pause() -> None:
    time.sleep(LOOK_EVERY_S)


def wait_until_removed(store: Store, pause: Callable[[], object] = _pause, now: Callable[[], float] = time.monotonic) -> None:
    """Wait while a collection removes parts; not for ever, because one that died on another machine leaves its mark."""
    give_up = now() + PATIENCE_S
    while removes(store) and now() < give_up:
        pause()


def _choose_runs(store: Store, keep_runs: int) -> tuple[list[str], list[str]]:
    """Return the runs to keep and those to drop: of each dataset the newest are kept, and all that are not over."""
    by_dataset: dict[str, list[str]] = defaultdict(list)
    for dataset, run in runs.names(store):
        by_dataset[dataset].append(run)
    kept: list[str] = []
    dropped: list[str] = []
    for names in by_dataset.values():
        for number, run in enumerate(reversed(names)):
            over = runs.read(store, run).condition in (runs.DONE, runs.FAILED, runs.CANCELLED)
            (dropped if over and number >= keep_runs else kept).append(run)
    return kept, dropped


def _reach(store: Store, kept: Iterable[str], taken: Mapping[Address, Manifest] | None = None) -> set[Address]:
    """Return every artifact that the roots need, and what those are made of; `taken` manifests still speak."""
    roots = backbones.refs(store)
    datasets = set()
    for name in kept:
        known = runs.read(store, name)
        datasets.add(known.run.dataset)
        roots += [ref for ref in known.run.frozen.values() if ref is not None]
        roots += [record.ref for record in known.records.values() if record.ref is not None]
    for found in store.list("models/"):
        if found.key.endswith("/current.json"):
            serving = records.decode(store.get(found.key).data, Pointer, found.key)
            datasets.add(serving.dataset)
            roots += [serving.model, serving.gate, *_before(store, serving)]
    for dataset in datasets:
        latest = snapshots.latest(store, dataset)
        if latest is not None:
            roots += [latest.artifact, *([latest.previous] if latest.previous else [])]
    return _closure(store, roots, taken or {})


def _before(store: Store, serving: Pointer) -> list[Ref]:
    """Return the model that served before, so that a person can roll back."""
    found = []
    for one in store.list(f"models/{serving.dataset}/history/"):
        kept = records.decode(store.get(one.key).data, Pointer, one.key)
        if kept.version == serving.previous:
            found += [kept.model, kept.gate]
    return found


def _closure(store: Store, roots: Iterable[Ref], taken: Mapping[Address, Manifest]) -> set[Address]:
    """Return the roots and the artifacts whose parts they are made of, by address."""
    reached: set[Address] = set()
    waiting = [(ref.step, ref.key) for ref in roots]
    while waiting:
        address = waiting.pop()
        if address in reached:
            continue
        reached.add(address)
        manifest = taken.get(address) or artifact.find_sound(store, *address)
        if manifest is not None:
            waiting += [owner for part in artifact.all_parts(manifest) if (owner := artifact.owner(part)) not in reached]
    return reached


def _folders(store: Store, dropped: Iterable[str]) -> dict[Address, list[Meta]]:
    """Return the removable objects of every artifact's folder."""
    folders: dict[Address, list[Meta]] = defaultdict(list)
    for found in _removable(store, "artifacts/", set(dropped)):
        match = _ARTIFACT.fullmatch(found.key)
        if match is not None:
            folders[match[1].replace(".", "/"), match[2]].append(found)
    return folders


def _removable(store: Store, prefix: str, dropped: set[str]) -> Iterator[Meta]:
    """Yield all objects under a prefix but the plans of runs that stay: a Job may be about to read its own."""
    stays: dict[str, bool] = {}
    for found in store.list(prefix):
        match = _PLAN.fullmatch(found.key)
        run = match[1] if match else ""
        if run and run not in stays:
            stays[run] = run not in dropped and exists(store, runs.run_key(run))
        if not stays.get(run, False):
            yield found


def _unneeded_uploads(store: Store, kept: Iterable[str], grace_s: float) -> Iterator[Meta]:
    """Yield the uploads that were sent some time ago and that no run which may still go on will read."""
    needed = {uploads.key(item.token) for run in kept for item in _waits_for(store, run)}
    now = time.time()
    for found in store.list(uploads.FOLDER):
        if found.key not in needed and now - found.modified >= grace_s:
            yield found


def _waits_for(store: Store, name: str) -> list[Item]:
    known = runs.read(store, name)
    if known.run.locator != uploads.LOCATOR or known.condition == runs.DONE:
        return []
    try:
        return runs.listing(store, known.run).items
    except Damaged:  # such a run cannot go on
        return []


def _count(store: Store, swept: Swept, folders: dict[Address, list[Meta]]) -> None:
    for found in chain(*(folders[address] for address in swept.artifacts), *(store.list(f"runs/{run}/") for run in swept.runs)):
        swept.add(found.size)


def _take_manifests(store: Store, addresses: Iterable[Address]) -> dict[Address, Manifest]:
    """Delete manifests, and return those that could be read."""
    taken = {}
    for address in addresses:
        manifest = artifact.find_sound(store, *address)
        if manifest is not None:
            taken[address] = manifest
        store.delete(artifact.manifest_key(*address))
    return taken


def _give_back(store: Store, taken: Iterable[Manifest]) -> int:
    restored = 0
    for manifest in taken:
        try:
            store.put(artifact.manifest_key(manifest.step, manifest.key), records.encode(manifest), "create")
        except AlreadyExists:  # it was made again already
            continue
        restored += 1
    return restored


def _remove_folders(store: Store, swept: Swept) -> None:
    for address in swept.artifacts:
        if artifact.find_sound(store, *address) is not None:
            continue  # made again meanwhile
        _delete(store, _removable(store, f"{artifact.folder(*address)}/", set(swept.runs)), swept)


def _remove_frozen(store: Store, kept: Iterable[str], addresses: Iterable[Address], swept: Swept) -> None:
    """Remove frozen inputs of runs that are not kept: nobody could make them again, so none is taken and given back."""
    frozen = [ref for run in kept for ref in runs.read(store, run).run.frozen.values() if ref is not None]
    needed = {(ref.step, ref.key) for ref in [*frozen, *backbones.refs(store)]}
    for address in addresses:
        if address not in needed:
            swept.artifacts.append(address)
            _delete(store, store.list(f"{artifact.folder(*address)}/"), swept)


def _remove_runs(store: Store, swept: Swept) -> None:
    """Remove runs: first from the list of their dataset, last what says that there was one."""
    for name in swept.runs:
        known = runs.read(store, name)
        _delete(store, store.list(runs.index_key(known.run.dataset, name)), swept)
        _delete(store, sorted(store.list(f"runs/{name}/"), key=lambda one: one.key == runs.run_key(name)), swept)


def _remove_models(store: Store, swept: Swept) -> None:
    """Remove published models other than the one that serves and the one before it."""
    wanted = {}
    for found in store.list("models/"):
        if found.key.endswith("/current.json"):
            serving = records.decode(store.get(found.key).data, Pointer, found.key)
            wanted[serving.dataset] = {serving.version, serving.previous}
    models = [(found, match) for found in store.list("models/") if (match := _MODEL.fullmatch(found.key))]
    _delete(store, [found for found, match in models if match[2] not in {"history", *wanted.get(match[1], {match[2]})}], swept)


def _delete(store: Store, objects: Iterable[Meta], swept: Swept) -> None:
    for found in list(objects):
        swept.add(found.size)
        store.delete(found.key)
