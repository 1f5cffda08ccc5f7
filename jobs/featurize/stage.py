"""The work of featurize: decode, preprocess and run the backbone over one shard.

Batches are cut by position in the shard, and each goes through the network on one thread, so
the vectors do not depend on how many threads there are; the threads work on batches side by side.
So one decodes while another infers, and memory holds the shard's bytes and one batch for each thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from common import images, model, records, shards
from common.features import IDS, VECTORS
from common.images import Preprocessing
from common.model import CARD_FILE, FEATURES, MODEL_FILE, Card, Model
from common.records import canonical
from common.stage import StepFunction, Work
from common.tables import write_matrix


def featurize(work: Work) -> None:
    """Write one vector for each picture; content: float32 (n, d) and the ids in the same order."""
    backbone = work.inputs["backbone"]
    card = records.decode(backbone.read(CARD_FILE), Card, "the backbone's card")
    network = model.load(backbone.read(MODEL_FILE), card)
    pictures = list(shards.read_pictures(work.the_unit()))
    size = work.parameters.integer("featurize.batch")
    batches = [[data for _, data in pictures[start : start + size]] for start in range(0, len(pictures), size)]
    with ThreadPoolExecutor(work.threads) as pool:
        blocks = []
        for block in pool.map(lambda batch: _vectors(network, card.preprocessing, batch), batches):
            blocks.append(block)
            work.progress(min(len(blocks) * size, len(pictures)), len(pictures), "pictures")
    vectors = np.concatenate(blocks) if blocks else np.zeros((0, card.dimension), np.float32)
    work.out.write(VECTORS, write_matrix(vectors))
    work.out.write(IDS, canonical([entry.id for entry, _ in pictures]))
    work.out.info |= {"items": len(pictures)}


STEPS: Mapping[str, StepFunction] = {"featurize": featurize}


def _vectors(network: Model, how: Preprocessing, batch: list[bytes]) -> NDArray[np.float32]:
    pixels = np.stack([images.preprocess(images.decode(data), how) for data in batch])
    return network.run(pixels, FEATURES)
