"""What a run did, for people and programs."""

from __future__ import annotations

from pathlib import Path

from common.store.memory import MemoryStore
from jobs.controller import graph, history, runs
from tests.support import whole


def test_a_finished_run_has_everything(memory: MemoryStore, folder: Path) -> None:
    known = whole.submit(memory, folder)
    document = history.document(memory, known)
    assert document["metrics"]["test"]["accuracy"]["value"] > 0.5
    assert document["model"]["promoted"] is True
    assert document["report"].endswith("report.html")
    assert [stage["state"] for stage in document["stages"]] == ["done"] * len(graph.load().stages)
    assert {stage["name"]: stage["items"] for stage in document["stages"]}["featurize"] == 24


def test_a_run_that_has_not_begun_has_nulls_and_no_guesses(memory: MemoryStore, folder: Path) -> None:
    run = whole.request(memory, folder)
    document = history.document(memory, runs.read(memory, run.run))
    assert document["state"] == "running"
    assert document["metrics"] == {"test": None}
    assert (document["model"], document["report"]) == (None, None)
    assert {stage["state"] for stage in document["stages"]} == {"waiting"}
    assert not any(stage["cached"] for stage in document["stages"])


def test_the_pace_of_earlier_runs_is_known_by_step(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    pace = history.pace(memory, "mine")
    assert pace["featurize"] > 0
    assert history.pace(memory, "another") == {}


def test_only_the_model_that_the_pointer_names_is_shown_as_serving(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    whole.submit(memory, folder, (*whole.SMALL, "svm_CVals=[100]", "gate.minDifference=-1"))
    documents = [history.document(memory, runs.read(memory, name)) for _, name in runs.names(memory)]
    assert sorted(row[5] for row in history.table(memory, documents)) == ["", "serves"]


def test_figures_are_written_with_their_interval() -> None:
    assert history.percent_interval({"value": 0.914, "low": 0.85, "high": 0.96}) == "91.4 % (85.0-96.0)"


def test_the_trend_is_a_bar_and_the_change_since_the_measured_run_before() -> None:
    assert history._trend(0.5, None) == "▅"
    assert history._trend(1.0, 0.9) == "█ +10.0"
    assert history._trend(0.0, 0.125) == "▁ -12.5"
