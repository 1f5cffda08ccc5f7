"""The pictures on disk, in shards: rendered beside training, in order, and again only where one is missing.

`python -m jobs.pretrain.pool FOLDER FIRST LAST STRIDE` renders every STRIDE-th shard from FIRST on, before LAST.
A shard appears whole or not at all, so rendering may be stopped and killed at any time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from jobs.pretrain.scenes import picture

SHARD = 256
HELD_OUT_FIRST = 1_000_000
"""Shards from here on are never trained on."""
HELD_OUT = 8
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


class Pool:
    """The shards of a folder, which renderers may still be filling."""

    def __init__(self, folder: Path, renderers: list[subprocess.Popen[bytes]]) -> None:
        self.folder = folder
        self._renderers = renderers

    def busy(self) -> int:
        """Count the renderers that have not ended."""
        return sum(renderer.poll() is None for renderer in self._renderers)

    def read(self, shard: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return a shard's pictures and families, once they are there.

        Raises:
            RuntimeError: nobody is left who would render it.
        """
        path = pixels_path(self.folder, shard)
        while not path.exists():
            ended = [renderer.returncode for renderer in self._renderers if renderer.poll() is not None]
            if any(ended) or len(ended) == len(self._renderers):
                raise RuntimeError(
                    f"Rendering ended before shard {shard} was there (exit codes {ended}). See what it printed; run this again to go on."
                )
            time.sleep(0.2)
        return np.load(path, mmap_mode="r"), np.load(families_path(self.folder, shard))


@contextmanager
def rendering(folder: Path, shards: int, workers: int) -> Iterator[Pool]:
    """Render the shards to learn from, and those to measure on, in processes of their own while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    spans = [(HELD_OUT_FIRST, HELD_OUT_FIRST + HELD_OUT), (0, shards)]
    renderers = [_start(folder, first + worker, last, workers) for first, last in spans for worker in range(workers)]
    try:
        yield Pool(folder, renderers)
    finally:
        for renderer in renderers:
            renderer.terminate()
        for renderer in renderers:
            renderer.wait()


def _start(folder: Path, first: int, last: int, stride: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "jobs.pretrain.pool", str(folder), str(first), str(last), str(stride)]
    return subprocess.Popen(command)


def _write(path: Path, array: NDArray[Any]) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.npy")
    np.save(partial, array)
    partial.rename(path)


def main(arguments: list[str]) -> None:
    """Render the shards that the command line names."""
    cv2.setNumThreads(1)
    folder, (first, last, stride) = Path(arguments[0]), map(int, arguments[1:4])
    folder.mkdir(parents=True, exist_ok=True)
    for shard in range(first, last, stride):
        render_shard(folder, shard)


if __name__ == "__main__":
    main(sys.argv[1:])
