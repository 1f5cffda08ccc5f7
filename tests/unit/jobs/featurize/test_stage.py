"""The work of featurize: one vector for each picture, whatever the number of threads."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from common import images, model, records, shards
from common.artifact import Artifact
from common.features import IDS, VECTORS
from common.model import CARD_FILE, FEATURES, MODEL_FILE, Card
from common.store.memory import MemoryStore
from common.tables import read_matrix
from tests.support import trained
from tests.support.rooms import defaults, run_step
from tests.support.scraped import snapshot_of


@pytest.fixture
def inputs(memory: MemoryStore, folder: Path) -> dict[str, Artifact]:
    return {"snapshot": snapshot_of(memory, folder, shard_pictures=24), "backbone": trained.backbone(memory)}


def featurized(store: MemoryStore, inputs: dict[str, Artifact], batch: int = 5, threads: int = 1) -> Artifact:
    return run_step(store, "featurize", inputs, defaults(featurize_batch=batch), inputs["snapshot"].units[0], threads=threads)


def test_vectors_are_the_network_s_answer_to_the_preprocessed_picture(memory: MemoryStore, inputs: dict[str, Artifact]) -> None:
    made = featurized(memory, inputs)
    card = records.decode(inputs["backbone"].read(CARD_FILE), Card, "card")
    network = model.load(inputs["backbone"].read(MODEL_FILE), card)
    pictures = list(shards.read_pictures(inputs["snapshot"].units[0]))
    expected = [network.run(images.preprocess(images.decode(data), card.preprocessing)[None], FEATURES)[0] for _, data in pictures]
    np.testing.assert_allclose(read_matrix(made.read(VECTORS)), expected, atol=1e-6)
    assert msgspec.json.decode(made.read(IDS)) == [entry.id for entry, _ in pictures]


def test_the_number_of_threads_does_not_change_a_bit(memory: MemoryStore, inputs: dict[str, Artifact]) -> None:
    one = featurized(memory, inputs, threads=1).read(VECTORS)
    store = MemoryStore(memory.snapshot())
    assert featurized(store, inputs, threads=4).read(VECTORS) == one


def test_progress_reaches_the_number_of_pictures(memory: MemoryStore, inputs: dict[str, Artifact]) -> None:
    assert featurized(memory, inputs).info["items"] == 24
