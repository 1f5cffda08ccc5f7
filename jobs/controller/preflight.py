"""Reasons not to start, found before anything is written."""

from __future__ import annotations

from collections import defaultdict

from common import images
from common.errors import BadInput, DarkroomError, Refused, Retryable
from common.progress import Reporter, silent
from common.sandbox import Sandbox
from common.store import Store
from common.store.probe import probe_once
from jobs.scrape.sources import Item, Kind, Listing, Reach, Source

ENOUGH = 2
FAR_READS = 8  # pictures of a class that are looked at where each is a request


def check_store(store: Store) -> None:
    """Refuse a store that cannot be reached, written to, or trusted. Raises Refused."""
    try:
        probe_once(store)
    except Retryable as error:
        raise Refused(f"The store does not answer. {error}") from error
    except DarkroomError as error:
        raise Refused(f"The store cannot be used. {error}") from error


def look(kind: Kind, reach: Reach, progress: Reporter = silent) -> Listing:
    """List a source and refuse one that no classifier can be made of. Raises Refused."""
    source, where = kind.open(reach), reach.locator
    listing = _list(source, where, progress)
    if not listing.items:
        raise Refused(f"The source {where} holds no pictures ({', '.join(images.SUFFIXES)}) in class folders. {_layout(listing)}")
    by_class: dict[str, list[Item]] = defaultdict(list)
    for one in listing.items:
        by_class[one.label].append(one)
    empty = [name for name in listing.classes if name not in by_class]
    if empty:
        raise Refused(f"No pictures in class folder {', '.join(empty)} of {where}. Add pictures, or remove the folder.")
    if len(by_class) < ENOUGH:
        raise Refused(f"The source {where} has one class only ({next(iter(by_class))}); a classifier needs two or more.")
    if kind.web:  # its servers are asked once, by the run
        return listing
    most = None if kind.here else FAR_READS
    with Sandbox() as sandbox:
        problems = [problem for name, items in by_class.items() if (problem := _too_few_good(source, name, items, sandbox, most))]
    if problems:
        raise Refused("\n".join(problems))
    return listing


def look_unlabelled(kind: Kind, reach: Reach, progress: Reporter = silent) -> Listing:
    """List a source whose pictures need no classes. Raises Refused where it holds none."""
    listing = _list(kind.open(reach), reach.locator, progress)
    if not listing.items:
        others = f" It holds {listing.passed_over} files of other formats." if listing.passed_over else ""
        raise Refused(f"The source {reach.locator} holds no pictures ({', '.join(images.SUFFIXES)}).{others}")
    return listing


def _list(source: Source, where: str, progress: Reporter) -> Listing:
    try:
        return source.look(progress)
    except BadInput as error:
        raise Refused(str(error)) from error
    except DarkroomError as error:
        raise Refused(f"The source {where} cannot be listed. {error}") from error


def _too_few_good(source: Source, label: str, items: list[Item], sandbox: Sandbox, most: int | None) -> str:
    """Return what is wrong with a class that has fewer than two pictures that can be decoded.

    It stops at the second, or after `most` pictures: of those it did not look at it thinks the best.
    """
    good, first_reason = 0, ""
    for one in items[:most]:
        try:
            images.check_bytes(one.size)
            sandbox.check(source.fetch(one))
        except BadInput as error:
            first_reason = first_reason or f"{one.name}: {error}"
            continue
        except DarkroomError as error:
            raise Refused(f"{one.name} of the source cannot be read. {error}") from error
        good += 1
        if good == ENOUGH:
            return ""
    if most is not None and len(items) > most:
        return ""
    reason = f" The first that cannot be used: {first_reason}." if first_reason else ""
    return f"Class {label!r} has {good} usable picture(s) of {len(items)}; {ENOUGH} is the least.{reason}"


def _layout(listing: Listing) -> str:
    found = f"Found class folders: {', '.join(listing.classes)}." if listing.classes else "Found no folders in it."
    others = f" They hold {listing.passed_over} files of other formats." if listing.passed_over else ""
    return f"{found}{others} Expected SOURCE/CLASS/picture.jpg."
