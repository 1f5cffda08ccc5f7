"""Artifacts: parts, made true by one conditional write.

A writer puts its parts under `artifacts/STEP/KEY/parts/`, each under a name that holds its own
sha256, then puts `manifest.json` with `create`. Before that write nothing exists; after it
everything does. Whoever comes second uses what is there. Two attempts with equal content write
equal bytes to equal keys, so a killed attempt leaves nothing behind that the next one does not
use (docs/decisions/0003).

Readers follow manifests only, and check size and sha256 of every part they read, so a damaged
artifact is found before use; running its step again puts the same bytes back (`repair`).

What takes long or cannot be repeated is kept in *pieces*: parts that the next attempt at the same
artifact finds, though there is no manifest yet. They go when there is one.

A manifest's parts are *content* (what later stages see, covered by the content digest) or
*evidence* (reports, times, refusals).
"""

from __future__ import annotations

import contextlib
import functools
import re
import secrets
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import msgspec

from common import records
from common.errors import AlreadyExists, BadInput, Damaged, Nondeterministic, NotFound, PreconditionFailed
from common.records import Manifest, Part, Piece, Recipe, Ref, Unit
from common.store.asking import ask_all, exists
from common.store.base import IfMatch, Store

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def folder(step: str, key: str) -> str:
    """Return the prefix that holds an artifact: `artifacts/STEP/KEY`."""
    return f"artifacts/{step.replace('/', '.')}/{key}"


def manifest_key(step: str, key: str) -> str:
    """Return the key of an artifact's manifest."""
    return f"{folder(step, key)}/manifest.json"


def find(store: Store, step: str, key: str) -> Manifest | None:
    """Return an artifact's manifest, or None where it is not (yet) true.

    Raises:
        Damaged: there is one and it cannot be believed.
    """
    place = manifest_key(step, key)
    try:
        data = store.get(place).data
    except NotFound:
        return None
    try:
        manifest = records.decode(data, Manifest, f"{store.url}/{place}")
    except BadInput as error:
        raise records.as_damage(error, step, key) from error
    if (manifest.step, manifest.key) != (step, key):
        raise Damaged(f"{store.url}/{place} speaks of {manifest.step} {manifest.key}.", step=step, key=key)
    names = [*(part.name for part in all_parts(manifest)), *(unit.name for unit in manifest.units)]
    if not all(map(_NAME.fullmatch, names)):
        raise Damaged(f"{store.url}/{place} names what cannot be a file.", step=step, key=key)
    return manifest


def find_sound(store: Store, step: str, key: str) -> Manifest | None:
    """Return an artifact's manifest, or None where there is none that can be believed."""
    try:
        return find(store, step, key)
    except Damaged:
        return None


def read_ref(store: Store, ref: Ref) -> Artifact:
    """Open an artifact that must exist with this content.

    Raises:
        Damaged: it is not there, or has other content.
    """
    manifest = find(store, ref.step, ref.key)
    if manifest is None:
        raise Damaged(f"{folder(ref.step, ref.key)} is not in {store.url}.", step=ref.step, key=ref.key)
    if manifest.digest != ref.digest:
        raise Damaged(f"{folder(ref.step, ref.key)} has other content than it had.", step=ref.step, key=ref.key)
    return Artifact(store, manifest)


def owner(part: Part) -> tuple[str, str]:
    """Return (step, key) of the artifact whose attempt wrote this part."""
    _, step, key, *_ = part.key.split("/")
    return step.replace(".", "/"), key


def read_part(store: Store, part: Part) -> bytes:
    """Read a part and check it.

    Raises:
        Damaged: missing, or not the bytes that were committed.
    """
    step, key = owner(part)
    try:
        data = store.get(part.key, part.size).data
    except NotFound as error:
        raise Damaged(f"{part.key} is gone from {store.url}.", step=step, key=key) from error
    except BadInput as error:
        raise Damaged(f"{part.key} in {store.url} is not what was committed (it is larger).", step=step, key=key) from error
    if len(data) != part.size or sha256(data).hexdigest() != part.sha256:
        raise Damaged(f"{part.key} in {store.url} is not what was committed (sha256 differs).", step=step, key=key)
    return data


