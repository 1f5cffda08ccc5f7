"""Reasons not to start, found before anything is written."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from common import images
from common.errors import BadInput, DarkroomError, Refused, Retryable
from common.folders import Listed, Listing, list_folder
from common.progress import Reporter, silent
from common.sandbox import Sandbox
from common.store import Store
from common.store.probe import probe_once

ENOUGH = 2


def check_store(store: Store) -> None:
    """Refuse a store that cannot be reached, written to, or trusted. Raises Refused."""
    try:
        probe_once(store)
    except Retryable as error:
        raise Refused(f"The store does not answer. {error}") from error
    except DarkroomError as error:
        raise Refused(f"The store cannot be used. {error}") from error


def look_at_folder(root: Path, progress: Reporter = silent) -> Listing:
    """List a source folder and refuse one that no classifier can be made of. Raises Refused."""
    try:
        listing = list_folder(root, progress)
    except BadInput as error:
        raise Refused(str(error)) from error
    if not listing.files:
        raise Refused(f"The source {root} holds no pictures ({', '.join(images.SUFFIXES)}) in class folders. {_layout(listing)}")
    by_class: dict[str, list[Listed]] = defaultdict(list)
    for one in listing.files:
        by_class[one.label].append(one)
    empty = [name for name in listing.classes if name not in by_class]
    if empty:
        raise Refused(f"No pictures in class folder {', '.join(empty)} of {root}. Add pictures, or remove the folder.")
    if len(by_class) < ENOUGH:
        raise Refused(f"The source {root} has one class only ({next(iter(by_class))}); a classifier needs two or more class folders.")
    with Sandbox() as sandbox:
        problems = [problem for name, files in by_class.items() if (problem := _too_few_good(root, name, files, sandbox))]
    if problems:
        raise Refused("\n".join(problems))
    return listing


def _too_few_good(root: Path, label: str, files: list[Listed], sandbox: Sandbox) -> str:
    """Return what is wrong with a class that has fewer than two pictures that can be decoded; stops at the second."""
    good, first_reason = 0, ""
    for one in files:
        try:
            sandbox.check((root / one.name).read_bytes())
        except (BadInput, OSError) as error:
            first_reason = first_reason or f"{one.name}: {error}"
            continue
        good += 1
        if good == ENOUGH:
            return ""
    reason = f" The first that cannot be used: {first_reason}." if first_reason else ""
    return f"Class {label!r} has {good} usable picture(s) of {len(files)}; {ENOUGH} is the least.{reason}"


def _layout(listing: Listing) -> str:
    found = f"Found class folders: {', '.join(listing.classes)}." if listing.classes else "Found no folders in it."
    return f"{found} Expected SOURCE/CLASS/picture.jpg."
