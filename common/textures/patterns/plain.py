"""Plain cloth: one colour, or one that changes slowly over the cloth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.textures.fields import blend, smooth_noise
from common.textures.patterns.colours import palette
from common.textures.patterns.flat import Canvas, Flat

if TYPE_CHECKING:
    from numpy.random import Generator

    from common.textures.settings import PatternSettings


def plain(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Dye the cloth in one colour, some of it unevenly."""
    colours = palette(rng, 2, settings)
    pitch = canvas.pitch_px(rng, settings)
    uneven = rng.uniform(0, 0.25) if rng.random() < 0.4 else 0.0
    cloud = smooth_noise(rng, canvas.shape, rng.uniform(1, 8))
    amount = np.clip(cloud * np.float32(uneven), 0, 1)
    return Flat(blend(colours[0], colours[1], amount), pitch)