class Parts:
    """Reads named parts; the common face of an artifact and of one of its units."""

    def __init__(self, store: Store, parts: Iterable[Part]) -> None:
        self.store = store
        self._parts = {part.name: part for part in parts}

    def part(self, name: str) -> Part:
        """Return a part by name. Raises BadInput."""
        if name not in self._parts:
            raise BadInput(f"There is no part {name!r} here, only {', '.join(sorted(self._parts)) or 'none'}.")
        return self._parts[name]

    def names(self) -> tuple[str, ...]:
        return tuple(self._parts)

    def stands(self) -> bool:
        """Are all parts in the store, with their sizes?"""
        return all(stands(self.store, part) for part in self._parts.values())

    def read(self, name: str) -> bytes:
        """Read and check a part."""
        return read_part(self.store, self.part(name))


class UnitReader(Parts):
    """One unit of an artifact."""

    def __init__(self, store: Store, unit: Unit) -> None:
        super().__init__(store, unit.content)
        self.unit = unit
        self.name = unit.name


class Artifact(Parts):
    """A committed artifact."""

    def __init__(self, store: Store, manifest: Manifest) -> None:
        super().__init__(store, (*manifest.content, *manifest.evidence))
        self.manifest = manifest

    @property
    def info(self) -> dict[str, Any]:
        return self.manifest.info

    @functools.cached_property
    def units(self) -> tuple[UnitReader, ...]:
        return tuple(UnitReader(self.store, unit) for unit in self.manifest.units)

    def unit(self, name: str) -> UnitReader:
        """Return a unit by name. Raises BadInput."""
        for unit in self.units:
            if unit.name == name:
                return unit
        raise BadInput(f"{self.manifest.step} has no unit {name!r}.")


class Draft:
    """An artifact in the making: parts go up as they are written, `commit` makes them true."""

    def __init__(self, store: Store, recipe: Recipe, token: str | None = None) -> None:
        self._store = store
        self._recipe = recipe
        self.token = token or secrets.token_hex(12)
        self._content: list[Part] = []
        self._evidence: list[Part] = []
        self._units: list[Unit] = []
        self.info: dict[str, Any] = {}

    def write(self, name: str, data: bytes, *, evidence: bool = False) -> Part:
        """Store a part."""
        part = self._put(name, data)
        (self._evidence if evidence else self._content).append(part)
        return part

    def write_unit(self, name: str, parts: dict[str, bytes]) -> Unit:
        """Store parts that belong to one unit."""
        return self.add_unit(make_unit(name, tuple(self._put(part, data) for part, data in parts.items())))

    def _put(self, name: str, data: bytes) -> Part:
        digest = sha256(data).hexdigest()
        place = f"{folder(self._recipe.step, self._recipe.key)}/parts/{digest[:24]}-{name}"
        self._store.put(place, data)
        return Part(name=name, key=place, size=len(data), sha256=digest)

    def add_unit(self, unit: Unit) -> Unit:
        """Take over a unit whose parts are stored already."""
        self._units.append(unit)
        return unit

    def take(self, name: str, part: Part) -> None:
        """Take a part over as content, under another name, that is stored already."""
        self._content.append(msgspec.structs.replace(part, name=name))

    def restore(self, part: Part, data: bytes) -> None:
        """Put the bytes of a part of content back to where they were: others may speak of that place."""
        self._store.put(part.key, data)
        self._content.append(part)

    def keep(self, parts: dict[str, bytes]) -> UnitReader:
        """Store parts that `kept` finds, in this process and in those that come after it, until the artifact is true."""
        stored = tuple(self._put(name, data) for name, data in parts.items())
        unit = make_unit(make_unit("", stored).digest[:24], stored)
        with contextlib.suppress(AlreadyExists):
            self._store.put(f"{self._pieces}{unit.name}.json", records.encode(Piece(unit=unit)), "create")
        return UnitReader(self._store, unit)

    def kept(self) -> list[UnitReader]:
        """Return what was kept of this artifact and stands whole, in a stable order."""
        found = ask_all(self._read_piece, [one.key for one in self._store.list(self._pieces)])
        return [piece for one in found if one is not None and (piece := UnitReader(self._store, one)).stands()]

    def forget(self, piece: UnitReader, newer: UnitReader) -> None:
        """Remove a kept piece that a newer one makes needless, and those of its parts that the newer one lacks."""
        self._store.delete(f"{self._pieces}{piece.name}.json")
        named = {part.key for part in newer.unit.content}
        for part in piece.unit.content:
            if part.key not in named:
                self._store.delete(part.key)

    @property
    def _pieces(self) -> str:
        return f"{folder(self._recipe.step, self._recipe.key)}/pieces/"

    def _read_piece(self, place: str) -> Unit | None:
        with contextlib.suppress(NotFound, BadInput):
            return records.decode(self._store.get(place).data, Piece, f"{self._store.url}/{place}").unit
        return None

    def commit(self, *, plan: str = "", provenance: dict[str, Any] | None = None, repair: bool = False) -> Manifest:
        """Make the artifact true and return the manifest that is true now, ours or an earlier one.

        Raises:
            Nondeterministic: `repair`, and the content is not what it was.
        """
        content, units = tuple(self._content), tuple(self._units)
        manifest = Manifest(
            step=self._recipe.step,
            key=self._recipe.key,
            recipe=self._recipe,
            content=content,
            evidence=tuple(self._evidence),
            units=units,
            info=self.info,
            digest=records.content_digest(content, units, self.info),
            writer=self.token,
            plan=plan,
            provenance=provenance or {},
        )
        return _replace(self._store, manifest) if repair else put_manifest(self._store, manifest)


