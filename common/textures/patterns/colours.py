"""Which colours cloth is dyed in.

Shops sell more white, black, navy and red than all hues alike, so colours come from a few textile
groups; motif and ground are paired by the lightness between them, which decides how visible a
pattern is.
"""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from common.textures.fields import Colour
    from common.textures.settings import PatternSettings

_GROUPS = (
    # share, hue, saturation, value
    (0.20, (0.05, 0.16), (0.00, 0.14), (0.86, 1.00)),  # white, ecru
    (0.17, (0.58, 0.72), (0.00, 0.60), (0.04, 0.24)),  # black, navy
    (0.10, (0.00, 1.00), (0.00, 0.10), (0.25, 0.75)),  # grey
    (0.23, None, (0.45, 0.85), (0.35, 0.85)),  # full
    (0.12, None, (0.12, 0.38), (0.80, 1.00)),  # pastel
    (0.12, None, (0.20, 0.55), (0.30, 0.75)),  # muted
    (0.06, (0.95, 1.03), (0.60, 0.92), (0.45, 0.85)),  # red
)
_HUES = (
    0.0,
    0.02,
    0.05,
    0.08,
    0.11,
    0.13,
    0.2,
    0.38,
    0.47,
    0.52,
    0.57,
    0.61,
    0.65,
    0.75,
    0.9,
    0.95,
)
"""Coral, rust, mustard, olive, bottle green, teal, the blues, plum, pinks: no neon."""
_LIGHTNESS = np.array([0.30, 0.59, 0.11], dtype=np.float32)


def colour(rng: Generator) -> Colour:
    """Draw one textile colour."""
    shares = [group[0] for group in _GROUPS]
    _, hues, saturations, values = _GROUPS[int(rng.choice(len(_GROUPS), p=shares))]
    usual = float(rng.choice(_HUES) + rng.normal(0, 0.012))
    hue = usual if hues is None else rng.uniform(*hues)
    dull = 0.75 if 0.16 < hue < 0.45 else 1.0  # green and yellow dyes are never as bright
    return hsv(hue, rng.uniform(*saturations) * dull, rng.uniform(*values) * dull)


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Give the RGB of a hue (any number; whole turns repeat), saturation and value (0 to 1)."""
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value), dtype=np.float32)


def lightness(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the lightness, 0 to 1, of colours (..., 3)."""
    return np.asarray(rgb @ _LIGHTNESS, dtype=np.float32)


def palette(rng: Generator, count: int, settings: PatternSettings) -> NDArray[np.float32]:
    """Draw (count, 3) colours: the ground, its main motif at the drawn contrast, then accents."""
    wanted = settings.contrast.uniform(rng)
    candidates = np.stack([colour(rng) for _ in range(14)])
    ground = candidates[0]
    off = np.abs(np.abs(lightness(candidates[1:]) - lightness(ground)) - wanted)
    main = candidates[1 + int(np.argmin(off))]
    accents = [_accent(rng, ground) for _ in range(count - 2)]
    return np.stack([ground, main, *accents])[:count]


def _accent(rng: Generator, ground: Colour) -> Colour:
    """Draw a colour that can be told from the ground."""
    candidates = np.stack([colour(rng) for _ in range(4)])
    told_apart = np.abs(candidates - ground).sum(axis=1) > 0.45
    chosen: Colour = candidates[int(np.argmax(told_apart))]
    return chosen
