"""Predictions in memory: which model is meant, what reruns after what, and that nothing of the dataset's own runs is touched."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common import artifact
from common.dataset import entries_of
from common.errors import BadParameters, Refused, UnknownName, Usage
from common.model import MODEL_FILE, version_of
from common.records import Run
from common.store.memory import MemoryStore
from common.tables import read_matrix
from jobs.controller import gc, graph, history, predicting, runs, submission, uploading
from jobs.controller.inprocess import spawn_in
from jobs.controller.predicting import Wish
from jobs.controller.processes import Process
from jobs.controller.runs import Known
from tests.support import predicted, served, whole
from tests.support.pictures import make_folder
from tests.support.predicted import let_serve

SMALL_SHARDS = ("scrape.shardPictures=8",)


def request(store: MemoryStore, source: Path, *sets: str, **said: str) -> Run:
    prepared = predicting.prepare(store, Wish(str(source), assignments=(*SMALL_SHARDS, *sets), **said))
    return submission.attach_or_create(store, prepared, 1)[0]


def predict(store: MemoryStore, source: Path, *sets: str, **said: str) -> Known:
    return whole.drive(store, request(store, source, *sets, **said))


def ran(known: Known) -> set[str]:
    return {step for step, record in known.records.items() if not record.cached}


def rows(store: MemoryStore, known: Known) -> list[dict[str, Any]]:
    return predicted.rows(store, known.run.run)


def test_a_folder_is_scored_by_the_model_that_serves(memory: MemoryStore, folder: Path) -> None:
    version = let_serve(memory)
    (folder / "broken.jpg").write_bytes(b"no picture")
    known = predict(memory, folder, "predict.threshold=0")
    assert (known.condition, known.run.dataset, known.run.trigger) == (runs.DONE, "predict.mine", "predict")
    assert known.run.run.startswith("predict-mine-")
    assert [row["source"] for row in rows(memory, known)] == sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    document = history.document(memory, known)
    assert [stage["name"] for stage in document["stages"]] == ["scrape", "predict"]
    assert (document["model"]["version"], document["metrics"]) == (version, {"test": None})
    assert document["reason"] == f"24 pictures scored by model {version}, 0 unknown, 1 refused"
    found = document["predictions"]
    assert (found["pictures"], found["unknown"], found["refused"], sum(found["labels"].values())) == (24, 0, 1, 24)
    assert memory.get(found["csv"].removeprefix(f"{memory.url}/")).data.startswith(b'"id","source","label"')


def test_the_dataset_s_own_runs_snapshots_and_pointer_are_left_alone(memory: MemoryStore, folder: Path) -> None:
    let_serve(memory)
    before = {key: memory.get(key).data for key in memory.snapshot() if key.startswith(("models/", "snapshots/", "datasets/"))}
    known = predict(memory, folder)
    after = {key: memory.get(key).data for key in memory.snapshot() if key.startswith(("models/", "snapshots/", "datasets/"))}
    assert after.keys() - before.keys() == {f"datasets/predict.mine/runs/{known.run.run}"}
    assert before.items() <= after.items()
    assert runs.names(memory, "mine") == []


def test_the_same_again_runs_nothing_and_another_threshold_the_table_alone(memory: MemoryStore, folder: Path) -> None:
    let_serve(memory)
    first = predict(memory, folder)
    assert ran(first) == {"scrape/list", "scrape/fetch", "scrape/snapshot", "predict/score", "predict/table"}
    assert ran(predict(memory, folder)) == set()
    surer = predict(memory, folder, "predict.threshold=1")
    assert ran(surer) == {"predict/table"}
    assert {row["label"] for row in rows(memory, surer)} == {"unknown"}


def test_another_model_fetches_nothing_and_new_pictures_score_only_their_shards(memory: MemoryStore, folder: Path) -> None:
    let_serve(memory)
    predict(memory, folder)
    let_serve(memory, 2)
    assert ran(predict(memory, folder)) == {"predict/score", "predict/table"}
    make_folder(folder, {"zigzags": 8})
    more = predict(memory, folder)
    assert (more.records["predict/score"].fresh, more.records["predict/score"].items) == (8, 32)


def test_the_model_that_a_run_began_with_scores_though_another_serves_meanwhile(memory: MemoryStore, folder: Path) -> None:
    version = let_serve(memory)
    run = request(memory, folder)
    let_serve(memory, 2)
    assert {row["version"] for row in rows(memory, whole.drive(memory, run))} == {version}


def test_a_prediction_whose_driver_died_goes_on_with_the_shards_that_are_missing(memory: MemoryStore, folder: Path) -> None:
    let_serve(memory)
    run = request(memory, folder)
    scored = 0

    def spawn(command: list[str], environment: Mapping[str, str]) -> Process:
        nonlocal scored
        if command[command.index("--plan") - 1] == "predict":
            scored += 1
            if scored == 2:
                raise KeyboardInterrupt
        return spawn_in(memory)(command, environment)

    with pytest.raises(KeyboardInterrupt):
        whole.drive(memory, run, spawn)
    assert sum(key.startswith("artifacts/predict.score/") and key.endswith("manifest.json") for key in memory.snapshot()) == 1
    known = whole.drive(memory, run)
    assert known.condition == runs.DONE
    assert (known.records["predict/score"].fresh, known.records["predict/score"].items) == (16, 24)
    assert len(rows(memory, known)) == 24


def test_scores_are_those_of_evaluate_and_of_serve_to_four_digits(memory: MemoryStore, folder: Path) -> None:
    trained = whole.submit(memory, folder)
    known = predict(memory, folder)
    by_id = {row["id"]: row for row in rows(memory, known)}
    refs = {step: record.ref for step, record in trained.records.items() if record.ref is not None}
    evaluated = read_matrix(artifact.read_ref(memory, refs["evaluate"]).read("probabilities.npy"))
    tests = [entry for entry in entries_of(artifact.read_ref(memory, refs["dedup/dataset"])) if entry.kept and entry.side == "test"]
    assert len(tests) == len(evaluated) > 0
    for entry, expected in zip(tests, evaluated, strict=True):
        np.testing.assert_allclose([by_id[entry.id][f"p_{name}"] for name in ("bars", "rows")], expected, atol=1e-4)
    with served.serving(memory, dataset="mine", unknown_under=0.5) as running:
        for row in list(by_id.values())[::6]:
            said = running.post("/classify", (folder / row["source"]).read_bytes(), {"Content-Type": "image/png"}).json
            assert (said["version"], said["label"]) == (row["version"], row["label"])
            assert {one["label"]: one["probability"] for one in said["top"]} == pytest.approx(
                {name: row[f"p_{name}"] for name in ("bars", "rows")}, abs=1e-4
            )


def test_a_run_and_a_version_name_a_model_that_does_not_serve(memory: MemoryStore, folder: Path) -> None:
    first = whole.submit(memory, folder)
    made = first.records["train"].ref
    assert made is not None
    let_serve(memory, 2)
    for name in (first.run.run, version_of(made)):
        assert predicting.choose(memory, model=name) == predicting.Candidate("mine", made)
        assert predicting.choose(memory, "mine", name).model == made
    with pytest.raises(Usage, match="is one of mine, not of other"):
        predicting.choose(memory, "other", first.run.run)
    with pytest.raises(UnknownName, match=r"no run or version 'nothing' of mine"):
        predicting.choose(memory, "mine", "nothing")


def test_a_model_that_served_before_is_known_by_its_version(memory: MemoryStore) -> None:
    first, second = let_serve(memory, 1), let_serve(memory, 2)
    assert [version_of(predicting.choose(memory, model=name).model) for name in (first, second)] == [first, second]
    with pytest.raises(UnknownName, match=rf"Did you mean '{second}'\?"):
        predicting.choose(memory, model=second[:-1])


def test_where_models_of_several_datasets_serve_one_must_be_named(memory: MemoryStore) -> None:
    version = let_serve(memory, 1, "one")
    let_serve(memory, 2, "two")
    with pytest.raises(Usage, match=r"There are models of one, two\. Say whose is to score: --dataset one"):
        predicting.choose(memory)
    assert version_of(predicting.choose(memory, "one").model) == version
    with pytest.raises(Refused, match=r"No model of twoo serves in .* Did you mean 'two'\?"):
        predicting.choose(memory, "twoo")


def test_without_a_model_there_is_no_run(memory: MemoryStore, folder: Path) -> None:
    with pytest.raises(Refused, match="`darkroom submit` makes one"):
        predicting.prepare(memory, Wish(str(folder)))
    assert not [key for key in memory.snapshot() if key.startswith("runs/")]


def test_a_model_of_which_something_is_lost_is_refused(memory: MemoryStore) -> None:
    version = let_serve(memory)
    (lost,) = (key for key in memory.snapshot() if key.startswith("artifacts/train/") and key.endswith(MODEL_FILE))
    memory.delete(lost)
    with pytest.raises(Refused, match=f"Model {version} of mine is no longer whole"):
        predicting.choose(memory)


@pytest.mark.parametrize("source", ["rendered", "digits", "openverse"])
def test_what_is_made_or_searched_is_not_scored(memory: MemoryStore, source: str) -> None:
    let_serve(memory)
    with pytest.raises(Usage, match=rf"'{source}' is not scored: give a folder"):
        predicting.prepare(memory, Wish(source))


def test_settings_of_training_are_no_settings_of_a_prediction(memory: MemoryStore, folder: Path) -> None:
    with pytest.raises(BadParameters, match=r"train\.folds"):
        predicting.prepare(memory, Wish(str(folder), assignments=("train.folds=3",)))


def test_a_folder_without_pictures_is_refused_by_name(memory: MemoryStore, tmp_path: Path) -> None:
    let_serve(memory)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(Refused, match=r"holds no pictures \(.*\)\. It holds 1 files of other formats"):
        predicting.prepare(memory, Wish(str(tmp_path)))


def test_a_prediction_in_the_list_keeps_its_model_from_being_collected(memory: MemoryStore, folder: Path) -> None:
    version = let_serve(memory)
    known = predict(memory, folder)
    let_serve(memory, 2)
    let_serve(memory, 3)
    gc.collect(memory, grace_s=0, uploads_grace_s=0)
    ref = known.run.frozen["model"]
    assert ref is not None
    assert version_of(ref) == version
    assert artifact.read_ref(memory, ref).read(MODEL_FILE)


def test_a_model_that_is_collected_before_the_run_is_in_the_list_is_missed(memory: MemoryStore, folder: Path) -> None:
    let_serve(memory)
    prepared = predicting.prepare(memory, Wish(str(folder)))
    for key in list(memory.snapshot()):
        if key.startswith("artifacts/train/"):
            memory.delete(key)
    with pytest.raises(Refused, match=r"was removed meanwhile\. Choose another"):
        submission.create(memory, prepared, 1)
    assert not [key for key in memory.snapshot() if key.startswith("runs/")]


def test_a_damaged_model_is_made_again_by_the_stage_that_made_it(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    run = request(memory, folder)
    ref = run.frozen["model"]
    assert ref is not None
    part = artifact.read_ref(memory, ref).part(MODEL_FILE)
    sound = memory.get(part.key).data
    memory.put(part.key, sound[:-1] + bytes([sound[-1] ^ 1]))
    known = whole.drive(memory, run)
    assert (known.condition, known.state.reason if known.state else "") == (runs.DONE, known.records["predict/table"].info["reason"])
    assert memory.get(part.key).data == sound


def test_the_forecast_says_what_is_there_and_what_would_run(memory: MemoryStore, folder: Path) -> None:
    let_serve(memory)
    predict(memory, folder)
    prepared = predicting.prepare(memory, Wish(str(folder), assignments=(*SMALL_SHARDS, "predict.threshold=0.9")))
    fates = {line.step: line.fate for line in predicting.forecast(memory, prepared)}
    assert [name for name, fate in fates.items() if fate == "runs"] == ["predict/table"]
    assert list(fates) == [step.name for _, step in graph.load(graph.PREDICTION).steps]


def test_the_table_is_written_to_a_folder(memory: MemoryStore, folder: Path, tmp_path: Path) -> None:
    let_serve(memory)
    run = request(memory, folder)
    with pytest.raises(Refused, match="it did not come so far"):
        predicting.write(memory, runs.read(memory, run.run), tmp_path / "out")
    paths = predicting.write(memory, whole.drive(memory, run), tmp_path / "out" / "deep")
    assert [path.name for path in paths] == ["predictions.parquet", "predictions.csv"]
    assert len((tmp_path / "out" / "deep" / "predictions.csv").read_text().splitlines()) == 25


def test_pods_score_what_was_sent_of_a_folder(memory: MemoryStore, folder: Path, tmp_path: Path) -> None:
    let_serve(memory)
    here = predict(memory, folder)
    store = MemoryStore()
    let_serve(store)
    prepared = uploading.send(store, predicting.prepare(store, Wish(str(folder), assignments=SMALL_SHARDS)))
    folder.rename(tmp_path / "elsewhere")
    there = whole.drive(store, submission.create(store, prepared, 1))
    assert there.condition == runs.DONE, there.state
    assert whole.digests(there) == whole.digests(here)
