"""What decides the weights, beside the pictures: sizes, rates, and which pictures a step may draw from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Recipe:
    """The settings of a training run. What the shipped backbone was trained with stands on its card."""

    steps: int = 7_000
    batch: int = 128
    seed: int = 0
    rate: float = 3e-3
    weight_decay: float = 0.02
    warm_up: int = 200
    """Steps."""
    cooling: float = 0.4
    """Share of the steps over which the rate falls to 0, as a cosine."""
    smoothing: float = 0.05
    kind_weight: float = 0.5
    shards: int = 480
    first_shards: int = 60
    """Shards that the first step may draw from."""
    complete: float = 0.75
    """Share of the steps after which all shards have joined."""
    drawn: int = 16
    """Shards that a batch is drawn from."""
    momentum: float = 0.999
    """Of the moving average of the weights, which is what is kept."""

    def rate_at(self, step: int) -> float:
        """Warm up, stay, cool down."""
        if step < self.warm_up:
            return self.rate * (step + 1) / self.warm_up
        left = min(1.0, (1 - step / self.steps) / self.cooling)
        return self.rate * (0.5 - 0.5 * float(np.cos(np.pi * left)))

    def shards_at(self, step: int) -> int:
        """Count the shards that a step may draw from."""
        joined = (self.shards - self.first_shards) * step / (self.complete * self.steps)
        return min(self.shards, self.first_shards + int(joined))
