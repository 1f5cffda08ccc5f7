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
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from jobs.pretrain.network import Network
from jobs.pretrain.patterns import PATTERNS, kinds_of_families
from jobs.pretrain.pool import HELD_OUT, HELD_OUT_FIRST, SHARD, families_path, pixels_path
from jobs.pretrain.recipe import Recipe
from jobs.pretrain.scenes import SIDE

CURVE = ("step", "seconds", "rate", "loss", "held_out_loss", "family_accuracy", "kind_accuracy")


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

    def load(self, path: Path) -> None:
        """Go back to where a checkpoint was written."""
        saved: dict[str, Any] = torch.load(path, weights_only=True)
        self.network.load_state_dict(saved["network"])
        self.average.load_state_dict(saved["average"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.step, self.curve = saved["step"], saved["curve"]


def draw(recipe: Recipe, folder: Path, step: int) -> tuple[Tensor, Tensor]:
    """Draw one batch: half of it from the newest shards, augmented: (n, 3, side, side) from 0 to 1, and families (n,)."""
    rng = np.random.default_rng([recipe.seed, step])
    count = recipe.shards_at(step)
    newest = max(0, count - 48)
    chosen = [*rng.integers(newest, count, 8), *rng.integers(0, count, 8)]
    pictures, families = [], []
    for shard in chosen:
        rows = rng.choice(SHARD, recipe.batch // 16, replace=False)
        pictures.append(_open(folder, int(shard))[rows])
        families.append(np.load(families_path(folder, int(shard)))[rows])
    return _augment(rng, np.concatenate(pictures), recipe.side), torch.from_numpy(np.concatenate(families))


def _open(folder: Path, shard: int) -> NDArray[np.uint8]:
    path = pixels_path(folder, shard)
    while not path.exists():
        time.sleep(1)
    pixels: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return pixels


def _augment(rng: np.random.Generator, pixels: NDArray[np.uint8], side: int) -> Tensor:
    """Cut and scale, flip, swap colours, brighten, add noise."""
    whole = pixels.shape[1]
    cut = side if rng.random() < 0.5 else round(whole * float(rng.uniform(0.5, 1)))
    places = rng.integers(0, whole - cut + 1, (len(pixels), 2))
    pixels = np.stack([one[y : y + cut, x : x + cut] for one, (y, x) in zip(pixels, places, strict=True)])
    images = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))).float() / 255
    if cut != side:
        images = functional.interpolate(images, size=(side, side), mode="bilinear", antialias=True)
    if rng.random() < 0.5:
        images = images.flip(3)
    if rng.random() < 0.3:
        images = images.flip(2)
    if rng.random() < 0.3:
        images = images.transpose(2, 3)
    if rng.random() < 0.5:
        images = images[:, torch.from_numpy(rng.permutation(3))]
    images = images * torch.from_numpy(np.exp(rng.normal(0, 0.15, (len(pixels), 3, 1, 1)))).float()
    if rng.random() < 0.3:
        images = images + torch.from_numpy(rng.standard_normal(images.shape, dtype=np.float32)) * 0.02
    return images.clamp(0, 1).contiguous(memory_format=torch.channels_last)


def _loss(logits: Tensor, families: Tensor, kinds: Tensor, recipe: Recipe) -> Tensor:
    by_kind = torch.log((logits.softmax(1) @ kinds).clamp_min(1e-6))
    right_kind = kinds.argmax(1)[families]
    family = functional.cross_entropy(logits, families, label_smoothing=recipe.smoothing)
    return family + recipe.kind_weight * functional.nll_loss(by_kind, right_kind)


def train(recipe: Recipe, pool: Path, folder: Path, *, every: int = 100) -> None:
    """Train to the end, from the last checkpoint where *folder* has one; leave `weights.npz` and `curve.csv`."""
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(1)
    network = Network(len(PATTERNS)).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    progress = Progress(network, copy.deepcopy(network), optimiser, 0, [])
    checkpoint = folder / "checkpoint.pt"
    folder.mkdir(parents=True, exist_ok=True)
    if checkpoint.exists():
        progress.load(checkpoint)
    kinds, losses, started = torch.from_numpy(kinds_of_families()), [], time.monotonic()
    before = progress.curve[-1]["seconds"] if progress.curve else 0.0
    while progress.step < recipe.steps:
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate_at(progress.step)
        losses.append(_step(progress, recipe, pool, kinds))
        progress.step += 1
        if progress.step % every == 0 or progress.step == recipe.steps:
            row = {"step": progress.step, "seconds": round(before + time.monotonic() - started, 1)}
            row |= {"rate": recipe.rate_at(progress.step - 1), "loss": float(np.mean(losses))}
            row |= _measure(progress.average, pool, kinds, recipe)
            progress.curve.append(row)
            losses = []
            print(" ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)
            progress.save(checkpoint)
            _write(folder, progress)


def _step(progress: Progress, recipe: Recipe, pool: Path, kinds: Tensor) -> float:
    torch.manual_seed(recipe.seed * 1_000_003 + progress.step)
    images, families = draw(recipe, pool, progress.step)
    progress.network.train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = progress.network(images)
    loss = _loss(logits.float(), families, kinds, recipe)
    progress.optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(progress.network.parameters(), 2.0)
    progress.optimiser.step()
    keep = min(recipe.momentum, (progress.step + 1) / (progress.step + 20))
    with torch.no_grad():
        for mean, value in zip(progress.average.state_dict().values(), progress.network.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(value, 1 - keep)
            else:
                mean.copy_(value)
    return float(loss.item())


def _measure(network: Network, pool: Path, kinds: Tensor, recipe: Recipe) -> dict[str, float]:
    """Measure on pictures that are never trained on."""
    network.eval()
    logits, families = [], []
    edge = (SIDE - recipe.side) // 2
    with torch.no_grad():
        for shard in range(HELD_OUT_FIRST, HELD_OUT_FIRST + HELD_OUT):
            pixels = _open(pool, shard)[:, edge : edge + recipe.side, edge : edge + recipe.side]
            images = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))).float() / 255
            logits.append(network(images.contiguous(memory_format=torch.channels_last)))
            families.append(torch.from_numpy(np.load(families_path(pool, shard))))
    scores, truth = torch.cat(logits), torch.cat(families)
    right_kind = (scores.softmax(1) @ kinds).argmax(1) == kinds.argmax(1)[truth]
    return {
        "held_out_loss": float(functional.cross_entropy(scores, truth)),
        "family_accuracy": float((scores.argmax(1) == truth).float().mean()),
        "kind_accuracy": float(right_kind.float().mean()),
    }


def _write(folder: Path, progress: Progress) -> None:
    arrays = {name: value.detach().numpy() for name, value in progress.average.state_dict().items()}
    partial = folder / f".weights.{os.getpid()}.npz"
    np.savez(partial, **arrays)
    partial.rename(folder / "weights.npz")
    with (folder / "curve.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, CURVE)
        writer.writeheader()
        writer.writerows(progress.curve)
