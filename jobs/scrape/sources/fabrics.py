"""Rendered fabric patterns: the demo dataset, drawn when it is asked for.

A token names the rendering and the renderer's code: when the renderer changes, its pictures
are new ones.
"""

from __future__ import annotations

from dataclasses import asdict

from common import records
from common.code import tree_digest
from jobs.scrape.sources import Item
from jobs.scrape.sources.rendered import Rendering, listing, picture


def items(counts: dict[str, int], seed: int) -> list[Item]:
    """Return the demo's listing as items."""
    renderer = tree_digest("textures")
    return [_item(rendering, renderer) for rendering in listing(counts, seed)]


class RenderedSource:
    """Draws a picture and encodes it as JPEG."""

    def fetch(self, item: Item) -> bytes:
        return picture(Rendering(**item.recipe))


def _item(rendering: Rendering, renderer: str) -> Item:
    recipe = asdict(rendering)
    token = records.digest_of({"recipe": recipe, "renderer": renderer})
    return Item(label=rendering.label, name=rendering.name, token=token, licence="Apache-2.0", recipe=recipe)
