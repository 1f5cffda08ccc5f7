"""Refinement for real, 64 pixels and two epochs, with both libraries: what comes out is of the same kind, and repeats."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common import records, refined
from common.artifact import Artifact
from common.model import CARD_FILE, FEATURES, MODEL_FILE, Card, load
from common.store.memory import MemoryStore
from jobs.refine import stage
from jobs.refine.backends import choice
from tests.support.refinable import pattern_net, version_of
from tests.support.resnet18 import resnet18
from tests.support.rooms import defaults, run_step
from tests.support.scraped import snapshot_of

pytestmark = pytest.mark.usefixtures("cntk")
NETWORKS: dict[str, Callable[[], tuple[bytes, Card]]] = {"pattern-net": pattern_net, "resnet18": lambda: resnet18(64, width=16)}


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(stage, "shipped", lambda name: NETWORKS[request.param]())
    return str(request.param)


def run(folder: Path, library: str, **changed: object) -> Artifact:
    if not choice.available(library):
        pytest.skip(f"{library} is not set up: make {library}")
    store = MemoryStore()
    snapshot = snapshot_of(store, folder)
    settings = {"refine_epochs": 2, "refine_mbSize": 4, "refine_gpu": "none", "refine_lrPerMb": [0.002], "refine_backend": library}
    values = defaults(classifier="dnn", **{**settings, **changed})
    return run_step(store, "refine", {"snapshot": snapshot, "dataset": version_of(store, snapshot)}, values)


def curve(made: Artifact) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(made.read("curve.csv").decode())))


def test_both_libraries_have_the_same_curve_and_network(folder: Path, network: str) -> None:
    made = [run(folder, library, refine_dropoutRate=0.0, refine_lrPerMb=[0.0005]) for library in ("torch", "cntk")]
    for ours, theirs in zip(curve(made[0]), curve(made[1]), strict=True):
        for loss in ("train_loss", "validation_loss"):
            assert float(theirs[loss]) == pytest.approx(float(ours[loss]), abs=2e-2)
    shown = np.random.default_rng(0).random((2, 3, 64, 64), dtype=np.float32)
    cards = [records.decode(one.read(CARD_FILE), Card, "card") for one in made]
    features = [load(one.read(MODEL_FILE), card).run(shown, FEATURES) for one, card in zip(made, cards, strict=True)]
    np.testing.assert_allclose(features[1], features[0], atol=5e-2 * float(np.abs(features[0]).max()))
    np.testing.assert_allclose(refined.head_of(made[1])[0], refined.head_of(made[0])[0], atol=5e-3)


def test_cntk_refines_again_to_the_same_bytes(folder: Path, network: str) -> None:
    first, second = (run(folder, "cntk", refine_recipe="modern") for _ in range(2))
    assert first.manifest.digest == second.manifest.digest
    assert first.read("curve.csv") == second.read("curve.csv")
