"""What a pattern family is: a function that draws cloth lying flat.

A family knows nothing of yarns, folds or cameras. It draws from one stream of random numbers, so
a new family is one function and one line in the registry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.random import Generator

from common.textures.fields import Image, Plane, Shape, axes, rotate
from common.textures.settings import PatternSettings


@dataclass(frozen=True, slots=True)
class Canvas:
    """The flat cloth to draw on: larger than the picture, so that the camera can turn."""

    shape: Shape
    picture_px: int
    """Short side of the picture that will be cut from it."""

    def pitch_px(self, rng: Generator, settings: PatternSettings) -> float:
        """Draw the size of one motif with its gap, in pixels."""
        return self.picture_px / settings.motifs.log_uniform(rng)

    def axes(self, rng: Generator, settings: PatternSettings) -> tuple[Plane, Plane]:
        """Draw the pattern's y and x in pixels: along the yarns (open axes) or at an angle."""
        y, x = axes(self.shape)
        if rng.random() >= settings.diagonal_chance:
            return y, x
        usual = rng.random() < 0.5
        angle_deg = rng.choice([-45.0, 45.0, 30.0, -30.0]) if usual else rng.uniform(-90, 90)
        return rotate(y, x, float(np.radians(angle_deg)))


@dataclass(frozen=True, slots=True)
class Flat:
    """A cloth lying flat."""

    face: Image
    """Its colours; for a yarn-dyed cloth those of the yarns that run in y (the warp)."""
    motif_px: float
    """Size of one motif with its gap: no yarn is coarser than a small part of it."""
    weft: Image | None = None
    """Colours of the yarns that run in x, where they differ from *face* (checks)."""


Family: TypeAlias = Callable[[Generator, Canvas, PatternSettings], Flat]
