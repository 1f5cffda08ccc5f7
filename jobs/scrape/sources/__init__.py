"""Where pictures come from: one small interface, one module for each kind of source.

A source lists items and fetches one. An item's `token` names what would be fetched: an item
whose token an earlier snapshot holds is not fetched again.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from common.errors import BadInput
from common.records import Value


class Item(Value, frozen=True, kw_only=True):
    """One picture that the source offers. `recipe` is what the source needs to fetch it."""

    label: str
    name: str
    token: str
    dedicated: bool = False
    licence: str = ""
    recipe: dict[str, Any] = msgspec.field(default_factory=dict)


class Source(Protocol):
    """A kind of source. Its listing is complete: an item that is no longer in it is gone."""

    def fetch(self, item: Item) -> bytes:
        """Return the item's bytes. Raises BadInput with the reason in a few words."""


def open_source(kind: str, locator: str) -> Source:
    """Return the source of a kind, ready to fetch."""
    match kind:
        case "folder":
            from jobs.scrape.sources.folder import FolderSource

            return FolderSource(locator)
        case "digits":
            from jobs.scrape.sources.digits import DigitsSource

            return DigitsSource()
        case "rendered":
            from jobs.scrape.sources.fabrics import RenderedSource

            return RenderedSource()
        case _:
            raise BadInput(f"There is no source of kind {kind!r}.")
