"""Whole runs by the command, with real processes and a folder store."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import command
from tests.support.pictures import make_folder
from tests.support.whole import ONE_SHARD

STAGES = ["scrape", "dedup", "refine", "featurize", "curate", "train", "evaluate", "gate"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("source") / "pictures", {"bars": 12, "rows": 12})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    """A store with one finished run."""
    place = tmp_path_factory.mktemp("stores") / "store"
    done = command.run(place, "submit", "mine", "--source", str(pictures), *command.sets(ONE_SHARD), "--json")
    assert done.returncode == 0, done.stderr
    (place.parent / "first.json").write_text(done.stdout)
    return place


def submit(store: Path, pictures: Path, *more: str) -> dict[str, Any]:
    done = command.run(store, "submit", "mine", "--source", str(pictures), *command.sets(ONE_SHARD), *more, "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def cached(document: dict[str, Any]) -> list[str]:
    return [stage["name"] for stage in document["stages"] if stage["cached"]]


def test_submit_prints_one_json_document_with_the_contract_s_keys(store: Path) -> None:
    document = json.loads((store.parent / "first.json").read_text())
    assert document["state"] == "done"
    assert [stage["name"] for stage in document["stages"]] == STAGES
    for stage in document["stages"]:
        assert set(stage) >= {"name", "state", "cached", "seconds", "items", "items_per_s", "retries", "reason", "content_digest"}
        assert stage["state"] == "done"
    for name in ("accuracy", "class_average_accuracy", "macro_f1", "auc"):
        figure = document["metrics"]["test"][name]
        assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
    assert set(document["model"]) >= {"digest", "version", "promoted", "reason"}
    assert document["model"]["promoted"] is True
    assert Path(document["report"]).suffix == ".html"
    assert Path(document["report"]).is_file()


def test_status_prints_the_same_document(store: Path) -> None:
    first = json.loads((store.parent / "first.json").read_text())
    assert json.loads(command.run(store, "status", first["run"], "--json").stdout) == first
    assert json.loads(command.run(store, "status", "mine", "--json").stdout) == first


def test_again_everything_is_cached_within_seconds(store: Path, pictures: Path) -> None:
    started = time.monotonic()
    document = submit(store, pictures)
    assert cached(document) == STAGES
    assert time.monotonic() - started < 60  # a bound on a hang, not a measurement


def test_another_grid_reruns_train_evaluate_and_gate(store: Path, pictures: Path) -> None:
    document = submit(store, pictures, "--set", "svm_CVals=[0.2,2]")
    assert cached(document) == STAGES[:5]
    plan = json.loads(
        command.run(
            store, "submit", "mine", "--source", str(pictures), *command.sets(ONE_SHARD), "--set", "svm_CVals=[0.3]", "--plan", "--json"
        ).stdout
    )["plan"]
    fates = {line["step"]: line for line in plan}
    assert fates["featurize"]["fate"] == "cached"
    assert fates["train"]["fate"] == "runs"
    assert "parameter train.cValues" in fates["train"]["why"]
    assert fates["evaluate"]["fate"] == "depends"
    explained = command.run(store, "explain", document["run"], "train").stdout
    assert "ran: parameter train.cValues: [0.1, 1.0] -> [0.2, 2.0]" in explained


@pytest.mark.full  # in one process: tests/unit/jobs/controller/test_drive.py; as pods: tests/cluster
def test_one_worker_and_four_from_empty_stores_give_equal_content(tmp_path: Path, pictures: Path) -> None:
    one = submit(tmp_path / "one", pictures, "--nodes", "1", "--set", "scrape.shardPictures=8")
    four = submit(tmp_path / "four", pictures, "--nodes", "4", "--set", "scrape.shardPictures=8")
    assert [stage["content_digest"] for stage in one["stages"]] == [stage["content_digest"] for stage in four["stages"]]
    assert one["model"]["digest"] == four["model"]["digest"]
    assert one["metrics"] == four["metrics"]


def test_logs_files_report_and_jobs_can_be_had(store: Path, tmp_path: Path) -> None:
    run = json.loads((store.parent / "first.json").read_text())["run"]
    assert "it is the first model" in command.run(store, "logs", run, "gate").stdout
    assert command.run(store, "get", run, "train", str(tmp_path / "files")).returncode == 0
    assert {path.name for path in (tmp_path / "files").iterdir()} == {"model.onnx", "card.json", "trials.json"}
    assert command.run(store, "report", run, "--output", str(tmp_path / "r.html")).returncode == 0
    assert "<h1>Right on" in (tmp_path / "r.html").read_text()
    jobs = command.run(store, "render", run, "featurize").stdout
    assert "kind: Job" in jobs
    assert "completionMode: Indexed" in jobs


def test_runs_are_listed_with_what_serves(store: Path, pictures: Path) -> None:
    submit(store, pictures)
    lines = command.run(store, "runs", "mine").stdout.splitlines()
    assert lines[0].split() == ["RUN", "BY", "STATE", "ACCURACY", "TREND", "REASON"]
    assert any("serves" in line for line in lines)


def test_a_pipe_gets_plain_lines_and_stdout_stays_clean(tmp_path: Path, pictures: Path) -> None:
    done = command.run(tmp_path / "s", "submit", "mine", "--source", str(pictures), *command.sets(ONE_SHARD), "--json")
    json.loads(done.stdout)
    assert "\x1b[" not in done.stderr
    assert "train      done" in done.stderr


def test_ctrl_c_cancels_and_resume_goes_on(tmp_path: Path, pictures: Path) -> None:
    store, log = tmp_path / "s", tmp_path / "log"
    running = command.start(store, "submit", "mine", "--source", str(pictures), *command.sets(ONE_SHARD), log=log)
    _wait(lambda: list(store.glob("runs/*/stages/scrape.list.json")))
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=60) == 1, log.read_text()
    run = next(iter((store / "datasets" / "mine" / "runs").iterdir())).name
    assert json.loads(command.run(store, "status", run, "--json").stdout)["state"] == "cancelled"
    _wait(lambda: not command.processes_of(store))
    done = command.run(store, "resume", run, "--json")
    assert json.loads(done.stdout)["state"] == "done", done.stderr


def test_cancel_from_elsewhere_ends_a_run(tmp_path: Path, pictures: Path) -> None:
    store, log = tmp_path / "s", tmp_path / "log"
    running = command.start(store, "submit", "mine", "--source", str(pictures), *command.sets(ONE_SHARD), log=log)
    _wait(lambda: list(store.glob("datasets/mine/runs/*")))
    run = next(iter((store / "datasets" / "mine" / "runs").iterdir())).name
    assert "is cancelled" in command.run(store, "cancel", run).stdout
    assert running.wait(timeout=60) == 1
    assert "has ended already" in command.run(store, "cancel", run).stdout


def test_a_killed_run_is_interrupted_and_never_shown_as_running(tmp_path: Path, pictures: Path) -> None:
    store, log = tmp_path / "s", tmp_path / "log"
    running = command.start(store, "submit", "mine", "--source", str(pictures), *command.sets(ONE_SHARD), log=log)
    _wait(lambda: list(store.glob("runs/*/stages/scrape.list.json")))
    assert json.loads(command.run(store, "status", "--json").stdout)["state"] == "running"
    running.kill()
    running.wait()
    assert json.loads(command.run(store, "status", "--json").stdout)["state"] == "interrupted"
    run = next(iter((store / "datasets" / "mine" / "runs").iterdir())).name
    assert "is cancelled" in command.run(store, "cancel", run).stdout


def test_a_second_submit_of_the_same_request_attaches(tmp_path: Path, pictures: Path) -> None:
    store, log = tmp_path / "s", tmp_path / "log"
    running = command.start(store, "submit", "mine", "--source", str(pictures), *command.sets(ONE_SHARD), log=log)
    _wait(lambda: list(store.glob("requests/*.json")))
    document = submit(store, pictures)
    assert running.wait(timeout=60) == 0
    assert len(list((store / "datasets" / "mine" / "runs").iterdir())) == 1
    assert document["state"] == "done"


def test_two_submits_at_once_of_different_requests_share_what_they_can(tmp_path: Path, pictures: Path) -> None:
    store = tmp_path / "s"
    asked = [("train.cValues=[0.1,1]", "evaluate.resamples=100"), ("train.cValues=[1]", "evaluate.resamples=110")]
    running = [
        command.start(store, "submit", "mine", "--source", str(pictures), *command.sets([*ONE_SHARD, *sets]), log=tmp_path / f"log{number}")
        for number, sets in enumerate(asked)
    ]
    assert [one.wait(timeout=120) for one in running] == [0, 0], [(tmp_path / f"log{number}").read_text() for number in range(2)]
    one, two = (
        {stage["name"]: stage["content_digest"] for stage in json.loads(command.run(store, "status", path.name, "--json").stdout)["stages"]}
        for path in (store / "datasets" / "mine" / "runs").iterdir()
    )
    shared = ("scrape", "dedup", "refine", "featurize")
    assert [one[name] for name in shared] == [two[name] for name in shared]
    assert one["train"] != two["train"]
    for step in ("scrape.list", "scrape.snapshot", "dedup.dataset", "refine"):
        assert len(list((store / "artifacts" / step).iterdir())) == 1, step


def test_a_damaged_run_is_left_out_of_the_list_and_named(tmp_path: Path, pictures: Path) -> None:
    store = tmp_path / "s"
    good = submit(store, pictures)["run"]
    bad = submit(store, pictures)["run"]
    state = store / "runs" / bad / "state.json"
    state.write_bytes(state.read_bytes().replace(b'"done"', b'"dome"'))
    listed = command.run(store, "runs", "mine")
    assert good in listed.stdout
    assert bad not in listed.stdout
    assert f"{bad} is left out" in listed.stderr
    assert "damaged" in listed.stderr


def _wait(condition: Any) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
