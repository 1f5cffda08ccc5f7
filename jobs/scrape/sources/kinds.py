"""What a kind of source is: one small interface, which each module beside this one fills for its kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from common.errors import BadInput
from common.images import check_bytes
from common.parameters import Values
from common.progress import Reporter
from common.records import Value
from common.uploads import Uploads
from jobs.scrape.origin import Origin

__all__ = ["CHANGED", "Got", "Item", "Kind", "Listing", "Offer", "OneByOne", "Origin", "Reach", "Source"]

CHANGED = "changed while the run was looking; submit again"


class Item(Value, frozen=True, kw_only=True):
    """One picture that a source offers.

    `token` names what would be fetched: an item whose token an earlier snapshot holds is not fetched again.
    `size` is in bytes, 0 where it is not known before; `recipe` is what the source needs to fetch it.
    """

    label: str
    name: str
    token: str
    dedicated: bool = False
    licence: str = ""
    size: int = 0
    recipe: dict[str, Any] = msgspec.field(default_factory=dict)


class Offer(Value, frozen=True, kw_only=True):
    """Items and the name of their source's kind: a whole listing as it was frozen, or a chunk to fetch as one shard."""

    source: str
    items: list[Item]


@dataclass(frozen=True)
class Listing:
    """What a source offers at one moment, complete: what is no longer in it is gone.

    `classes` are also those without pictures; `passed_over` counts files that are no pictures by their names;
    `notes` are what people must know of how it came about.
    """

    items: list[Item]
    classes: tuple[str, ...] = ()
    passed_over: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Got:
    """What became of an item: its bytes, or the `reason` why there are none, and whether that may heal.

    `status` is HTTP's, `url` where the bytes came from in the end, `fetched` when (ISO 8601, UTC); only from the web.
    """

    item: Item
    data: bytes = b""
    reason: str = ""
    heals: bool = False
    status: int = 0
    url: str = ""
    fetched: str = ""


class Source(Protocol):
    """A source that is within reach."""

    def look(self, progress: Reporter) -> Listing:
        """List what it offers now; nothing is fetched. Raises BadInput where it cannot be listed."""

    def fetch(self, item: Item) -> bytes:
        """Return the bytes of an item. Raises BadInput, with the reason in a few words, where only this item is lost."""

    def fetch_all(self, items: Sequence[Item]) -> Iterator[Got]:
        """Yield what becomes of each item, in any order."""


class OneByOne:
    """The part of a source whose items are fetched one after the other."""

    def fetch(self, item: Item) -> bytes:
        raise NotImplementedError

    def fetch_all(self, items: Iterable[Item]) -> Iterator[Got]:
        for item in items:
            try:
                check_bytes(item.size)
                yield Got(item, self.fetch(item))
            except BadInput as error:
                yield Got(item, reason=str(error))


@dataclass(frozen=True)
class Reach:
    """How a process reaches a source: where it lies, what was sent of it, its kind's settings, this machine's environment.

    `labelled`: its pictures are wanted by class. Otherwise all of them are, wherever they lie, and no label is looked for.
    """

    locator: str = ""
    uploads: Uploads | None = None
    values: Values = field(default_factory=lambda: Values({}))
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    labelled: bool = True


def _nothing_wrong(_: str) -> list[str]:
    return []


def _nothing_lacking(_: Values) -> list[str]:
    return []


def _unchanged(source: str) -> str:
    return source


@dataclass(frozen=True)
class Kind:
    """A kind of source.

    `words` say in figures where the pictures come from. `fits` tells whether a `source` setting means this kind,
    `wrong` what is wrong with it, `lacking` which other settings do not go with it, `settle` writes it so that it means
    the same everywhere.
    `listed`: every submit lists it and freezes what it found; another kind is listed by the run, and `settings`
    are what that depends on. `here`: it lies on the machine of whoever submits, so pods cannot read it.
    `ours`: we make its pictures ourselves, so they need no sandbox. `web`: they come from other people's servers, which
    are asked again only where that is wished. `sampled`: a listing is a sample, so what it does not name is not gone.
    """

    name: str
    words: str
    fits: Callable[[str], bool]
    open: Callable[[Reach], Source]
    wrong: Callable[[str], list[str]] = _nothing_wrong
    lacking: Callable[[Values], list[str]] = _nothing_lacking
    settle: Callable[[str], str] = _unchanged
    settings: tuple[str, ...] = ()
    listed: bool = False
    here: bool = False
    ours: bool = False
    web: bool = False
    sampled: bool = False