def make_unit(name: str, content: tuple[Part, ...]) -> Unit:
    """Return a unit; its digest covers names and sums of its parts."""
    digest = records.digest_of([(part.name, part.sha256) for part in content])
    return Unit(name=name, digest=digest, content=content)


def put_manifest(store: Store, manifest: Manifest) -> Manifest:
    """Put a manifest where there is none that can be believed; return the one that is true afterwards."""
    try:
        store.put(manifest_key(manifest.step, manifest.key), records.encode(manifest), "create")
    except AlreadyExists:
        held = find_sound(store, manifest.step, manifest.key)
        return held or _replace(store, manifest)
    return manifest


def _replace(store: Store, manifest: Manifest) -> Manifest:
    """Put a manifest over a damaged artifact's; equal content is the condition where the old one can be read."""
    place = manifest_key(manifest.step, manifest.key)
    try:
        held = store.get(place)
    except NotFound:
        return put_manifest(store, manifest)
    known = find_sound(store, manifest.step, manifest.key)
    if known is not None and known.digest != manifest.digest:
        raise Nondeterministic(
            f"{folder(manifest.step, manifest.key)} was made again and came out different "
            f"({manifest.digest[:12]}, was {known.digest[:12]}). Its source may have changed: submit again to look at it anew."
        )
    try:
        store.put(place, records.encode(manifest), IfMatch(held.etag))
    except PreconditionFailed:  # somebody else repaired it
        return find_sound(store, manifest.step, manifest.key) or put_manifest(store, manifest)
    return manifest


def seal(store: Store, recipe: Recipe, made: Iterable[tuple[str, Manifest]], writer: str) -> Manifest:
    """Make a fan-out step's artifact from its units' manifests, in order: a pure function, then one write."""
    pairs = list(made)
    units = tuple(make_unit(name, one.content) for name, one in pairs)
    info = {"units": len(units), "items": sum(int(one.info.get("items", 0)) for _, one in pairs)}
    manifest = Manifest(
        step=recipe.step,
        key=recipe.key,
        recipe=recipe,
        content=(),
        units=units,
        info=info,
        digest=records.content_digest((), units, info),
        writer=writer,
    )
    return put_manifest(store, manifest)


def all_parts(manifest: Manifest) -> list[Part]:
    """Return every part that a manifest speaks of, its units' included."""
    return [*manifest.content, *manifest.evidence, *(part for unit in manifest.units for part in unit.content)]


def stands(store: Store, part: Part) -> bool:
    """Is the part in the store, with its size? (A cheap look; reading checks its bytes.)"""
    try:
        return store.head(part.key).size == part.size
    except NotFound:
        return False


def missing(store: Store, manifest: Manifest) -> tuple[tuple[str, str], ...]:
    """Return (step, key) of the artifacts that a manifest needs and that lack a part or, where it is another's, their manifest.

    A cheap look at names and sizes, many at a time.
    """
    parts = all_parts(manifest)
    owners = sorted({*map(owner, parts)} - {(manifest.step, manifest.key)})

    whole = ask_all(lambda part: stands(store, part), parts)
    known = ask_all(lambda address: exists(store, manifest_key(*address)), owners)
    lost = {owner(part) for part, there in zip(parts, whole, strict=True) if not there}
    lost |= {address for address, there in zip(owners, known, strict=True) if not there}
    return tuple(sorted(lost))


def sweep(store: Store, manifest: Manifest) -> int:
    """Delete parts in the artifact's folder that its manifest does not name, and all pieces; return how many."""
    named = {part.key for part in all_parts(manifest)}
    place = folder(manifest.step, manifest.key)
    lost = [found.key for kind in ("parts", "pieces") for found in store.list(f"{place}/{kind}/") if found.key not in named]
    for key in lost:
        store.delete(key)
    return len(lost)
