"""`darkroom backbone`: adding a backbone to the store, showing, removing.

What is added is an artifact first and gets its name then, by one write. A collection that looked in between may take the artifact;
so it is looked for once more when the name is there (docs/decisions/0013).
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from common import artifact, records
from common.artifact import Draft
from common.errors import BadInput, Refused
from common.images import Preprocessing
from common.model import CARD_FILE, MODEL_FILE, Card
from common.records import Backbone, Recipe
from common.store import Store
from jobs.backbones import published, reading, timm_export
from jobs.backbones.reading import Made
from jobs.backbones.wishes import Wish
from jobs.controller import backbones, gc, preflight


@dataclass(frozen=True)
class Given:
    """What a person said beside the network: its name, the sha256 of its file, and how it is to be read."""

    name: str = ""
    sha256: str = ""
    node: str = ""
    resolution: int = 0
    pictures: str = ""


def add(store: Store, wish: str, given: Given) -> dict[str, Any]:
    """Add a backbone to the store; return what it is, as `show` does, with notes.

    Raises:
        Refused: there is none that can be used, with the reason.
    """
    try:
        if wish in published.WEIGHTS:
            return _add_published(store, wish, given)
        if wish.startswith(backbones.TIMM):
            return _add_of_timm(store, wish, given)
        return _add_file(store, Path(wish).expanduser(), given)
    except BadInput as error:
        raise Refused(str(error)) from error


def _add_published(store: Store, wish: str, given: Given) -> dict[str, Any]:
    name = backbones.check_name(given.name or wish)
    preflight.check_store(store)
    with tempfile.TemporaryDirectory(prefix="darkroom-weights-") as folder:
        path = published.fetch(store, wish, Path(folder))
        return _add(store, path, name, given, published.url_of(wish))


def _add_of_timm(store: Store, wish: str, given: Given) -> dict[str, Any]:
    name = backbones.check_name(given.name or backbones.name_of(wish))
    preflight.check_store(store)
    with tempfile.TemporaryDirectory(prefix="darkroom-timm-") as folder:
        path, facts = timm_export.export(wish.removeprefix(backbones.TIMM), Path(folder))
        known = None if given.pictures else facts.preprocessing
        # Its classifier was left out by timm: what it ends in is the features.
        return _add(store, path, name, replace(given, node=given.node or timm_export.OUTPUT), wish, known, facts.licence)


def _add_file(store: Store, path: Path, given: Given) -> dict[str, Any]:
    reading.check(path)
    name = backbones.check_name(given.name or backbones.name_of(path.name))
    preflight.check_store(store)
    published.check_sum(path.name, _sum_of(path))
    published.check_pin(store, path.name, _sum_of(path))
    return _add(store, path, name, given, path.name)


def _add(
    store: Store, path: Path, name: str, given: Given, source: str, known: Preprocessing | None = None, licence: str = ""
) -> dict[str, Any]:
    found = _sum_of(path)
    if given.sha256 and not found.startswith(given.sha256.lower()):
        raise Refused(f"{path.name} is not the file that was meant: its sha256 is {found}, not {given.sha256}.")
    chosen = {"pictures": given.pictures} if given.pictures else {}
    wish = Wish(
        name=name,
        kind=f"{reading.READERS[path.suffix.lower()][1]} file",
        node=given.node,
        resolution=given.resolution,
        source=source,
        licence=published.LICENCE if path.name in published.WEIGHTS.values() else licence,
        known=known,
        **chosen,
    )
    made = reading.read(path, wish)
    return {**_put(store, name, made, source, found), "notes": list(made.notes)}


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _put(store: Store, name: str, made: Made, source: str, digest: str) -> dict[str, Any]:
    manifest = _commit(store, made)
    held = Backbone(name=name, artifact=manifest.ref, source=source, sha256=digest, added=datetime.now(UTC).isoformat(timespec="seconds"))
    store.put(backbones.key(name), records.encode(held))
    while True:  # a collection that did not know the name may have taken the artifact
        gc.wait_until_removed(store)
        if backbones.stands(store, manifest.ref):
            return document(store, held)
        _commit(store, made)


def _commit(store: Store, made: Made) -> records.Manifest:
    parts = {MODEL_FILE: made.network, CARD_FILE: records.encode(made.card)}
    sums = {name: sha256(data).hexdigest() for name, data in parts.items()}
    draft = Draft(store, Recipe(step=backbones.STEP, parameters=sums, inputs={}, code=""))
    for part, data in parts.items():
        draft.write(part, data)
    return draft.commit()


def document(store: Store, held: Backbone) -> dict[str, Any]:
    """Return a backbone as JSON. Raises Damaged."""
    found = artifact.read_ref(store, held.artifact)
    card = records.decode(found.read(CARD_FILE), Card, f"the card of {held.name}")
    how = card.preprocessing
    return {
        "name": held.name,
        "source": held.source,
        "sha256": held.sha256,
        "added": held.added,
        "digest": held.artifact.digest,
        "bytes": found.part(MODEL_FILE).size,
        "features": card.dimension,
        "resolution": how.resolution,
        "colour": how.colour,
        "scale": how.scale,
        "mean": list(how.mean),
        "std": list(how.std),
        "licence": card.licence,
    }


def remove(store: Store, name: str) -> str:
    """Take a backbone's name away; runs that have it keep it. Returns a sentence."""
    if name not in backbones.names(store):
        backbones.read(store, name)  # says what there is instead
    store.delete(backbones.key(name))
    return f"{name} is no longer a backbone of {store.url}. Runs that were submitted with it keep it; `darkroom gc` frees its room."
