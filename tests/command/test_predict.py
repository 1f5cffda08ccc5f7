"""`darkroom predict` by the command: a folder, a list of URLs, object storage, wrong wishes, and a kill in the middle."""

from __future__ import annotations

import csv
import json
import signal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from common.store import Store, open_store
from tests.support import command, servers
from tests.support.buckets import Bucket
from tests.support.pictures import drawing, encode, make_folder
from tests.support.predicted import let_serve, rows
from tests.support.served import until
from tests.support.web import serve

PATIENCE_S = 60.0
SCORES = "artifacts/predict.score"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A store in which a model serves."""
    let_serve(open_store((tmp_path / "store").as_uri()))
    return tmp_path / "store"


def predict(place: Path, source: str | Path, *more: str, **environment: str) -> dict[str, Any]:
    done = command.run(place, "predict", str(source), *more, "--json", more=environment)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["state"] == "done"
    return document


def test_a_folder_becomes_a_table_and_one_document(place: Path, folder: Path, tmp_path: Path) -> None:
    (folder / "broken.png").write_bytes(b"no picture")
    document = predict(place, folder, "--threshold", "0", "--output", str(tmp_path / "out"))
    assert Path(document["predictions"]["parquet"]).is_file()
    assert (tmp_path / "out" / "predictions.csv").read_bytes() == Path(document["predictions"]["csv"]).read_bytes()
    with (tmp_path / "out" / "predictions.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 25
    assert [row["source"] for row in found if row["reason"]] == ["broken.png"]
    assert json.loads(command.run(place, "status", document["run"], "--json").stdout) == document
    listed = json.loads(command.run(place, "runs", "predict.mine", "--json").stdout)["runs"]
    assert [one["run"] for one in listed] == [document["run"]]
    told = command.run(place, "status").stdout
    assert "24 pictures scored by model" in told
    assert document["predictions"]["csv"] in told
    plan = json.loads(command.run(place, "predict", str(folder), "--threshold", "0", "--plan", "--json").stdout)["plan"]
    assert {line["fate"] for line in plan} == {"cached"}
    for words in (("logs", document["run"], "predict"), ("explain", document["run"]), ("render", document["run"], "predict")):
        assert command.run(place, *words).returncode == 0
    assert command.run(place, "get", document["run"], "predict", str(tmp_path / "got")).returncode == 0
    assert (tmp_path / "got" / "table" / "predictions.csv").is_file()


def test_a_killed_prediction_computes_only_the_shards_that_are_missing(place: Path, tmp_path: Path) -> None:
    source = make_folder(tmp_path / "pictures", {"bars": 12, "rows": 12})
    words = ("predict", str(source), "--set", "scrape.shardPictures=2", "--nodes", "1")
    running = command.start(place, *words, log=tmp_path / "log")
    until(lambda: list((place / SCORES).glob("*/manifest.json")), PATIENCE_S)
    running.send_signal(signal.SIGKILL)
    assert running.wait(PATIENCE_S) == -signal.SIGKILL
    until(lambda: not command.processes_of(place), PATIENCE_S)
    kept = {path.parent.name: path.stat().st_ino for path in (place / SCORES).glob("*/manifest.json")}
    assert 0 < len(kept) < 12
    (run,) = (path.name for path in (place / "datasets" / "predict.mine" / "runs").iterdir())
    done = command.run(place, "resume", run, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    after = {path.parent.name: path.stat().st_ino for path in (place / SCORES).glob("*/manifest.json")}
    assert len(after) == 13  # twelve shards, and all of them
    assert kept.items() <= after.items()
    assert len(rows(open_store(place.as_uri()), run)) == 24
    again = json.loads(command.run(place, *words, "--json").stdout)
    assert all(stage["cached"] for stage in again["stages"])
    assert [stage["content_digest"] for stage in again["stages"]] == [stage["content_digest"] for stage in document["stages"]]


def test_a_list_of_urls_is_scored_and_each_is_asked_for_once(place: Path, tmp_path: Path) -> None:
    with serve() as web:
        good = [web.put(f"/{number}.png", encode(drawing("bars", number))) for number in range(3)]
        broken, gone = web.put("/broken.png", b"no picture"), web.url("/gone.png")
        (tmp_path / "list.csv").write_text("\n".join([*good, broken, gone]))
        document = predict(place, tmp_path / "list.csv", **web.environment)
        assert predict(place, tmp_path / "list.csv", "--threshold", "0.9", **web.environment)["predictions"]["pictures"] == 3
        assert all(web.requests[f"/{number}.png"] == 1 for number in range(3))
    found = {row["source"]: row for row in rows(open_store(place.as_uri()), document["run"])}
    assert set(found) == {*good, broken, gone}
    assert all(found[url]["probability"] > 0 and not found[url]["reason"] for url in good)
    assert found[broken]["reason"] == "not a picture"
    assert "404" in found[gone]["reason"]
    assert document["predictions"]["refused"] == 2


def test_object_storage_is_scored_into_object_storage(versitygw_endpoint: str, place: Path, folder: Path, tmp_path: Path) -> None:
    pictures = Bucket(versitygw_endpoint)
    (folder / "top.png").write_bytes(encode(drawing("rows", 99)))
    pictures.fill(folder)
    name = f"store-{uuid4().hex[:12]}"
    servers.make_bucket(versitygw_endpoint, name)
    store: Store = open_store(f"s3://{name}/darkroom", versitygw_endpoint)
    let_serve(store)
    environment = {"DARKROOM_STORE": store.url, **pictures.environment}
    document = predict(place, pictures.url, "--output", str(tmp_path / "out"), **environment)
    assert document["predictions"]["csv"].startswith(store.url)
    assert len((tmp_path / "out" / "predictions.csv").read_text().splitlines()) == 26
    assert [row["source"] for row in rows(store, document["run"])][-1] == "top.png"
    here = predict(place, folder)
    assert [row["id"] for row in rows(open_store(place.as_uri()), here["run"])] == [row["id"] for row in rows(store, document["run"])]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("rendered",), 2, "'rendered' is not scored: give a folder"),
        (("nowhere",), 3, "nowhere does not exist"),
        ((".", "--model", "nothing"), 2, "There is no run or version 'nothing'"),
        ((".", "--dataset", "other"), 3, "No model of other serves"),
        ((".", "--set", "predict.treshold=1"), 2, "Did you mean 'predict.threshold'?"),
        ((".", "--threshold", "2"), 2, "not in the range"),
    ],
)
def test_wrong_wishes_are_answered_before_anything_runs(place: Path, words: tuple[str, ...], code: int, told: str, tmp_path: Path) -> None:
    make_folder(tmp_path / "here", {"bars": 1})
    done = command.run(place, "predict", *words, cwd=tmp_path / "here")
    assert (done.returncode, told in done.stderr) == (code, True), done.stderr
    assert not (place / "runs").exists()


def test_a_folder_of_nothing_but_broken_files_fails_and_says_so(place: Path, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "one.png").write_bytes(b"no picture")
    done = command.run(place, "predict", str(tmp_path / "bad"), "--output", str(tmp_path / "out"))
    assert done.returncode == 1
    assert "The source holds no usable picture; 1 were refused. The first: one.png" in done.stdout
    assert not (tmp_path / "out").exists()
