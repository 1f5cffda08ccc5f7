"""A refinement with torch, for real: killed in the middle it has the curve that it would have had, and three classifiers compare."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import command
from tests.support.pictures import make_folder

pytest.importorskip("torch", reason="torch is not set up: make torch")
pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="stage processes are found through /proc")

PATIENCE_S = 300.0
SETTINGS = (
    "scrape.shardPictures=32",
    "refine.epochs=2",
    "refine.mbSize=8",
    "refine.lrPerMb=[0.001]",
    "refine.gpu=none",
    "refine.threads=1",
)
SMALL = (*SETTINGS, "train.cValues=[0.1,1]", "train.folds=2", "evaluate.resamples=100", "gate.resamples=100")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("source") / "pictures", {"bars": 8, "rows": 8})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stores") / "store"


def submit(store: Path, pictures: Path, classifier: str) -> dict[str, Any]:
    words = ("submit", "mine", "--source", str(pictures), *command.sets((*SMALL, f"classifier={classifier}")), "--json")
    done = command.run(store, *words, timeout_s=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def refinement(store: Path, run: str, folder: Path) -> dict[str, bytes]:
    done = command.run(store, "get", run, "refine", str(folder))
    assert done.returncode == 0, done.stderr
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def has_checkpoint(store: Path) -> bool:
    return any((store / "artifacts" / "refine").rglob("pieces/*.json")) if (store / "artifacts" / "refine").exists() else False


def test_the_three_classifiers_of_one_dataset_compare(store: Path, pictures: Path) -> None:
    made = {classifier: submit(store, pictures, classifier) for classifier in ("svm", "dnn", "svmDnnRefined")}
    refine = {name: next(stage for stage in one["stages"] if stage["name"] == "refine") for name, one in made.items()}
    assert [refine[name]["cached"] for name in ("svm", "dnn", "svmDnnRefined")] == [False, False, True]
    done = command.run(store, "compare", *(one["run"] for one in made.values()), "--json")
    assert done.returncode == 0, done.stderr
    pairs = json.loads(done.stdout)["comparisons"]
    assert [pair["second"] for pair in pairs] == [made["dnn"]["run"], made["svmDnnRefined"]["run"]]
    assert all(pair["difference"]["low"] <= pair["difference"]["value"] <= pair["difference"]["high"] for pair in pairs)


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.full)])
def test_a_refinement_that_is_ended_goes_on_with_the_same_curve(number: int, store: Path, pictures: Path, tmp_path: Path) -> None:
    clean = refinement(store, submit(store, pictures, "dnn")["run"], tmp_path / "clean")
    other, log = tmp_path / "other", tmp_path / "log"
    running = command.start(other, "submit", "mine", "--source", str(pictures), *command.sets((*SMALL, "classifier=dnn")), log=log)
    until = time.monotonic() + PATIENCE_S
    while not has_checkpoint(other):
        assert running.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.01)
    (worker,) = command.workers_among(command.processes_of(other))
    os.kill(worker, number)
    assert running.wait(timeout=PATIENCE_S) == 0, log.read_text()
    (run,) = (path.name for path in (other / "datasets" / "mine" / "runs").iterdir())
    assert "going on after epoch" in command.run(other, "logs", run).stdout
    found = refinement(other, run, tmp_path / "ended")
    assert found == clean
