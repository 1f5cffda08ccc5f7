"""What decides the weights, beside the pictures: sizes, rates, and which pictures a step may draw from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Recipe:
    """The settings of a training run; the defaults are those of the shipped backbone."""

    steps: int = 3900
    first_cycle: int = 3000
    """Steps of the first cycle of rates; the second has the others."""
    batch: int = 128
    seed: int = 0
    rate: float = 3e-3
    weight_decay: float = 0.02
    warm_up: int = 100
    """Steps."""
    cooling: float = 0.33
    """Share of the first cycle over which the rate falls to 0, as a cosine."""
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
        """Warm up, stay, cool down; then once more from half the rate (warm restart: Loshchilov and Hutter, ICLR 2017)."""
        if step >= self.first_cycle:
            return self.rate / 2 * _cosine((self.steps - step) / (self.steps - self.first_cycle))
        if step < self.warm_up:
            return self.rate * (step + 1) / self.warm_up
        return self.rate * _cosine((1 - step / self.first_cycle) / self.cooling)

    def shards_at(self, step: int) -> int:
        """Count the shards that a step may draw from."""
        return min(self.shards, self.first_shards + int(step * self.shards_per_step))


def _cosine(left: float) -> float:
    """Fall from 1 to 0 while *left* falls from 1 to 0; 1 above."""
    return 0.5 - 0.5 * float(np.cos(np.pi * min(left, 1.0)))
