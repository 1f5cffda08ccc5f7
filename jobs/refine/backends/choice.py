"""Which library trains, and on what."""

from __future__ import annotations

import importlib.util

from common.cntk import interpreter
from common.errors import BadInput
from jobs.refine.backends.base import Backend, Settings
from jobs.refine.backends.cntk import Cntk
from jobs.refine.network import Network, Weights


class NoBackend(BadInput):
    """No library that trains is set up."""


class NoGpu(BadInput):
    """A GPU is required and there is none."""


NAMES = ("torch", "cntk")


def available(name: str) -> bool:
    """Say whether a library is set up."""
    if name == "torch":
        return importlib.util.find_spec("torch") is not None
    return interpreter.is_there()


def choose(name: str) -> str:
    """Return the library to train with. Raises NoBackend."""
    found = [one for one in NAMES if name in (one, "auto") and available(one)]
    if found:
        return found[0]
    if name == "auto":
        raise NoBackend("Refining a network needs a library that trains, and none is set up here: `make torch` or `make cntk` brings one.")
    raise NoBackend(f"refine.backend={name} is not set up here: `make {name}` brings it.")


def gpus(name: str, wish: str, count: int) -> int:
    """Return how many GPUs to work with. Raises NoGpu."""
    if wish == "none":
        return 0
    there = _torch_gpus() if name == "torch" else 0
    if wish == "required" and there < count:
        raise NoGpu(
            f"refine.gpu=required with refine.gpuCount={count}, and {name} sees {there} GPU(s) here. On a cluster, `gpu` in the chart's "
            "values says where GPUs are and what they are called. Or use refine.gpu=preferred, which works on processors too."
        )
    return min(there, count)


def open_backend(name: str, network: Network, weights: Weights, settings: Settings) -> Backend:
    """Return a network in training by a library."""
    if name == "torch":
        from jobs.refine.backends.torch import Torch

        return Torch(network, weights, settings)
    return Cntk(network, weights, settings)


def _torch_gpus() -> int:
    from jobs.refine.backends.torch import gpus_there

    return gpus_there()
