"""Removing what nothing needs: what is needed stays, and a run in the middle of a cache hit loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from common import artifact
from common.model import version_of
from common.store.memory import MemoryStore
from jobs.controller import drive as drive_module
from jobs.controller import pointer, runs
from jobs.controller.drive import Drive
from jobs.controller.gc import collect
from jobs.controller.inprocess import spawn_in
from jobs.controller.processes import ProcessLauncher
from jobs.controller.runs import Known
from jobs.controller.site import Site
from tests.support import whole
from tests.support.turns import Turns

OTHER = (*whole.SMALL, "featurize.batch=3", "svm_CVals=[1]", "gate.minDifference=-1")


def readable(store: MemoryStore, known: Known) -> bool:
    """Read every part of every artifact of a run."""
    for record in known.records.values():
        assert record.ref is not None
        found = artifact.read_ref(store, record.ref)
        for reader in (found, *found.units):
            for name in reader.names():
                reader.read(name)
    return True


def test_everything_of_the_newest_runs_stays_readable_and_cached(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    last = whole.submit(memory, folder, OTHER)
    collect(memory, keep_runs=1)
    assert readable(memory, runs.read(memory, last.run.run))
    assert all(record.cached for record in whole.submit(memory, folder, OTHER).records.values())


def test_old_runs_and_what_only_they_needed_go(memory: MemoryStore, folder: Path) -> None:
    first = whole.submit(memory, folder)
    whole.submit(memory, folder, OTHER)
    before = memory.snapshot()
    swept = collect(memory, keep_runs=1)
    assert swept.runs == [first.run.run]
    assert "featurize" in {step for step, _ in swept.artifacts}
    assert {step for step, _ in swept.artifacts} & {"scrape/fetch", "scrape/snapshot", "dedup/hash"} == set()
    assert runs.names(memory, "mine")[0][1] != first.run.run
    assert len(memory.snapshot()) == len(before) - swept.objects
    assert [key for key in memory.snapshot() if first.run.run in key and key.startswith(("runs/", "datasets/"))] == []


def test_the_model_that_serves_and_the_one_before_it_stay(memory: MemoryStore, folder: Path) -> None:
    first = whole.submit(memory, folder)
    whole.submit(memory, folder, OTHER)
    third = whole.submit(memory, folder, (*OTHER, "svm_CVals=[10]"))
    collect(memory, keep_runs=1)
    held = pointer.read(memory, "mine").pointer
    assert held is not None
    assert held.run == third.run.run
    back = pointer.roll_back(memory, "mine", "me")
    assert memory.get(f"models/mine/{back.version}/model.onnx").data
    assert first.records["train"].ref is not None
    gone = version_of(first.records["train"].ref)
    assert not [key for key in memory.snapshot() if key.startswith(f"models/mine/{gone}/")]


def test_a_dry_run_counts_and_removes_nothing(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    whole.submit(memory, folder, OTHER)
    before = memory.snapshot()
    swept = collect(memory, keep_runs=1, dry_run=True)
    assert memory.snapshot() == before
    assert swept.objects > 10
    assert swept.size > 0


def test_collecting_twice_finds_nothing_more(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    whole.submit(memory, folder, OTHER)
    collect(memory, keep_runs=1)
    again = collect(memory, keep_runs=1)
    assert (again.runs, again.artifacts, again.objects) == ([], [], 0)


def test_a_run_that_is_not_over_keeps_all_it_has(memory: MemoryStore, folder: Path) -> None:
    begun = whole.request(memory, folder)
    whole.submit(memory, folder, OTHER)
    assert begun.run not in collect(memory, keep_runs=1, grace_s=0).runs
    assert whole.drive(memory, begun).condition == runs.DONE


def test_people_s_edits_are_never_collected(memory: MemoryStore, folder: Path) -> None:
    from common import edits
    from common.records import Edit

    edits.append(memory, Edit(dataset="mine", image="x", action="exclude"))
    whole.submit(memory, folder)
    collect(memory, keep_runs=1)
    assert len(edits.read(memory, "mine")) == 1


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> tuple[MemoryStore, Known, Known]:
    """A store where a run is about to find in the cache what a collection is about to remove."""
    from tests.support.pictures import make_folder

    store = MemoryStore()
    folder = make_folder(tmp_path_factory.mktemp("gc") / "pictures", {"bars": 12, "rows": 12})
    old = whole.submit(store, folder, OTHER)
    whole.submit(store, folder)
    whole.submit(store, folder, (*whole.SMALL, "train.folds=3"))
    begun = whole.request(store, folder, OTHER)
    return store, old, runs.read(store, begun.run)


@pytest.mark.parametrize("interleavings", [20, pytest.param(100, marks=pytest.mark.full)])
def test_a_collection_in_the_middle_of_a_cache_hit_costs_work_and_never_the_run(
    crossing: tuple[MemoryStore, Known, Known], monkeypatch: pytest.MonkeyPatch, interleavings: int
) -> None:
    """No grace at all, and a run that hits just what goes: in every interleaving it ends with the same content."""
    monkeypatch.setattr(drive_module, "LOOK_EVERY_S", 0.001)
    start, old, begun = crossing
    removed = set()
    for seed in range(interleavings):
        store, turns = MemoryStore(start.snapshot()), Turns(seed)

        def drive(store: MemoryStore = store, turns: Turns = turns) -> None:
            faulty = turns.store("run", store)
            launcher = ProcessLauncher(1, spawn_in(faulty))
            Drive(faulty, launcher, begun.run, Site())()
            launcher.close()

        def sweep(store: MemoryStore = store, turns: Turns = turns) -> None:
            removed.add(len(collect(turns.store("gc", store), keep_runs=1, grace_s=0).artifacts))

        errors = turns.run({"run": drive, "gc": sweep})
        assert errors == {}, (seed, errors)
        known = runs.read(store, begun.run.run)
        assert known.condition == runs.DONE, (seed, known.state)
        digests, expected = whole.digests(known), whole.digests(old)
        assert {**digests, "gate": ""} == {**expected, "gate": ""}
        assert readable(store, known), seed
    assert max(removed) > 0
