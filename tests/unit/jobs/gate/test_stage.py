"""The gate: both models on the same pictures, and a decision that a person can follow."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from common.artifact import Artifact
from common.dataset import Entry, rows_of
from common.store.memory import MemoryStore
from jobs.gate.stage import DECISION, Decision
from tests.support import trained
from tests.support.rooms import commit, defaults, run_step
from tests.support.scraped import snapshot_of

SETTINGS = defaults(train_cValues=[0.1], train_folds=3, gate_resamples=300, evaluate_resamples=100)


@pytest.fixture
def snapshot(memory: MemoryStore, folder: Path) -> Artifact:
    return snapshot_of(memory, folder)


def model(store: MemoryStore, rows: list[Entry], backbone: str = "tiny", **features: float) -> tuple[Artifact, Artifact]:
    """Return a trained model and the features that it was trained on."""
    made = trained.features(store, rows, **features)  # type: ignore[arg-type]
    given = {
        "features": made,
        "dataset": trained.version(store, rows),
        "backbone": trained.backbone(store, backbone),
        "curation": trained.curation(store, rows),
    }
    return run_step(store, "train", given, SETTINGS), made


def decided(
    store: MemoryStore, snapshot: Artifact, candidate: Artifact, incumbent: Artifact | None, features: Artifact, rows: list[Entry]
) -> Decision:
    inputs = {
        "candidate": candidate,
        "evaluation": commit(store, "evaluate", {}),
        "features": features,
        "dataset": trained.version(store, rows),
        "snapshot": snapshot,
    }
    if incumbent is not None:
        inputs["incumbent"] = incumbent
    made = run_step(store, "gate", inputs, SETTINGS)
    decision = msgspec.json.decode(made.read(DECISION), type=Decision)
    assert made.info["promote"] == decision.promote
    assert made.info["reason"] == decision.reason
    return decision


def test_the_first_model_passes(memory: MemoryStore, snapshot: Artifact) -> None:
    rows = trained.entries()
    candidate, features = model(memory, rows)
    assert decided(memory, snapshot, candidate, None, features, rows) == Decision(
        promote=True, reason="it is the first model of this dataset"
    )


def test_an_equal_model_passes(memory: MemoryStore, snapshot: Artifact) -> None:
    rows = trained.entries()
    candidate, features = model(memory, rows)
    decision = decided(memory, snapshot, candidate, candidate, features, rows)
    assert decision.promote
    assert decision.difference is not None
    assert decision.difference.value == 0
    assert decision.pictures == sum(1 for row in rows if row.side == "test")


def test_a_clearly_worse_model_is_refused_and_a_better_one_passes(memory: MemoryStore, snapshot: Artifact) -> None:
    rows = trained.entries(per_class=60)
    good, features = model(memory, rows)
    wrong = [msgspec.structs.replace(row, label=trained.CLASSES[(trained.CLASSES.index(row.label) + 1) % 3]) for row in rows]
    bad = run_step(
        memory,
        "train",
        {"features": features, "dataset": trained.version(memory, wrong), "backbone": trained.backbone(memory)},
        SETTINGS,
    )
    refused = decided(memory, snapshot, bad, good, features, rows)
    assert not refused.promote
    assert "the lower bound is below -2.0" in refused.reason
    assert decided(memory, snapshot, good, bad, features, rows).promote


def test_a_serving_model_on_another_backbone_sees_the_pictures_themselves(memory: MemoryStore, snapshot: Artifact) -> None:
    pictures = [row for row in rows_of(snapshot) if row.id]
    base = trained.entries(per_class=12, classes=("bars", "rows"))
    rows = [msgspec.structs.replace(entry, id=row.id, name=row.name) for entry, row in zip(base, pictures, strict=True)]
    candidate, features = model(memory, rows)
    incumbent, _ = model(memory, rows, backbone="another", seed=5)
    decision = decided(memory, snapshot, candidate, incumbent, features, rows)
    assert decision.pictures == sum(1 for row in rows if row.side == "test")
    assert decision.difference is not None


def test_a_class_that_the_serving_model_does_not_know_counts_against_it(memory: MemoryStore, snapshot: Artifact) -> None:
    rows = trained.entries(per_class=40)
    candidate, features = model(memory, rows, spread=0.2)
    two = [row for row in rows if row.label != "spots"]
    incumbent = run_step(
        memory,
        "train",
        {"features": features, "dataset": trained.version(memory, two), "backbone": trained.backbone(memory)},
        SETTINGS,
    )
    decision = decided(memory, snapshot, candidate, incumbent, features, rows)
    assert decision.difference is not None
    assert decision.difference.value == pytest.approx(1 / 3, abs=0.05)
