"""The way from a family's name and a seed to a photograph of cloth."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from common.errors import BadParameters, did_you_mean
from common.textures.camera import CANVAS_SIDE, photograph
from common.textures.cloth import weave
from common.textures.drape import drape
from common.textures.patterns import FAMILIES, Canvas, Family
from common.textures.settings import Settings, Span
from common.textures.streams import Streams

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.textures.fields import Shape

DEMO = Settings()
"""The demo's settings."""
DEMO_COARSE = replace(DEMO, pattern=replace(DEMO.pattern, motifs=Span(0.8, 1.7)))
"""The same, seen so near that a motif or two fill the picture."""


def render(family: str, seed: int, settings: Settings = DEMO) -> NDArray[np.uint8]:
    """Render one photograph of cloth: (H, W, 3) uint8 RGB.

    Equal arguments give equal pixels, whatever the threads and whatever was rendered before.

    Raises:
        BadParameters: no family has this name.
    """
    return photograph_of(find_family(family), Streams(family, seed), settings)


def photograph_of(draw: Family, streams: Streams, settings: Settings) -> NDArray[np.uint8]:
    """Photograph cloth that *draw* draws: (H, W, 3) uint8 RGB."""
    shape = _frame(streams, settings)
    side = round(CANVAS_SIDE * max(shape))
    canvas = Canvas((side, side), min(shape))
    flat = draw(streams.named("pattern"), canvas, settings.pattern)
    cloth = weave(streams, flat, canvas, settings.cloth)
    surface = drape(streams, shape, settings.cloth)
    return photograph(streams, cloth, surface, settings)


def find_family(name: str) -> Family:
    """Look a family up by name.

    Raises:
        BadParameters: no family has this name.
    """
    if name in FAMILIES:
        return FAMILIES[name]
    known = ", ".join(sorted(FAMILIES))
    message = f"No pattern family is called {name!r}.{did_you_mean(name, FAMILIES)}"
    message = f"{message} Known families: {known}."
    raise BadParameters(message)


def _frame(streams: Streams, settings: Settings) -> Shape:
    rng = streams.named("frame")
    return settings.side_px.integer(rng), settings.side_px.integer(rng)
