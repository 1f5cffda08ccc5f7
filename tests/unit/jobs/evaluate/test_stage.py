"""The work of evaluate: figures, scores and a report."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from common.artifact import Artifact
from common.dataset import LEAVE_ONE_GROUP_OUT, TEST, TEST_SIDE, TRAIN, scores_of
from common.store.memory import MemoryStore
from common.tables import read_matrix
from jobs.evaluate.stage import METRICS, PROBABILITY_MATRIX
from tests.support import trained
from tests.support.rooms import defaults, run_step
from tests.support.scraped import snapshot_of

SETTINGS = defaults(train_cValues=[0.1], train_folds=3, evaluate_resamples=200)


@pytest.fixture
def snapshot(memory: MemoryStore, folder: Path) -> Artifact:
    return snapshot_of(memory, folder)


def evaluated(store: MemoryStore, snapshot: Artifact, scoring: str = TEST_SIDE, spread: float = 2.5) -> Artifact:
    rows = trained.entries(per_class=40)
    given = {
        "features": trained.features(store, rows, spread=spread),
        "dataset": trained.version(store, rows, scoring),
        "curation": trained.curation(store, rows),
    }
    model = run_step(store, "train", {**given, "backbone": trained.backbone(store)}, SETTINGS)
    return run_step(store, "evaluate", {**given, "model": model, "snapshot": snapshot}, SETTINGS)


def test_only_the_test_side_is_scored(memory: MemoryStore, snapshot: Artifact) -> None:
    made = evaluated(memory, snapshot)
    scores = scores_of(made)
    assert {score.id for score in scores} == {row.id for row in trained.entries(per_class=40) if row.side == TEST}


def test_figures_follow_from_the_scores(memory: MemoryStore, snapshot: Artifact) -> None:
    made = evaluated(memory, snapshot)
    scores = scores_of(made)
    document = msgspec.json.decode(made.read(METRICS))
    accuracy = document["test"]["accuracy"]
    assert accuracy["value"] == pytest.approx(accuracy_score([one.label for one in scores], [one.predicted for one in scores]))
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]
    assert set(document["test"]) == {"accuracy", "class_average_accuracy", "macro_f1", "auc"}
    assert sum(map(sum, document["confusion"]["counts"])) == len(scores)
    assert made.info["metrics"]["test"]["accuracy"] == accuracy
    probabilities = read_matrix(made.read(PROBABILITY_MATRIX))
    np.testing.assert_allclose(probabilities.max(axis=1), [one.confidence for one in scores], rtol=1e-6)


def test_few_groups_are_scored_over_all_pictures(memory: MemoryStore, snapshot: Artifact) -> None:
    made = evaluated(memory, snapshot, LEAVE_ONE_GROUP_OUT)
    assert made.info["items"] == 120
    assert made.info["scoring"] == LEAVE_ONE_GROUP_OUT
    assert "whose group was left out of training" in made.read("report.html").decode()


def test_the_report_is_evidence_and_not_content(memory: MemoryStore, snapshot: Artifact) -> None:
    manifest = evaluated(memory, snapshot).manifest
    assert [part.name for part in manifest.evidence] == ["report.html"]
    assert "report.html" not in [part.name for part in manifest.content]


@pytest.mark.parametrize("classifier", ["dnn", "svmDnnRefined"])
def test_a_refined_network_is_scored_on_the_test_side_even_where_groups_are_few(
    classifier: str, memory: MemoryStore, snapshot: Artifact
) -> None:
    rows, settings = trained.entries(), defaults(classifier=classifier, evaluate_resamples=100)
    given = {
        "features": trained.features(memory, rows),
        "dataset": trained.version(memory, rows, LEAVE_ONE_GROUP_OUT),
        "curation": trained.curation(memory, rows),
    }
    chosen_on = [row.id for row in rows if row.side == TRAIN and row.group.endswith("g3")]
    weights = np.random.default_rng(0).normal(0, 1, (3, 12)).astype(np.float32)
    backbone = trained.refined_backbone(memory, weights, np.zeros(3, np.float32), chosen_on)
    model = run_step(memory, "train", {**given, "backbone": backbone}, settings)
    made = run_step(memory, "evaluate", {**given, "model": model, "snapshot": snapshot}, settings)
    assert made.info["scoring"] == TEST_SIDE
    assert {score.id for score in scores_of(made)} == {row.id for row in rows if row.side == TEST}
    page = made.read("report.html").decode()
    assert "original recipe, epoch 2 of 3 (chosen on validation pictures), trained by plain" in page
    assert ("on pictures that the network was not refined on" in page) == (classifier == "svmDnnRefined")


@pytest.mark.parametrize(("policy", "items"), [("report", 30), ("train", 30), ("all", 26)])
def test_every_figure_is_given_on_all_test_pictures_and_on_the_unsuspicious(
    policy: str, items: int, memory: MemoryStore, snapshot: Artifact
) -> None:
    rows, settings = trained.entries(per_class=40), defaults(curate=policy, train_cValues=[0.1], evaluate_resamples=100)
    tests = [row.id for row in rows if row.side == TEST]
    given = {
        "features": trained.features(memory, rows, spread=2.5),
        "dataset": trained.version(memory, rows),
        "curation": trained.curation(memory, rows, suspicious=tests[:4]),
    }
    model = run_step(memory, "train", {**given, "backbone": trained.backbone(memory)}, settings)
    made = run_step(memory, "evaluate", {**given, "model": model, "snapshot": snapshot}, settings)
    metrics = made.info["metrics"]
    assert made.info["items"] == items
    assert set(metrics) == {"test", "all", "unsuspicious"}
    assert metrics["test"] == metrics["unsuspicious" if policy == "all" else "all"]
    assert metrics["all"] != metrics["unsuspicious"]


def test_without_a_class_the_unsuspicious_pictures_have_no_figures_and_all_are_counted(memory: MemoryStore, snapshot: Artifact) -> None:
    rows, settings = trained.entries(), defaults(curate="all", train_cValues=[0.1], evaluate_resamples=100)
    given = {
        "features": trained.features(memory, rows),
        "dataset": trained.version(memory, rows),
        "curation": trained.curation(memory, rows, suspicious=[row.id for row in rows if row.label == "bars"]),
    }
    model = run_step(memory, "train", {**given, "backbone": trained.backbone(memory)}, settings)
    made = run_step(memory, "evaluate", {**given, "model": model, "snapshot": snapshot}, settings)
    assert made.info["metrics"]["unsuspicious"] is None
    assert made.info["metrics"]["test"] == made.info["metrics"]["all"]
