"""Training: families and their kinds, on pictures that are rendered beside it; may be stopped and killed at any time.

Each step draws from random numbers of its own, so a run that was interrupted goes on as if it had
not been. A step waits for the shards that it may draw from, never for more, so the order of things
does not depend on how fast rendering is.
"""

from __future__ import annotations

import copy
import csv
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from jobs.pretrain.augment import augment
from jobs.pretrain.network import Network
from jobs.pretrain.patterns import PATTERNS, kinds_of_families
from jobs.pretrain.pool import HELD_OUT, HELD_OUT_FIRST, SHARD, Pool
from jobs.pretrain.recipe import Recipe
from jobs.pretrain.scenes import SIDE

CURVE = ("step", "seconds", "rate", "loss", "held_out_loss", "family_accuracy", "kind_accuracy")
MEASURED_SIDE = 112
"""At which pictures that are never trained on are seen, pixels."""


class Shards:
    """Pictures and families where the network is: all of a pool's that joined so far, (shards, SHARD, SIDE, SIDE, 3) uint8."""

    def __init__(self, pool: Pool, count: int, device: torch.device) -> None:
        self._pool, self._joined, self._device = pool, 0, device
        self._mapped: list[np.ndarray[Any, Any]] = []
        self._there = torch.empty((count if device.type == "cuda" else 0, SHARD, SIDE, SIDE, 3), dtype=torch.uint8, device=device)
        self._families = torch.zeros((count, SHARD), dtype=torch.int64)

    def draw(self, recipe: Recipe, step: int) -> tuple[Tensor, Tensor]:
        """Draw one batch from the shards that a step may draw from: (n, SIDE, SIDE, 3) uint8 and families (n,)."""
        rng = np.random.default_rng([recipe.seed, step])
        count = recipe.shards_at(step)
        self._join(count)
        shards = np.repeat(rng.integers(0, count, recipe.drawn), recipe.batch // recipe.drawn)
        rows = rng.integers(0, SHARD, recipe.batch)
        families = self._families[shards, rows].to(self._device)
        if self._device.type == "cuda":
            return self._there[torch.from_numpy(shards).to(self._device), torch.from_numpy(rows).to(self._device)], families
        return torch.from_numpy(np.stack([self._mapped[shard][row] for shard, row in zip(shards, rows, strict=True)])), families

    def _join(self, count: int) -> None:
        for shard in range(self._joined, count):
            pixels, families = self._pool.read(shard)
            self._families[shard] = torch.from_numpy(families)
            if self._device.type == "cuda":
                self._there[shard] = torch.from_numpy(np.array(pixels))
            else:
                self._mapped.append(pixels)
        self._joined = max(self._joined, count)


@dataclass
class Progress:
    """All that an interrupted run needs to go on."""

    network: Network
    average: Network
    optimiser: torch.optim.Optimizer
    step: int
    curve: list[dict[str, float]]

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        partial = path.with_suffix(".partial")
        parts = {"network": self.network, "average": self.average, "optimiser": self.optimiser}
        torch.save({name: part.state_dict() for name, part in parts.items()} | {"step": self.step, "curve": self.curve}, partial)
        partial.rename(path)

    def load(self, path: Path, device: torch.device) -> None:
        """Go back to where a checkpoint was written."""
        saved: dict[str, Any] = torch.load(path, weights_only=True, map_location=device)
        self.network.load_state_dict(saved["network"])
        self.average.load_state_dict(saved["average"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.step, self.curve = saved["step"], saved["curve"]

    def follow(self, keep: float) -> None:
        """Let the average follow the network."""
        with torch.no_grad():
            for mean, value in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
                if mean.dtype.is_floating_point:
                    mean.lerp_(value, 1 - keep)
                else:
                    mean.copy_(value)


def train(recipe: Recipe, pool: Pool, folder: Path, device: torch.device, *, every: int = 100) -> None:
    """Train to the end, from the last checkpoint where *folder* has one; leave `weights.npz` and `curve.csv`."""
    torch.manual_seed(recipe.seed)
    network = Network(len(PATTERNS)).to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay, fused=device.type == "cuda")
    progress = Progress(network, copy.deepcopy(network), optimiser, 0, [])
    checkpoint = folder / "checkpoint.pt"
    folder.mkdir(parents=True, exist_ok=True)
    if checkpoint.exists():
        progress.load(checkpoint, device)
    kinds, started = torch.from_numpy(kinds_of_families()).to(device), time.monotonic()
    shards, losses = Shards(pool, recipe.shards, device), torch.zeros((), device=device)
    before, since = progress.curve[-1]["seconds"] if progress.curve else 0.0, progress.step
    cores = len(os.sched_getaffinity(0))
    while progress.step < recipe.steps:
        torch.set_num_threads(max(1, cores - pool.busy()))
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate_at(progress.step)
        losses += _step(progress, recipe, shards, kinds)
        progress.step += 1
        if progress.step % every == 0 or progress.step == recipe.steps:
            row = {"step": progress.step, "seconds": round(before + time.monotonic() - started, 1)}
            row |= {"rate": recipe.rate_at(progress.step - 1), "loss": float(losses) / (progress.step - since)}
            row |= _measure(progress.average, pool, kinds)
            progress.curve.append(row)
            losses, since = torch.zeros_like(losses), progress.step
            print(" ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)
            progress.save(checkpoint)
            _write(folder, progress)


def _step(progress: Progress, recipe: Recipe, shards: Shards, kinds: Tensor) -> Tensor:
    torch.manual_seed(recipe.seed * 1_000_003 + progress.step)
    pixels, families = shards.draw(recipe, progress.step)
    images = augment(pixels, torch.Generator().manual_seed(recipe.seed * 1_000_003 + progress.step))
    progress.network.train()
    with torch.autocast(pixels.device.type, dtype=torch.bfloat16, enabled=_has_bfloat16(pixels.device)):
        logits = progress.network(images)
    loss = _loss(logits.float(), families, kinds, recipe)
    progress.optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(progress.network.parameters(), 2.0)
    progress.optimiser.step()
    progress.follow(min(recipe.momentum, (progress.step + 1) / (progress.step + 20)))
    return loss.detach()


def _has_bfloat16(device: torch.device) -> bool:
    """Say whether half as many bits are faster there: processors without the instructions take ten times as long."""
    return device.type == "cuda" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001 no public name says it


def _loss(logits: Tensor, families: Tensor, kinds: Tensor, recipe: Recipe) -> Tensor:
    by_kind = torch.log((logits.softmax(1) @ kinds).clamp_min(1e-6))
    right_kind = kinds.argmax(1)[families]
    family = functional.cross_entropy(logits, families, label_smoothing=recipe.smoothing)
    return family + recipe.kind_weight * functional.nll_loss(by_kind, right_kind)


def _measure(network: Network, pool: Pool, kinds: Tensor) -> dict[str, float]:
    """Measure on pictures that are never trained on."""
    network.eval()
    logits, families = [], []
    with torch.no_grad():
        for shard in range(HELD_OUT_FIRST, HELD_OUT_FIRST + HELD_OUT):
            pixels, truth = pool.read(shard)
            images = torch.from_numpy(np.array(pixels)).to(kinds.device).permute(0, 3, 1, 2).float() / 255
            seen = functional.interpolate(images, size=(MEASURED_SIDE, MEASURED_SIDE), mode="bilinear", antialias=True)
            logits.append(network(seen.contiguous(memory_format=torch.channels_last)))
            families.append(torch.from_numpy(truth).to(kinds.device))
    scores, right = torch.cat(logits), torch.cat(families)
    right_kind = (scores.softmax(1) @ kinds).argmax(1) == kinds.argmax(1)[right]
    return {
        "held_out_loss": float(functional.cross_entropy(scores, right)),
        "family_accuracy": float((scores.argmax(1) == right).float().mean()),
        "kind_accuracy": float(right_kind.float().mean()),
    }


def _write(folder: Path, progress: Progress) -> None:
    arrays = {name: value.detach().cpu().numpy() for name, value in progress.average.state_dict().items()}
    partial = folder / f".weights.{os.getpid()}.npz"
    np.savez(partial, **arrays)
    partial.rename(folder / "weights.npz")
    with (folder / "curve.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, CURVE)
        writer.writeheader()
        writer.writerows(progress.curve)
