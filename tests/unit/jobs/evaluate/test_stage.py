"""The work of evaluate: figures, scores and a report."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from common.artifact import Artifact
from common.dataset import LEAVE_ONE_GROUP_OUT, TEST, TEST_SIDE, scores_of
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
    given = {"features": trained.features(store, rows, spread=spread), "dataset": trained.version(store, rows, scoring)}
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
