"""Training with torch: on processors the same bytes each time, on GPUs in mixed precision with channels last.

Torch is imported here and nowhere else in the room, so that everything else works without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from common.errors import BadInput
from jobs.refine import network as networks
from jobs.refine.backends.base import Floats, OutOfMemory, Settings, State, Step
from jobs.refine.backends.torch_operators import compute
from jobs.refine.network import HEAD_BIAS, HEAD_WEIGHTS, Network, Weights


class Classifier(nn.Module):
    """The network and its head: pictures and masks on the features to logits. Names of ONNX become numbers, which torch allows."""

    def __init__(self, network: Network, weights: Weights, settings: Settings) -> None:
        super().__init__()
        trained = networks.trainable(network, weights)
        self.network, self.frozen = network, settings.frozen
        self.names: dict[str, str] = {}
        # Numbers of axes and shapes are read by the processor at each step, wherever the rest computes.
        self.whole = {name: _tensor(value) for name, value in weights.items() if value.dtype.kind != "f"}
        for name, value in weights.items():
            if name in self.whole:
                continue
            self.names[name] = f"value_{len(self.names)}"
            if name in trained.parameters or name in (HEAD_WEIGHTS, HEAD_BIAS):
                free = not settings.frozen or name in (HEAD_WEIGHTS, HEAD_BIAS)
                self.register_parameter(self.names[name], nn.Parameter(_tensor(value), requires_grad=free))
            else:
                self.register_buffer(self.names[name], _tensor(value))

    def value(self, name: str) -> Tensor:
        return getattr(self, self.names[name])

    def forward(self, pictures: Tensor, mask: Tensor | None = None) -> Tensor:
        constants = {**self.whole, **{name: self.value(name) for name in self.names}}
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            features = compute(self.network, constants, pictures, training=self.training and not self.frozen)
        kept = features if mask is None else features * mask
        return functional.linear(kept, constants[HEAD_WEIGHTS], constants[HEAD_BIAS])


class Torch:
    """A backend (`jobs.refine.backends.base`)."""

    def __init__(self, network: Network, weights: Weights, settings: Settings) -> None:
        torch.set_num_threads(settings.threads)
        if settings.gpus > torch.cuda.device_count():
            raise BadInput(f"{settings.gpus} GPUs were asked for, and torch sees {torch.cuda.device_count()}.")
        self._settings = settings
        self._device = torch.device("cuda" if settings.gpus else "cpu")
        self._model = Classifier(network, weights, settings).to(self._device, memory_format=torch.channels_last)
        self._runs: nn.Module = self._model
        if settings.gpus > 1:
            self._runs = nn.DataParallel(self._model, list(range(settings.gpus)))
        self._half = torch.bfloat16 if settings.gpus and torch.cuda.is_bf16_supported() else torch.float16
        self._scaler = torch.amp.GradScaler(enabled=bool(settings.gpus) and self._half == torch.float16)
        self._trained = networks.trainable(network, weights)
        self._parameters = {name: self._model.value(name) for name in (*self._trained.parameters, HEAD_WEIGHTS, HEAD_BIAS)}
        self._statistics = {name: self._model.value(name) for name in self._trained.statistics}
        self._factors = networks.rates(network, weights, settings.trunk_rate, settings.depth_factor)
        self._momenta = {name: torch.zeros_like(value) for name, value in self._parameters.items()}
        self._average = {name: value.detach().clone() for name, value in self._moving().items()} if settings.average else {}
        self._steps = 0

    def step(self, pictures: Floats, targets: Floats, rate: float, parts: int = 1) -> Step:
        before = {name: value.clone() for name, value in self._statistics.items()}
        try:
            step = self._gradients(pictures, targets, parts)
        except (RuntimeError, MemoryError) as error:
            self._model.zero_grad(set_to_none=True)
            for name, value in before.items():
                self._statistics[name].copy_(value)
            if not _is_out_of_memory(error):
                raise
        else:
            self._move(rate)
            return step
        if self._settings.gpus:
            torch.cuda.empty_cache()
        raise OutOfMemory

    def _gradients(self, pictures: Floats, targets: Floats, parts: int) -> Step:
        """Add up the gradients of the mean loss."""
        self._runs.train()
        self._model.zero_grad(set_to_none=True)
        masks = self._masks(len(pictures))
        loss, errors = 0.0, 0
        for rows in np.array_split(np.arange(len(pictures)), min(parts, len(pictures))):
            wanted = self._on_device(targets[rows])
            with self._mixed():
                logits = self._runs(self._on_device(pictures[rows]), None if masks is None else masks[rows].to(self._device))
            losses = -(wanted * functional.log_softmax(logits.float(), 1)).sum()
            self._scaler.scale(losses / len(pictures)).backward()
            loss += float(losses.detach())
            errors += int((logits.argmax(1) != wanted.argmax(1)).sum())
        return Step(loss=loss, errors=errors, pictures=len(pictures))

    def _masks(self, count: int) -> Tensor | None:
        """Return what features are multiplied with, a function of the seed and the number of the step."""
        if not self._settings.dropout:
            return None
        generator = torch.Generator().manual_seed(self._settings.seed * 1_000_003 + self._steps)
        kept = torch.rand(count, self._model.value(HEAD_WEIGHTS).shape[1], generator=generator) >= self._settings.dropout
        return kept.float() / (1 - self._settings.dropout)

    @torch.no_grad()
    def _move(self, rate: float) -> None:
        """Follow the gradients, with momentum and the L2 penalty; then let the averages follow."""
        undo = 1 / self._scaler.get_scale() if self._scaler.is_enabled() else 1.0
        moving = {name: value for name, value in self._parameters.items() if value.grad is not None}
        finite = undo == 1.0 or all(bool(value.grad.isfinite().all()) for value in moving.values())
        for name, value in moving.items() if finite else ():
            slope = torch.add(value.grad * undo, value, alpha=self._settings.l2)
            self._momenta[name].mul_(self._settings.momentum).add_(slope)
            value.sub_(self._momenta[name], alpha=rate * self._factors[name])
        if self._scaler.is_enabled():
            self._scaler.update(self._scaler.get_scale() * (1.0005 if finite else 0.5))
        self._steps += 1
        share = 1 - min(self._settings.average, self._steps / (self._steps + 9))
        for name, average in self._average.items():
            average.lerp_(self._moving()[name], share)

    @torch.no_grad()
    def predict(self, pictures: Floats) -> Floats:
        self._runs.eval()
        now = {name: value.clone() for name, value in self._moving().items()} if self._average else {}
        self._load(self._average)
        logits = self._model(self._on_device(pictures))
        self._load(now)
        return np.asarray(logits.float().cpu().numpy(), np.float32)

    def state(self) -> State:
        kept = {"weights": self._moving(), "momenta": self._momenta, "average": self._average}
        arrays = {f"{kind}/{name}": _array(value) for kind, values in kept.items() for name, value in values.items()}
        return {**arrays, "steps": np.asarray([self._steps], np.float32)}

    def restore(self, state: State) -> None:
        self._load({name: _tensor(state[f"weights/{name}"]) for name in self._moving()})
        for name, value in self._momenta.items():
            value.copy_(_tensor(state[f"momenta/{name}"]))
        for name, value in self._average.items():
            value.copy_(_tensor(state.get(f"average/{name}", state[f"weights/{name}"])))
        self._steps = int(state["steps"][0])

    def weights(self) -> State:
        return {name: _array(value) for name, value in (self._average or self._moving()).items()}

    def close(self) -> None:
        del self._runs, self._model
        self._parameters, self._statistics, self._momenta, self._average = {}, {}, {}, {}
        if self._settings.gpus:
            torch.cuda.empty_cache()

    def _moving(self) -> dict[str, Tensor]:
        """Return what training changes."""
        return {**self._parameters, **self._statistics}

    @torch.no_grad()
    def _load(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self._moving()[name].copy_(value)

    def _on_device(self, array: Floats) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        if tensor.ndim == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        return tensor.to(self._device, non_blocking=True)

    def _mixed(self) -> AbstractContextManager[Any]:
        mixed: AbstractContextManager[Any] = torch.autocast(self._device.type, dtype=self._half, enabled=bool(self._settings.gpus))
        return mixed


def _tensor(array: Any) -> Tensor:
    return torch.from_numpy(np.array(array))


def _array(value: Tensor) -> Floats:
    return np.array(value.detach().float().cpu().numpy(), np.float32)


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(words in str(error) for words in ("can't allocate memory", "not enough memory", "out of memory"))


def gpus_there() -> int:
    """Count the GPUs that torch can use."""
    return int(torch.cuda.device_count()) if torch.cuda.is_available() else 0
