"""The work of train: one ONNX file with its card."""

from __future__ import annotations

import msgspec
import numpy as np

from common import model, records
from common.artifact import Artifact
from common.dataset import HELD_OUT, HELD_OUT_IDS, LEAVE_ONE_GROUP_OUT, TEST_SIDE, TRAIN
from common.model import CARD_FILE, FEATURES, MODEL_FILE, PROBABILITIES, Card
from common.store.memory import MemoryStore
from common.tables import read_matrix
from tests.support import networks, trained
from tests.support.rooms import defaults, run_step

SETTINGS = defaults(train_cValues=[0.01, 0.1, 1.0], train_folds=3)


def inputs(store: MemoryStore, scoring: str = TEST_SIDE) -> dict[str, Artifact]:
    rows = trained.entries()
    return {
        "features": trained.features(store, rows),
        "dataset": trained.version(store, rows, scoring),
        "backbone": trained.backbone(store),
    }


def test_the_model_goes_from_picture_to_probabilities(memory: MemoryStore) -> None:
    made = run_step(memory, "train", inputs(memory), SETTINGS)
    card = records.decode(made.read(CARD_FILE), Card, "card")
    whole = model.load(made.read(MODEL_FILE), card)
    pictures = np.random.default_rng(0).uniform(0, 1, (4, 3, networks.SIDE, networks.SIDE)).astype(np.float32)
    probabilities = whole.run(pictures, PROBABILITIES)
    assert probabilities.shape == (4, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert whole.run(pictures, FEATURES).shape == (4, networks.DIMENSION)


def test_the_card_says_how_to_use_it_and_how_it_came_to_be(memory: MemoryStore) -> None:
    given = inputs(memory)
    made = run_step(memory, "train", given, SETTINGS)
    card = records.decode(made.read(CARD_FILE), Card, "card")
    assert (card.kind, card.classes, card.preprocessing.resolution) == ("classifier", trained.CLASSES, networks.SIDE)
    assert card.backbone == given["backbone"].manifest.digest
    assert card.training["train.cValues"] == [0.01, 0.1, 1.0]
    assert made.info["c"] in (0.01, 0.1, 1.0)
    assert [trial["c"] for trial in msgspec.json.decode(made.read("trials.json"))] == [0.01, 0.1, 1.0]


def test_the_test_side_has_no_influence(memory: MemoryStore) -> None:
    rows = trained.entries()
    harmed = [msgspec.structs.replace(row, label="bars") if row.side != TRAIN else row for row in rows]
    given = inputs(memory)
    first = run_step(memory, "train", given, SETTINGS)
    second = run_step(memory, "train", {**given, "dataset": trained.version(memory, harmed)}, SETTINGS)
    assert second.part(MODEL_FILE).sha256 == first.part(MODEL_FILE).sha256


def test_few_groups_are_scored_by_leaving_them_out(memory: MemoryStore) -> None:
    made = run_step(memory, "train", inputs(memory, LEAVE_ONE_GROUP_OUT), SETTINGS)
    scores = read_matrix(made.read(HELD_OUT))
    ids = msgspec.json.decode(made.read(HELD_OUT_IDS))
    assert scores.shape == (60, 3)
    assert ids == [row.id for row in trained.entries()]
    assert HELD_OUT not in run_step(memory, "train", inputs(memory), SETTINGS).names()


def test_training_again_gives_the_same_bytes() -> None:
    digests = {run_step(store, "train", inputs(store), SETTINGS).manifest.digest for store in (MemoryStore(), MemoryStore())}
    assert len(digests) == 1


def test_another_grid_gives_another_artifact_even_where_the_same_c_wins(memory: MemoryStore) -> None:
    given = inputs(memory)
    first = run_step(memory, "train", given, defaults(train_cValues=[1.0], train_folds=3))
    second = run_step(memory, "train", given, defaults(train_cValues=[1.0, 1.0], train_folds=3))
    assert first.info["c"] == second.info["c"]
    assert first.manifest.digest != second.manifest.digest
