"""A network over the pictures of a shard: how featurize and predict turn pictures into a model's outputs, many at once.

Batches are cut by position in the shard, and each goes through the network on one thread, so
the outputs do not depend on how many threads there are; the threads work on batches side by side.
So one decodes while another infers, and memory holds the shard's bytes and one batch for each thread.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from common import images, model, records, shards
from common.features import write_vectors
from common.images import Preprocessing
from common.model import CARD_FILE, FEATURES, MODEL_FILE, Card, Model

if TYPE_CHECKING:
    from common.artifact import Artifact, Parts
    from common.model import Matrix
    from common.progress import Reporter
    from common.stage import Work


@dataclass(frozen=True)
class Network:
    """A loaded network and its card."""

    model: Model
    card: Card


def read(artifact: Artifact) -> Network:
    """Return the network that an artifact holds. Raises BadInput."""
    card = records.decode(artifact.read(CARD_FILE), Card, "the model's card")
    return Network(model.load(artifact.read(MODEL_FILE), card), card)


def write_outputs(work: Work, network: Network, output: str, size: int) -> None:
    """Write one output for each picture of the step's shard; content: float32 (n, d) and the ids in the same order."""
    ids, rows = run_shard(network, output, work.the_unit(), size, work.threads, work.progress)
    write_vectors(work.out, ids, rows)
    work.out.info |= {"items": len(ids)}


def run_shard(network: Network, output: str, shard: Parts, size: int, threads: int, progress: Reporter) -> tuple[list[str], Matrix]:
    """Return the ids of a shard's pictures and one output for them, float32 (n, d), in its order; `size` pictures make a batch."""
    pictures = list(shards.read_pictures(shard))
    batches = [[data for _, data in pictures[start : start + size]] for start in range(0, len(pictures), size)]
    blocks: list[Matrix] = []
    with ThreadPoolExecutor(threads) as pool:
        for block in pool.map(lambda batch: network.model.run(_pixels(network.card.preprocessing, batch), output), batches):
            blocks.append(block)
            progress(min(len(blocks) * size, len(pictures)), len(pictures), "pictures")
    width = network.card.dimension if output == FEATURES else len(network.card.classes)
    return [entry.id for entry, _ in pictures], np.concatenate(blocks) if blocks else np.zeros((0, width), np.float32)


def _pixels(how: Preprocessing, batch: list[bytes]) -> Matrix:
    return np.stack([images.preprocess(images.decode(data), how) for data in batch])
