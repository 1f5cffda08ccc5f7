"""A backend without a library: a head on a coarse look at the picture, in numpy. For tests of all that is around a backend."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from jobs.refine.backends.base import OutOfMemory, Settings, State, Step
from jobs.refine.network import HEAD_BIAS, HEAD_WEIGHTS, Network, Weights

Floats = NDArray[np.float32]


@dataclass
class Machine:
    """What a test wants of the backends that it opens, and what became of them."""

    room: int = 10**6
    """Pictures that fit into memory."""
    loses_its_way_at: int = 10**6
    """The step whose loss is no number."""
    opened: list[Settings] = field(default_factory=list)
    steps: list[tuple[int, int, float]] = field(default_factory=list)
    """Pictures, parts and rate of each."""
    before_step: list[object] = field(default_factory=list)
    """Called with nothing before the next steps, one each."""

    def open(self, name: str, network: Network, weights: Weights, settings: Settings) -> Plain:
        self.opened.append(settings)
        return Plain(self, weights, settings)


class Plain:
    """A backend (`jobs.refine.backends.base`)."""

    def __init__(self, machine: Machine, weights: Weights, settings: Settings) -> None:
        self._machine, self._settings = machine, settings
        self._fixed = {name: value for name, value in weights.items() if value.dtype == np.float32 and not name.startswith("head/")}
        self._head = {name: np.array(weights[name], np.float32) for name in (HEAD_WEIGHTS, HEAD_BIAS)}
        self._momenta = {name: np.zeros_like(value) for name, value in self._head.items()}
        self._steps = 0

    def step(self, pictures: Floats, targets: Floats, rate: float, parts: int = 1) -> Step:
        if self._machine.before_step:
            self._machine.before_step.pop(0)()  # type: ignore[operator]
        if -(-len(pictures) // parts) > self._machine.room:
            raise OutOfMemory
        self._machine.steps.append((len(pictures), parts, rate))
        features = self._features(pictures)
        logits = features @ self._head[HEAD_WEIGHTS].T + self._head[HEAD_BIAS]
        likely = np.exp(logits - logits.max(axis=1, keepdims=True))
        likely /= likely.sum(axis=1, keepdims=True)
        slopes = {HEAD_WEIGHTS: (likely - targets).T @ features / len(pictures), HEAD_BIAS: (likely - targets).mean(axis=0)}
        for name, slope in slopes.items():
            speed = self._settings.momentum * self._momenta[name] + slope + self._settings.l2 * self._head[name]
            self._momenta[name] = speed.astype(np.float32)
            self._head[name] = (self._head[name] - rate * speed).astype(np.float32)
        self._steps += 1
        loss = float(-(targets * np.log(likely + 1e-12)).sum()) if self._steps < self._machine.loses_its_way_at else float("nan")
        return Step(loss, int((logits.argmax(axis=1) != targets.argmax(axis=1)).sum()), len(pictures))

    def predict(self, pictures: Floats) -> Floats:
        logits = self._features(pictures) @ self._head[HEAD_WEIGHTS].T + self._head[HEAD_BIAS]
        return np.asarray(logits, np.float32)

    def state(self) -> State:
        kept = {"weights": self._head, "momenta": self._momenta}
        arrays = {f"{kind}/{name}": value.copy() for kind, values in kept.items() for name, value in values.items()}
        return {**arrays, "steps": np.asarray([self._steps], np.float32)}

    def restore(self, state: State) -> None:
        for kind, values in (("weights", self._head), ("momenta", self._momenta)):
            for name in values:
                values[name] = state[f"{kind}/{name}"]
        self._steps = int(state["steps"][0])

    def weights(self) -> State:
        return {**self._fixed, **self._head}

    def close(self) -> None:
        pass

    def _features(self, pictures: Floats) -> NDArray[np.float64]:
        """Look at how much neighbours differ, across and down."""
        across = np.abs(np.diff(pictures.astype(np.float64), axis=3)).mean(axis=(1, 2, 3))
        down = np.abs(np.diff(pictures.astype(np.float64), axis=2)).mean(axis=(1, 2, 3))
        look = np.stack([across, down], axis=1)
        return np.pad(look, ((0, 0), (0, self._head[HEAD_WEIGHTS].shape[1] - 2)))
