"""kill -9 at every store and process call of a 24-picture run, enumerated.

Every few calls in `make test`, every one in `make test-full`. What a kill leaves behind is the
store as it was after the last write, so the run is recorded once with the store's state at every
call; from each state that differs, a new driver goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from common import artifact, records
from common.records import Manifest, Run
from common.store import Object
from common.store.faults import Call, FaultyStore, When, raise_at
from common.store.memory import MemoryStore
from jobs.controller import pointer, runs
from jobs.controller.inprocess import Finished, spawn_in
from jobs.controller.processes import Process
from jobs.controller.runs import Known
from tests.support import whole

State = dict[str, Object]


@dataclass
class Recording:
    """A clean run: its result, every call with the state of the store before and after, the spawns."""

    known: Known
    calls: list[str] = field(default_factory=list)
    states: list[tuple[str, State]] = field(default_factory=list)
    spawns: list[tuple[State, list[str], Mapping[str, str], int]] = field(default_factory=list)
    end: State = field(default_factory=dict)


def record(folder: Path) -> Recording:
    inner = MemoryStore()
    calls: list[str] = []
    states: list[tuple[str, State]] = []
    spawns: list[tuple[State, list[str], Mapping[str, str], int]] = []

    def note(name: str) -> None:
        calls.append(name)
        state = inner.snapshot()
        if not states or states[-1][1] != state:
            states.append((name, state))

    def script(call: Call, when: When) -> None:
        note(f"{when} {call.verb} {call.key}")

    store = FaultyStore(inner, script)

    def spawn(command: list[str], environment: Mapping[str, str]) -> Process:
        note("before spawn")
        before, started = inner.snapshot(), len(store.calls)
        process = spawn_in(store)(command, environment)
        note("after spawn")
        spawns.append((before, command, environment, len(store.calls) - started))
        return Noted(process)

    class Noted:
        def __init__(self, process: Process) -> None:
            self._process = process

        def poll(self) -> int | None:
            note("poll")
            return self._process.poll()

        def terminate(self) -> None:
            note("terminate")

        def kill(self) -> None:
            note("kill")

        def wait(self) -> int:
            return self._process.wait()

    run = whole.request(store, folder)
    known = whole.drive(store, run, spawn)
    return Recording(known, calls, states, spawns, inner.snapshot())


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    from tests.support.pictures import make_folder

    return record(make_folder(tmp_path_factory.mktemp("kills") / "pictures", {"bars": 12, "rows": 12}))


def check_like_the_clean_run(store: MemoryStore, known: Known, clean: Recording, where: str) -> None:
    assert known.condition == runs.DONE, (where, known.state)
    assert whole.digests(known) == whole.digests(clean.known), where
    state = store.snapshot()
    assert artifacts(state) == artifacts(clean.end), where
    assert parts(state) == named_parts(state), where
    assert [key for key in state if key.startswith("snapshots/")] == ["snapshots/mine/000001.json"], where
    held = pointer.read(store, "mine").pointer
    assert held is not None
    assert (held.sequence, held.model.digest) == (1, whole.digests(clean.known)["train"]), where


def artifacts(state: State) -> set[str]:
    return {key for key in state if key.startswith("artifacts/") and key.endswith("/manifest.json")}


def parts(state: State) -> set[str]:
    return {key for key in state if key.startswith("artifacts/") and "/parts/" in key}


def named_parts(state: State) -> set[str]:
    manifests = [records.decode(state[key].data, Manifest, key) for key in artifacts(state)]
    return {part.key for manifest in manifests for part in artifact.all_parts(manifest)}


def source_of(clean: Recording) -> str:
    return str(clean.known.run.settings["source"])


def go_on(store: MemoryStore, clean: Recording) -> Known:
    """Do what a person does after a crash: resume the run, or submit again where there is none yet."""
    names = runs.names(store, "mine")
    if not names:
        return whole.submit(store, source_of(clean))
    run = records.decode(store.get(runs.run_key(names[0][1])).data, Run, "run")
    return whole.drive(store, run)


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.full)])
def test_a_controller_killed_at_any_call_is_followed_by_one_that_ends_the_run_the_same(recording: Recording, every: int) -> None:
    assert len(recording.calls) > 300
    assert len(recording.states) > 60
    for name, state in recording.states[::every]:
        store = MemoryStore(state)
        check_like_the_clean_run(store, go_on(store, recording), recording, name)


@pytest.mark.parametrize("every", [10, pytest.param(1, marks=pytest.mark.full)])
def test_a_stage_killed_at_any_of_its_calls_is_started_again_and_ends_the_same(recording: Recording, every: int) -> None:
    killed = 0
    for spawned, (state, command, environment, calls) in enumerate(recording.spawns):
        for number in range(1 + spawned % min(every, calls), calls + 1, every):
            for when in ("before", "after"):
                store = MemoryStore(state)
                faulty = FaultyStore(store, raise_at(number, when))
                turns: list[Process] = []

                def spawn(
                    started: list[str],
                    given: Mapping[str, str],
                    store: MemoryStore = store,
                    faulty: FaultyStore = faulty,
                    turns: list[Process] = turns,
                ) -> Process:
                    turns.append(spawn_in(faulty if not turns else store)(started, given))
                    return turns[-1]

                known = whole.drive(store, recording.known.run, spawn)
                where = f"{command[command.index('--plan') - 1]} {environment['JOB_COMPLETION_INDEX']} {when} call {number}"
                if not faulty.fired:  # the call found nothing, so there is no "after"
                    assert when == "after", where
                    continue
                assert isinstance(turns[0], Finished)
                assert turns[0].poll() == 137
                check_like_the_clean_run(store, known, recording, where)
                killed += 1
    assert killed > 150 / every
