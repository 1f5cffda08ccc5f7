"""Where pictures come from. A new kind of source is a module with a `KIND`, and its name in `KINDS`."""

from __future__ import annotations

from common.errors import BadInput
from jobs.scrape.sources import bucket, digits, fabrics, folder, search, urls
from jobs.scrape.sources.kinds import Got, Item, Kind, Listing, Offer, Origin, Reach, Source

__all__ = ["KINDS", "Got", "Item", "Kind", "Listing", "Offer", "Origin", "Reach", "Source", "kind_named", "kind_of"]

# In the order in which they are asked whether a source is theirs: a folder may have any name.
KINDS = (fabrics.KIND, digits.KIND, *search.KINDS, urls.KIND, bucket.KIND, folder.KIND)


def kind_of(source: str) -> Kind:
    """Return the kind that a `source` setting means. Raises BadInput where it is empty."""
    for kind in KINDS:
        if kind.fits(source):
            return kind
    raise BadInput("There is no source. Say where the pictures are: --source DIR.")


def kind_named(name: str) -> Kind:
    """Return a kind by name. Raises BadInput."""
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise BadInput(f"There is no source of kind {name!r}, only {', '.join(kind.name for kind in KINDS)}.")
