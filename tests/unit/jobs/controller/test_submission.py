"""From a request to a run: what is frozen, and what two submits at once come to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common import artifact, edits, records
from common.errors import Refused
from common.records import Edit, Run, State
from common.store.memory import MemoryStore
from jobs.controller import graph, runs, settings, submission
from tests.support import whole
from tests.support.pictures import make_folder

STEPS = graph.load()


def prepared(store: MemoryStore, folder: Path, *sets: str) -> submission.Prepared:
    return submission.prepare(store, STEPS, "mine", settings.read(STEPS, "mine", sets, str(folder)))


def test_a_refused_request_leaves_nothing_but_the_probe(memory: MemoryStore, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        prepared(memory, make_folder(tmp_path / "one", {"bars": 3}))
    assert memory.snapshot() == {}


def test_what_the_run_may_see_is_frozen_before_the_run_is_written(memory: MemoryStore, folder: Path) -> None:
    edits.append(memory, Edit(dataset="mine", image="x", action="exclude"))
    run = submission.create(memory, prepared(memory, folder), nodes=2)
    for name in ("listing", "edits"):
        ref = run.frozen[name]
        assert ref is not None
        assert artifact.read_ref(memory, ref).names()
    assert run.frozen["previous"] is None
    assert records.decode(memory.get(runs.run_key(run.run)).data, Run, "run") == run
    assert runs.names(memory, "mine") == [("mine", run.run)]


def test_the_same_request_is_the_same_digest_and_any_change_is_another(memory: MemoryStore, folder: Path) -> None:
    base = submission.request_digest(prepared(memory, folder))
    assert submission.request_digest(prepared(memory, folder)) == base
    assert submission.request_digest(prepared(memory, folder, "train.folds=3")) != base
    edits.append(memory, Edit(dataset="mine", image="x", action="exclude"))
    assert submission.request_digest(prepared(memory, folder)) != base


def test_a_request_asked_again_stands_on_the_same_snapshot(memory: MemoryStore, folder: Path) -> None:
    first = whole.submit(memory, folder)
    again = prepared(memory, folder, *whole.SMALL)
    assert (again.previous, again.number) == (None, 1)
    make_folder(folder, {"bars": 2}, start=50)
    grown = prepared(memory, folder, *whole.SMALL)
    assert grown.previous == first.records["scrape/snapshot"].ref


def test_a_live_run_is_attached_to_and_a_finished_one_is_not(memory: MemoryStore, folder: Path) -> None:
    request = prepared(memory, folder)
    run, new = submission.attach_or_create(memory, request, 1)
    assert new
    assert submission.attach_or_create(memory, request, 1) == (run, False)
    place = runs.state_key(run.run)
    memory.put(place, records.encode(State(state=runs.DONE, driver=None, started="", writer="w")))
    other, new = submission.attach_or_create(memory, request, 1)
    assert new
    assert other.run != run.run


def test_of_many_submits_at_once_one_makes_the_run_and_all_attach_to_it(memory: MemoryStore, folder: Path) -> None:
    request = prepared(memory, folder)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: submission.attach_or_create(memory, request, 1), range(16)))
    assert len({run.run for run, _ in answers}) == 1
    assert sum(new for _, new in answers) == 1
    assert len(runs.names(memory, "mine")) == 1


def test_a_damaged_answer_to_a_request_is_written_anew(memory: MemoryStore, folder: Path) -> None:
    request = prepared(memory, folder)
    submission.attach_or_create(memory, request, 1)
    place = next(key for key in memory.snapshot() if key.startswith("requests/"))
    memory.put(place, memory.get(place).data[:-20])
    run, new = submission.attach_or_create(memory, request, 1)
    assert new
    assert submission.attach_or_create(memory, request, 1) == (run, False)


def test_a_run_s_name_is_fit_for_a_label() -> None:
    for dataset in ("fashionTexture", "A_b-C", "x" * 63, "9"):
        name = submission.name_at(dataset, datetime.now(UTC))
        assert len(name) <= 52
        assert name == name.lower()
        assert name[0].isalnum()
        assert "_" not in name
