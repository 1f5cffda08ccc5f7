"""The pictures on disk, in shards: rendered beside training, in order, and again only where one is missing.

`python -m jobs.pretrain.pool FOLDER FIRST COUNT` renders shards FIRST to FIRST + COUNT - 1. A shard
appears whole or not at all, so rendering may be stopped and killed at any time.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from jobs.pretrain.scenes import picture

SHARD = 256
HELD_OUT_FIRST = 1_000_000
"""Shards from here on are never trained on."""
HELD_OUT = 4
"""How many of them training is measured on."""


def pixels_path(folder: Path, shard: int) -> Path:
    """Return the file of a shard's pictures, (SHARD, SIDE, SIDE, 3) uint8 RGB."""
    return folder / f"{shard:07d}.npy"


def families_path(folder: Path, shard: int) -> Path:
    """Return the file of a shard's families, (SHARD,) int64; it is there when the pictures are."""
    return folder / f"{shard:07d}.families.npy"


def render_shard(folder: Path, shard: int) -> None:
    """Render a shard unless it is there."""
    if pixels_path(folder, shard).exists():
        return
    made = [picture(number) for number in range(shard * SHARD, (shard + 1) * SHARD)]
    _write(families_path(folder, shard), np.array([family for _, family in made], np.int64))
    _write(pixels_path(folder, shard), np.stack([pixels for pixels, _ in made]))


def _write(path: Path, array: NDArray[Any]) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.npy")
    np.save(partial, array)
    partial.rename(path)


def main(arguments: list[str]) -> None:
    """Render the shards that the command line names."""
    cv2.setNumThreads(1)
    folder, first, count = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    folder.mkdir(parents=True, exist_ok=True)
    for shard in range(first, first + count):
        render_shard(folder, shard)


if __name__ == "__main__":
    main(sys.argv[1:])
