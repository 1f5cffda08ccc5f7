"""What a submit would do, said before it does it."""

from __future__ import annotations

from pathlib import Path

from common.store.memory import MemoryStore
from jobs.controller import act
from jobs.controller.forecast import CACHED, DEPENDS, RUNS
from tests.support import whole
from tests.support.pictures import make_folder


def fates(store: MemoryStore, folder: Path, *more: str) -> dict[str, str]:
    return {line.step: line.fate for line in act.forecast(store, "mine", str(folder), [*whole.SMALL, *more])}


def test_a_first_run_does_what_it_can_tell(memory: MemoryStore, folder: Path) -> None:
    found = fates(memory, folder)
    assert (found["scrape/list"], found["refine"]) == (RUNS, RUNS)
    assert found["train"] == DEPENDS


def test_a_forecast_writes_nothing_but_the_probe(memory: MemoryStore, folder: Path) -> None:
    fates(memory, folder)
    assert all(key.startswith("probe/") for key in memory.snapshot())


def test_after_a_run_everything_is_cached_and_a_change_is_named(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    assert set(fates(memory, folder).values()) == {CACHED}
    lines = {line.step: line for line in act.forecast(memory, "mine", str(folder), [*whole.SMALL, "train.folds=3"])}
    assert (lines["featurize"].fate, lines["train"].fate, lines["gate"].fate) == (CACHED, RUNS, DEPENDS)
    assert "parameter train.folds: 2 -> 3" in str(lines["train"])
    assert lines["train"].seconds is not None


def test_new_pictures_are_foreseen_at_the_source(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    make_folder(folder, {"bars": 3}, start=77)
    lines = {line.step: line for line in act.forecast(memory, "mine", str(folder), whole.SMALL)}
    assert lines["scrape/list"].fate == RUNS
    assert "input listing" in lines["scrape/list"].why


def test_missing_shards_are_counted(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    line = next(line for line in act.forecast(memory, "mine", str(folder), [*whole.SMALL, "featurize.batch=3"]) if line.step == "featurize")
    assert (line.missing, line.of) == (3, 3)
    assert "3 of 3 shards" in str(line)


def test_the_forecast_comes_true(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    sets = (*whole.SMALL, "evaluate.resamples=120")
    expected = {line.step for line in act.forecast(memory, "mine", str(folder), sets) if line.fate == CACHED}
    known = whole.submit(memory, folder, sets)
    assert expected <= {step for step, record in known.records.items() if record.cached}
