"""A run's documents, and whether its driver lives."""

from __future__ import annotations

from pathlib import Path

import pytest

from common import records
from common.errors import UnknownRun
from common.records import Driver, State
from common.store.memory import MemoryStore
from jobs.controller import runs
from tests.support import whole


def state(driver: Driver | None, word: str = runs.RUNNING) -> bytes:
    return records.encode(State(state=word, driver=driver, started="", writer="w"))


def test_running_needs_a_live_process_with_its_own_start(memory: MemoryStore, folder: Path) -> None:
    run = whole.request(memory, folder)
    place = runs.state_key(run.run)
    me = runs.me()
    for driver, condition in [
        (me, runs.RUNNING),
        (Driver(host=me.host, pid=me.pid, started="another"), runs.INTERRUPTED),
        (Driver(host=me.host, pid=2**22 + 1, started="1"), runs.INTERRUPTED),
        (Driver(host="another machine", pid=1, started="1"), runs.RUNNING),
        (None, runs.INTERRUPTED),
    ]:
        memory.put(place, state(driver))
        assert runs.read(memory, run.run).condition == condition
    memory.put(place, state(None, runs.FAILED))
    assert runs.read(memory, run.run).condition == runs.FAILED
    memory.delete(place)
    assert runs.read(memory, run.run).condition == runs.INTERRUPTED


def test_an_unknown_run_gets_the_nearest_name(memory: MemoryStore, folder: Path) -> None:
    run = whole.request(memory, folder)
    with pytest.raises(UnknownRun, match=f"Did you mean '{run.run}'"):
        runs.read(memory, run.run[:-1])


def test_runs_are_listed_oldest_first_by_the_time_in_their_names(memory: MemoryStore) -> None:
    for dataset, name in (("b", "b-20260102-000000-000002"), ("a", "a-20260103-000000-000000"), ("b", "b-20260102-000000-000001")):
        memory.put(runs.index_key(dataset, name), b"")
    assert [name[:10] for _, name in runs.names(memory)] == ["b-20260102", "b-20260102", "a-20260103"]
    assert runs.before(memory, "b", "b-20260102-000000-000002") == ["b-20260102-000000-000001"]
    assert runs.before(memory, "b", "")[0] == "b-20260102-000000-000002"
