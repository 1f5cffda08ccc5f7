"""The work of train: one ONNX file with its card."""

from __future__ import annotations

import msgspec
import numpy as np

from common import model, records, refined
from common.artifact import Artifact
from common.dataset import HELD_OUT, HELD_OUT_IDS, LEAVE_ONE_GROUP_OUT, TEST_SIDE, TRAIN
from common.model import CARD_FILE, FEATURES, MODEL_FILE, PROBABILITIES, Card, Named
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
        "curation": trained.curation(store, rows),
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


CHOSEN_ON = ("g3", "g4")


def refined_inputs(store: MemoryStore, scoring: str = TEST_SIDE) -> dict[str, Artifact]:
    """Return a backbone with a head of its own, of which two groups of each class chose the epoch."""
    rows = trained.entries()
    weights = np.random.default_rng(4).normal(0, 1, (3, networks.DIMENSION)).astype(np.float32)
    chosen_on = [row.id for row in rows if row.side == TRAIN and row.group.endswith(CHOSEN_ON)]
    return {**inputs(store, scoring), "backbone": trained.refined_backbone(store, weights, np.array([0.1, 0, -0.1], np.float32), chosen_on)}


def test_a_network_that_classifies_itself_keeps_its_own_head_calibrated(memory: MemoryStore) -> None:
    given = refined_inputs(memory)
    made = run_step(memory, "train", given, defaults(classifier="dnn"))
    card = records.decode(made.read(CARD_FILE), Card, "card")
    pictures = np.random.default_rng(0).uniform(0, 1, (4, 3, networks.SIDE, networks.SIDE)).astype(np.float32)
    whole = model.load(made.read(MODEL_FILE), card)
    weights, bias = refined.head_of(given["backbone"])
    logits = (whole.run(pictures, FEATURES) @ weights.T + bias) / card.temperature
    likely = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(whole.run(pictures, PROBABILITIES), likely, atol=1e-5)
    assert card.name == "tiny + its own head"
    assert msgspec.json.decode(made.read("trials.json")) == []


def test_what_a_network_knows_by_name_counts_beside_its_own_head(memory: MemoryStore) -> None:
    """Its head says nothing; of the three features that its names stand for, each is high for one class."""
    rows = trained.entries()
    known = np.log(np.full((len(rows), 3), 0.1) + 0.7 * np.eye(3)[[trained.CLASSES.index(row.label) for row in rows]])
    vectors = np.hstack([known, np.zeros((len(rows), networks.DIMENSION - 3))]).astype(np.float32)
    silent, bias = np.zeros((3, networks.DIMENSION), np.float32), np.zeros(3, np.float32)
    names = tuple(Named((label,), (place,)) for place, label in enumerate(trained.CLASSES))
    chosen_on = [row.id for row in rows if row.side == TRAIN and row.group.endswith(CHOSEN_ON)]
    given = {
        **inputs(memory),
        "features": trained.sharded(memory, "featurize", rows, vectors),
        "backbone": trained.refined_backbone(memory, silent, bias, chosen_on, names),
    }
    made = run_step(memory, "train", given, defaults(classifier="dnn"))
    assert made.info["validation_class_average_accuracy"] == 1
    assert 1 < made.info["prior_share"] < 3
    head = model.Model(model.cut_head(made.read(MODEL_FILE), networks.DIMENSION))
    assert head.run(vectors, PROBABILITIES).argmax(axis=1).tolist() == [trained.CLASSES.index(row.label) for row in rows]


def test_the_temperature_of_a_network_comes_from_pictures_that_it_was_not_refined_on(memory: MemoryStore) -> None:
    given, rows = refined_inputs(memory), trained.entries()
    harmed = [row if row.side == TRAIN and row.group.endswith(CHOSEN_ON) else msgspec.structs.replace(row, label="bars") for row in rows]
    kept_classes = {**given, "dataset": trained.version(memory, harmed)}
    first, second = (run_step(memory, "train", one, defaults(classifier="dnn")) for one in (given, kept_classes))
    assert second.part(MODEL_FILE).sha256 == first.part(MODEL_FILE).sha256


def test_the_svm_on_a_refined_network_is_chosen_on_pictures_that_it_was_not_refined_on(memory: MemoryStore) -> None:
    """Those that it was refined on are as many points in one place for each class: cross-validation on them would be blind."""
    given = refined_inputs(memory)
    settings = defaults(classifier="svmDnnRefined", train_cValues=[0.0001, 0.1])
    made = run_step(memory, "train", given, settings)
    rows = trained.entries()
    swap = {"bars": "rows", "rows": "spots", "spots": "bars"}
    harmed = [
        msgspec.structs.replace(row, label=swap[row.label]) if row.side == TRAIN and row.group.endswith(CHOSEN_ON) else row for row in rows
    ]
    other = run_step(memory, "train", {**given, "dataset": trained.version(memory, harmed)}, settings)
    right, wrong = (msgspec.json.decode(one.read("trials.json")) for one in (made, other))
    assert right[1]["classAverageAccuracy"] > 0.9
    assert wrong[1]["classAverageAccuracy"] < 0.2
    assert made.info["c"] in (0.0001, 0.1)


def test_a_refined_network_is_not_scored_by_leaving_groups_out(memory: MemoryStore) -> None:
    for classifier in ("dnn", "svmDnnRefined"):
        made = run_step(memory, "train", refined_inputs(memory, LEAVE_ONE_GROUP_OUT), defaults(classifier=classifier))
        assert HELD_OUT not in made.names()


def test_what_curation_leaves_out_is_not_learnt_from(memory: MemoryStore) -> None:
    rows = trained.entries()
    out = [row.id for row in rows if row.side == TRAIN and row.label == "bars"][:6]
    less = {**inputs(memory), "curation": trained.curation(memory, rows, suspicious=out, left_out=out)}
    made = run_step(memory, "train", less, SETTINGS)
    gone = [row for row in rows if row.id not in out]
    expected = run_step(memory, "train", {**inputs(memory), "dataset": trained.version(memory, gone)}, SETTINGS)
    assert made.part(MODEL_FILE).sha256 == expected.part(MODEL_FILE).sha256
    assert made.part(MODEL_FILE).sha256 != run_step(memory, "train", inputs(memory), SETTINGS).part(MODEL_FILE).sha256


def test_what_curation_leaves_out_is_scored_all_the_same_where_groups_are_few(memory: MemoryStore) -> None:
    rows = trained.entries()
    out = [row.id for row in rows if row.side == TRAIN][:3]
    less = {**inputs(memory, LEAVE_ONE_GROUP_OUT), "curation": trained.curation(memory, rows, suspicious=out, left_out=out)}
    made = run_step(memory, "train", less, SETTINGS)
    assert msgspec.json.decode(made.read(HELD_OUT_IDS)) == [row.id for row in rows]
    assert read_matrix(made.read(HELD_OUT)).shape == (60, 3)
