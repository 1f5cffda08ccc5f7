"""`python -m jobs.pretrain FOLDER`: render and train side by side in FOLDER, then write the shipped backbone.

Stop it at any time; the next call goes on from the last checkpoint.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from jobs.pretrain.export import SHIPPED, export
from jobs.pretrain.pool import HELD_OUT, HELD_OUT_FIRST
from jobs.pretrain.recipe import Recipe
from jobs.pretrain.train import train


def main(folder: Path) -> None:
    """Make the backbone."""
    pool, run, recipe = folder / "pool", folder / "run", Recipe()
    render = [sys.executable, "-m", "jobs.pretrain.pool", str(pool)]
    subprocess.run([*render, str(HELD_OUT_FIRST), str(HELD_OUT)], check=True)
    renderer = subprocess.Popen([*render, "0", str(recipe.shards_at(recipe.steps))])
    try:
        train(recipe, pool, run)
    finally:
        renderer.terminate()
        renderer.wait()
    for path in export(run, SHIPPED):
        print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
