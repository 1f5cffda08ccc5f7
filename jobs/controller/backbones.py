"""Backbones by name: which artifact a name stands for, and what a run may see of it.

A backbone's file and card are an artifact that no run makes; `backbones/NAME/backbone.json` says which one a name stands for. A run
freezes the artifact, not the name: it keeps what it was asked for with though the name is given anew, and its key covers the bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from common import artifact, records
from common.errors import BadInput, NotFound, Refused, UnknownName, did_you_mean
from common.parameters import Values
from common.records import Backbone, Ref
from common.store import Store
from jobs.refine.spec import SHIPPED, is_named

STEP = "run/backbone"
FOLDER = "backbones/"
PUBLISHED = ("resnet18", "resnet34", "resnet50")
"""Those of torchvision's that `darkroom backbone add` knows by name."""

TIMM = "timm:"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
_FILE = re.compile(r"(.+)\.(?:onnx|pth|pt|model|dnn)", re.IGNORECASE)


def key(name: str) -> str:
    """Return where it is said what a name stands for."""
    return f"{FOLDER}{name}/backbone.json"


def check_name(name: str) -> str:
    """Return a name that a backbone may be given. Raises BadInput."""
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot name a backbone: use up to 63 letters, digits, - _ and dots. Say --name.")
    if name in SHIPPED:
        raise BadInput(f"{name!r} is a backbone that comes with Darkroom; give this one another name with --name.")
    return name


def name_of(wish: str) -> str:
    """Return the name that a backbone gets where none is said: a file's without its ending, timm's without what is no letter or digit."""
    file = _FILE.fullmatch(Path(wish).name)
    plain = file[1] if file else wish.removeprefix(TIMM)
    return re.sub(r"[^A-Za-z0-9_.-]", "_", plain)


def read(store: Store, name: str) -> Backbone:
    """Return what a name stands for. Raises UnknownName; BadInput where that is damaged."""
    try:
        data = store.get(key(check_name(name))).data
    except NotFound as error:
        known = names(store)
        raise UnknownName(f"{_absent(store, name, known)} `darkroom backbone list` shows all.") from error
    return _decode(store, key(name), data)


def names(store: Store) -> list[str]:
    """Return the names that backbones were added under."""
    return [found.key.split("/")[1] for found in store.list(FOLDER) if found.key.endswith("/backbone.json")]


def every(store: Store) -> list[Backbone]:
    """Return all backbones that have a name. Raises BadInput where a record is damaged."""
    places = [found.key for found in store.list(FOLDER) if found.key.endswith("/backbone.json")]
    return [_decode(store, place, store.get(place).data) for place in places]


def refs(store: Store) -> list[Ref]:
    """Return the artifacts that names stand for."""
    return [one.artifact for one in every(store)]


def stands(store: Store, ref: Ref) -> bool:
    """Is the artifact there, with all its parts? (A cheap look; reading checks its bytes.)"""
    found = artifact.find_sound(store, ref.step, ref.key)
    return found is not None and not artifact.missing(store, found)


def freeze(store: Store, values: Values) -> Ref | None:
    """Return the backbone that a run with these settings is to have; None for one that comes with Darkroom.

    Raises:
        Refused: there is none of this name, or it is damaged.
    """
    if not is_named(values):
        return None
    name = values.text("refine.backbone")
    try:
        held = _decode(store, key(name), store.get(key(name)).data) if _NAME.fullmatch(name) else None
    except NotFound:
        held = None
    except BadInput as error:
        raise Refused(str(error)) from error
    if held is None:
        raise Refused(f"{_absent(store, name, [*SHIPPED, *names(store)])} {_how_to_add(name)}")
    if not stands(store, held.artifact):
        raise Refused(f"The backbone {name!r} in {store.url} is damaged. {cure(STEP, held)}")
    return held.artifact


def cure(step: str, held: Backbone | None = None) -> str:
    """Say what helps where a frozen input is damaged."""
    if step != STEP:
        return "Submit again: it is frozen anew."
    known = f"`darkroom backbone add` with {held.source} and --name {held.name}" if held else "`darkroom backbone add`"
    return f"Add it again ({known}): the same file puts back what is lost."


def _decode(store: Store, place: str, data: bytes) -> Backbone:
    try:
        return records.decode(data, Backbone, f"{store.url}/{place}")
    except BadInput as error:
        raise BadInput(f"{error} Add that backbone again, or `darkroom backbone remove {place.split('/')[1]}`.") from error


def _absent(store: Store, name: str, known: Iterable[str]) -> str:
    return f"There is no backbone {name!r} in {store.url}.{did_you_mean(name, known)}"


def _how_to_add(name: str) -> str:
    file = _FILE.fullmatch(name)
    if name in PUBLISHED:
        return f"`darkroom backbone add {name}` adds it."
    if name.startswith(TIMM):
        return f"`darkroom backbone add {name}` adds it; then set refine.backbone={name_of(name)}."
    if file:
        return f"`darkroom backbone add PATH/{name}` adds such a file; then set refine.backbone={file[1]}."
    return f"`darkroom backbone add FILE --name {name}` adds one from a file; it knows {', '.join(PUBLISHED)} and timm:NAME as well."
