"""The face of a backend: one network in training, whatever library computes it.

The harness decides everything else (pictures, epochs, rates, what is kept), so that both
libraries follow one recipe and one progress, and a checkpoint is plain arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
State: TypeAlias = Mapping[str, Floats]


@dataclass(frozen=True)
class Settings:
    """What a backend must know before its first step."""

    classes: int
    seed: int
    momentum: float
    """v = momentum * v + gradient, w -= rate * v."""
    l2: float
    """Weight of the L2 penalty: l2 / 2 times the sum of squares of every weight that trains."""
    dropout: float
    frozen: bool
    """Train the head only; the rest computes as in prediction and keeps its momenta."""
    trunk_rate: float = 1.0
    """Rate of the layers that the backbone brings, relative to the head's."""
    depth_factor: float = 1.0
    """Rate of a layer, relative to the one after it (discriminative rates, by `network.depths`): 1 is one rate for all."""
    average: float = 0.0
    """Decay of the moving average of weights and statistics, which is then what predicts and is exported; 0 is none.
    After step t it decays by min(average, t / (t + 9)), so that it forgets the beginning soon."""
    threads: int = 1
    gpus: int = 0


@dataclass(frozen=True)
class Step:
    """What one minibatch said: sums, so that parts of a minibatch add up."""

    loss: float
    """Sum over the pictures of the cross entropy, in nats, without the penalty."""
    errors: int
    """Pictures whose likeliest class is not their target's."""
    pictures: int


class OutOfMemory(Exception):
    """The minibatch does not fit; the network is as it was before the step."""


class Backend(Protocol):
    """One network in training. Pictures are float32 (n, channels, h, w), what `Network.input` stands for.

    It is made of a network, its weights and the head's (`network.head`), and settings.
    """

    def step(self, pictures: Floats, targets: Floats, rate: float, parts: int = 1) -> Step:
        """Train on one minibatch; *targets* (n, classes) are probabilities; *parts* accumulates gradients over that many pieces.

        The loss is the mean over the minibatch. Raises OutOfMemory.
        """

    def predict(self, pictures: Floats) -> Floats:
        """Return logits (n, classes), as the exported weights give them."""

    def state(self) -> State:
        """Return all that going on needs: `weights/NAME`, `momenta/NAME`, `average/NAME`, and `steps`, how many were made."""

    def restore(self, state: State) -> None:
        """Go on where `state` was taken; averages that it lacks begin with the weights."""

    def weights(self) -> State:
        """Return the weights to export, by their names in the network (running statistics too), and the head's."""

    def close(self) -> None:
        """Give back what the backend holds."""
