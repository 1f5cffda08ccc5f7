"""How wide the renderer may go: the ranges that every drawn quantity comes from.

The demo and pretraining differ only in the `Settings` they pass, never in code. A span of one
number (`Span(x, x)`) or a chance of 0 switches a step off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator


@dataclass(frozen=True, slots=True)
class Span:
    """A closed range of a quantity, in the unit its field states."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if self.low > self.high:
            message = f"Span({self.low}, {self.high}) is empty: give the smaller number first."
            raise ValueError(message)

    def uniform(self, rng: Generator) -> float:
        """Draw with every value equally likely."""
        return float(rng.uniform(self.low, self.high))

    def log_uniform(self, rng: Generator) -> float:
        """Draw with every ratio equally likely, for scales. Both ends must be positive."""
        return float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))

    def integer(self, rng: Generator) -> int:
        """Draw a whole number, both ends included."""
        return int(rng.integers(round(self.low), round(self.high) + 1))

    def mostly_low(self, rng: Generator) -> float:
        """Draw with the low end likelier, for defects that most photographs show a little of."""
        return float(self.low + (self.high - self.low) * rng.random() ** 2.5)


@dataclass(frozen=True, slots=True)
class PatternSettings:
    """What is printed on the cloth or woven into it."""

    motifs: Span = Span(3.0, 60.0)
    """Motifs across the picture's short side (a dot or stripe with its gap, a rosette)."""
    contrast: Span = Span(0.2, 0.85)
    """Lightness between the ground and its main motif, of 1."""
    irregularity: Span = Span(0.0, 1.0)
    """How hand-drawn the motifs are: 0 is ruler and compass."""
    diagonal_chance: float = 0.25
    """Share of patterns that lie at an angle to the yarns."""


@dataclass(frozen=True, slots=True)
class ClothSettings:
    """The cloth that carries the pattern, and how it lies."""

    yarns: Span = Span(50.0, 320.0)
    """Yarns across the picture's short side; few means a close-up."""
    relief: Span = Span(0.05, 0.55)
    """Darkening between two yarns, of 1."""
    melange: Span = Span(0.0, 0.1)
    """Spread of the colour from yarn to yarn, of 1."""
    wave_slope: Span = Span(0.0, 0.4)
    """Steepest rise of the broad waves, pixels a pixel."""
    folds: Span = Span(0.0, 4.0)
    """Number of folds."""
    fold_slope: Span = Span(0.1, 0.6)
    """Steepest rise of a fold, pixels a pixel."""
    creases: Span = Span(0.0, 9.0)
    """Number of sharp creases, as of cloth that was packed."""
    crease_slope: Span = Span(0.03, 0.25)
    """Rise towards a crease, pixels a pixel."""
    seam_chance: float = 0.12
    """Share of pictures with a seam, or a lap of cloth over cloth."""
    edge_chance: float = 0.08
    """Share of pictures where the cloth ends and a table shows."""


@dataclass(frozen=True, slots=True)
class PoseSettings:
    """Where the camera stands."""

    tilt_deg: Span = Span(0.0, 35.0)
    """Angle between the optical axis and the cloth's normal."""
    skew_deg: Span = Span(-7.0, 7.0)
    """Rotation of a picture that was meant to be upright."""
    any_rotation_chance: float = 0.35
    """Share of pictures turned by any angle."""
    quarter_turn_chance: float = 0.3
    """Share of pictures turned by 90 degrees."""


@dataclass(frozen=True, slots=True)
class LightSettings:
    """What the light does."""

    elevation_deg: Span = Span(30.0, 75.0)
    """Height of the lamp above the cloth: low light shows the folds."""
    falloff: Span = Span(0.0, 0.9)
    """Change of the light from one side of the picture to the other, of its mean."""
    shadow_chance: float = 0.18
    """Share of pictures with a cast shadow."""
    shadow_depth: Span = Span(0.15, 0.55)
    """Light that the shadow takes, of 1."""
    sheen_chance: float = 0.2
    """Share of cloth that is smooth enough to shine."""
    sheen: Span = Span(0.02, 0.2)
    """Strength of the soft highlight, of white."""
    vignette: Span = Span(0.0, 0.5)
    """Darkening of the corners, of 1."""


@dataclass(frozen=True, slots=True)
class SensorSettings:
    """What lens, sensor and the camera's own processing do."""

    exposure_stops: Span = Span(-1.1, 0.7)
    white_balance: Span = Span(0.0, 0.22)
    """Cast: gain of one end of the spectrum against the other, of 1."""
    gamma: Span = Span(0.75, 1.35)
    """Exponent of the tone curve on top of the usual one."""
    saturation: Span = Span(0.45, 1.2)
    haze: Span = Span(0.0, 0.12)
    """Stray light, of white."""
    defocus_px: Span = Span(0.0, 2.2)
    """Standard deviation of the blur, in pixels of a picture with a short side of 320."""
    motion_px: Span = Span(0.0, 7.0)
    """Length of the motion blur, in pixels of a picture with a short side of 320."""
    noise: Span = Span(0.0, 0.04)
    """Standard deviation at mid grey, of white."""
    sharpening: Span = Span(0.0, 0.8)
    """Weight of the unsharp mask."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a rendering may vary; the default is the demo's, like cloth in web shops."""

    side_px: Span = Span(280.0, 400.0)
    """Height and width, drawn apart."""
    pattern: PatternSettings = field(default_factory=PatternSettings)
    cloth: ClothSettings = field(default_factory=ClothSettings)
    pose: PoseSettings = field(default_factory=PoseSettings)
    light: LightSettings = field(default_factory=LightSettings)
    sensor: SensorSettings = field(default_factory=SensorSettings)
