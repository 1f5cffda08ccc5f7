"""What decides the weights, beside the pictures: sizes, rates, and which pictures a step may draw from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Recipe:
    """The settings of a training run; the defaults are those of the shipped backbone."""

    steps: int = 3000
    batch: int = 128
    seed: int = 0
    rate: float = 3e-3
    weight_decay: float = 0.02
    warm_up: int = 100
    """Steps."""
    cooling: float = 0.33
    """Share of the steps over which the rate falls to 0, as a cosine."""
    smoothing: float = 0.05
    kind_weight: float = 0.5
    shards: int = 700
    first_shards: int = 60
    """Shards that the first step may draw from."""
    shards_per_step: float = 0.12
    """Shards that join at each step."""
    side: int = 112
    momentum: float = 0.998
    """Of the moving average of the weights, which is what is kept."""

    def rate_at(self, step: int) -> float:
        """Warm up, stay, cool down."""
        if step < self.warm_up:
            return self.rate * (step + 1) / self.warm_up
        left = min(1.0, (1 - step / self.steps) / self.cooling)
        return self.rate * (0.5 - 0.5 * float(np.cos(np.pi * left)))

    def shards_at(self, step: int) -> int:
        """Count the shards that a step may draw from."""
        return min(self.shards, self.first_shards + int(step * self.shards_per_step))
