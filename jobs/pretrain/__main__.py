"""`python -m jobs.pretrain FOLDER`: render and train side by side in FOLDER, then write the shipped backbone.

Stop it at any time; the next call goes on from the last checkpoint. A GPU is used where there is one.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path

import torch

from jobs.pretrain.export import SHIPPED, export
from jobs.pretrain.pool import rendering
from jobs.pretrain.recipe import Recipe
from jobs.pretrain.train import train


def main() -> None:
    """Make the backbone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--to", type=Path, default=SHIPPED, help="where the backbone goes")
    for name in ("steps", "shards", "batch"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Recipe, name), help="of the recipe (default: %(default)s)")
    asked = parser.parse_args()
    recipe = dataclasses.replace(Recipe(), steps=asked.steps, shards=asked.shards, batch=asked.batch)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    workers = max(1, len(os.sched_getaffinity(0)) - 1)
    with rendering(asked.folder / "pool", recipe.shards, workers) as pool:
        train(recipe, pool, asked.folder / "run", device)
    for path in export(asked.folder / "run", asked.to):
        print(path)


if __name__ == "__main__":
    main()
