"""Two runs that finish at the same time: 200 interleavings, call by call.

The pointer never goes back, and never shows a model that its gate did not let through against
the very model that served before it.
"""

from __future__ import annotations

import pytest

from common import artifact, records
from common.errors import Superseded
from common.records import Pointer, Run
from common.store import Object
from common.store.memory import MemoryStore
from jobs.controller import pointer, runs
from jobs.controller.drive import Drive
from jobs.controller.inprocess import spawn_in
from jobs.controller.processes import ProcessLauncher
from jobs.controller.site import Site
from tests.support import whole
from tests.support.pictures import make_folder
from tests.support.turns import Turns

INTERLEAVINGS = 200
EASY, STRICT = "gate.minDifference=-1", "gate.minDifference=0.01"


class Remembers(MemoryStore):
    """Keeps every value that the pointer had."""

    def __init__(self, objects: dict[str, Object]) -> None:
        super().__init__(objects)
        self.pointers: list[Pointer] = []

    def put(self, key: str, data: bytes, mode: object = "overwrite") -> str:
        etag = super().put(key, data, mode)  # type: ignore[arg-type]
        if key == pointer.place("mine"):
            self.pointers.append(records.decode(data, Pointer, key))
        return etag


@pytest.fixture(scope="module")
def finishing(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Object], list[Run]]:
    """A store with one serving model and three runs that are done but for the gate; the third knows a newer snapshot."""
    store = MemoryStore()
    folder = make_folder(tmp_path_factory.mktemp("races") / "pictures", {"bars": 12, "rows": 12})
    whole.submit(store, folder)
    found = []
    for number, sets in enumerate(
        (("svm_CVals=[0.01]", EASY), ("svm_CVals=[100]", EASY), ("svm_CVals=[1]", EASY), ("svm_CVals=[10]", STRICT))
    ):
        if number == 2:
            make_folder(folder, {"bars": 2, "rows": 2}, start=50)
        run = whole.request(store, folder, (*whole.SMALL, *sets))
        state = store.snapshot()
        whole.drive(store, run)
        found.append(run)
        store = MemoryStore(_before_the_gate(store.snapshot(), state, run.run))
    return store.snapshot(), found


def _before_the_gate(after: dict[str, Object], before: dict[str, Object], run: str) -> dict[str, Object]:
    """Undo what a run did from the gate on: its decision, the pointer, its end."""
    late = ("models/", "artifacts/gate/", f"runs/{run}/stages/gate", f"runs/{run}/state")
    kept = {key: held for key, held in after.items() if not key.startswith(late)}
    return {**kept, **{key: held for key, held in before.items() if key.startswith(late)}}


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2), (0, 3)], ids=lambda pair: f"runs {pair[0]} and {pair[1]}")
def test_two_runs_that_finish_at_once_leave_a_pointer_that_was_earned(
    pair: tuple[int, int], finishing: tuple[dict[str, Object], list[Run]]
) -> None:
    state, candidates = finishing
    orders = set()
    for seed in range(INTERLEAVINGS // 4):
        store, turns = Remembers(state), Turns(seed)

        def drive(run: Run, store: Remembers = store, turns: Turns = turns) -> None:
            faulty = turns.store(run.run, store)
            launcher = ProcessLauncher(1, spawn_in(faulty))
            Drive(faulty, launcher, run, Site())()
            launcher.close()

        chosen = [candidates[index] for index in pair]
        errors = turns.run({run.run: (lambda run=run: drive(run)) for run in chosen})  # type: ignore[misc]
        assert not [error for error in errors.values() if not isinstance(error, Superseded)], errors
        orders.add(tuple(turns.order))
        _check_that_each_was_earned(store, _first(state))
        for run in chosen:
            known = runs.read(store, run.run)
            assert known.condition == runs.DONE
            assert known.state is not None
            shown = [one.run for one in store.pointers]
            assert (run.run in shown) == known.state.reason.startswith("promoted"), known.state.reason
    assert len(orders) > INTERLEAVINGS // 8  # the seeds really are different interleavings


def _first(state: dict[str, Object]) -> Pointer:
    return records.decode(state[pointer.place("mine")].data, Pointer, "pointer")


def _check_that_each_was_earned(store: Remembers, first: Pointer) -> None:
    before = first
    for now in store.pointers:
        assert now.sequence == before.sequence + 1
        assert now.snapshot >= before.snapshot
        gate = artifact.read_ref(store, now.gate).manifest
        assert gate.info["promote"] is True
        assert gate.recipe.inputs["incumbent"] == before.model.digest
        assert gate.recipe.inputs["candidate"] == now.model.digest
        before = now
    held = pointer.read(store, "mine").pointer
    assert held == before
