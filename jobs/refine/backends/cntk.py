"""Training with CNTK 2.7, the library of the original, on processors: a backend whose work is done by a worker in Python 3.6."""

from __future__ import annotations

from dataclasses import asdict

import msgspec
import numpy as np

from common.cntk.interpreter import ANSWER_S, Failed, Memory, Worker
from common.errors import BadInput, BadParameters
from jobs.refine.backends.base import Floats, OutOfMemory, Settings, State, Step
from jobs.refine.network import Network, Weights, rates


class Cntk:
    """One network in training (`base.Backend`)."""

    def __init__(self, network: Network, weights: Weights, settings: Settings, *, memory_bytes: int = 0, seconds: float = ANSWER_S) -> None:
        """Start the worker and build the network in it.

        *memory_bytes* is what the worker may take (0: all there is), *seconds* the longest that a step may last.

        Raises:
            BadParameters: a GPU is asked for; this CNTK has no code for those of today.
            BadInput: CNTK is not set up here, or cannot build the network.
        """
        if settings.gpus:
            raise BadParameters("CNTK computes on processors only here; for a GPU set refine.backend=torch.")
        factors = rates(network, weights, settings.trunk_rate, settings.depth_factor)
        self._worker = Worker("training", threads=settings.threads, memory_bytes=memory_bytes, seconds=seconds)
        words = {"network": msgspec.to_builtins(network), "factors": factors, "settings": asdict(settings)}
        try:
            self._worker.ask("build", weights, **words)
        except (Failed, Memory) as error:
            self._worker.close()
            raise BadInput(f"CNTK cannot build this network: {error}") from error

    def step(self, pictures: Floats, targets: Floats, rate: float, parts: int = 1) -> Step:
        given = {"pictures": _floats(pictures), "targets": _floats(targets)}
        try:
            return Step(**self._worker.ask("step", given, rate=rate, parts=parts))
        except Memory as error:
            raise OutOfMemory(str(error)) from error
        except Failed as error:
            raise BadInput(f"CNTK cannot train on these pictures: {error}") from error

    def predict(self, pictures: Floats) -> Floats:
        try:
            self._worker.ask("predict", {"pictures": _floats(pictures)})
        except Memory as error:
            raise OutOfMemory(str(error)) from error
        except Failed as error:
            raise BadInput(f"CNTK cannot look at these pictures: {error}") from error
        return self._worker.fetch("logits")["logits"]

    def state(self) -> State:
        return self._worker.fetch("state")

    def restore(self, state: State) -> None:
        self._worker.ask("restore", {name: np.asarray(value) for name, value in state.items()})

    def weights(self) -> State:
        return self._worker.fetch("weights")

    def close(self) -> None:
        self._worker.close()


def _floats(values: Floats) -> Floats:
    return np.ascontiguousarray(values, np.float32)
