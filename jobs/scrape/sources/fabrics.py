"""Rendered fabric patterns: the demo dataset, drawn when it is asked for.

A token names the rendering and the renderer's code: when the renderer changes, its pictures
are new ones.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from common import records
from common.code import tree_digest
from common.parameters import Values
from common.progress import Reporter, silent
from jobs.scrape.sources.kinds import Item, Kind, Listing, OneByOne

if TYPE_CHECKING:
    from jobs.scrape.sources.rendered import Rendering

COUNTS, SEED = "scrape.counts", "scrape.seed"


def items(counts: dict[str, int], seed: int) -> list[Item]:
    """Return the demo's listing as items."""
    from jobs.scrape.sources.rendered import listing

    renderer = tree_digest("textures")
    return [_item(rendering, renderer) for rendering in listing(counts, seed)]


class RenderedSource(OneByOne):
    """Draws pictures and encodes them as JPEG."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def look(self, progress: Reporter = silent) -> Listing:
        del progress  # nothing is drawn yet
        return Listing(items(self._values.counts(COUNTS), self._values.integer(SEED)))

    def fetch(self, item: Item) -> bytes:
        from jobs.scrape.sources.rendered import Rendering, picture

        return picture(Rendering(**item.recipe))


KIND = Kind(
    name="rendered",
    words="rendered textures",
    fits=lambda source: source == "rendered",
    open=lambda reach: RenderedSource(reach.values),
    settings=("source", COUNTS, SEED),
    ours=True,
)


def _item(rendering: Rendering, renderer: str) -> Item:
    recipe = asdict(rendering)
    token = records.digest_of({"recipe": recipe, "renderer": renderer})
    return Item(label=rendering.label, name=rendering.name, token=token, licence="Apache-2.0", recipe=recipe)
