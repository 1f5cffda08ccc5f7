"""Whole runs in memory: what reruns after which change, damage, cancelling, two drivers."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from common import artifact, edits, records
from common.dataset import entries_of, rows_of
from common.errors import Superseded
from common.records import Cancel, Driver, Edit, State
from common.store.faults import Call, FaultyStore, When
from common.store.memory import MemoryStore
from jobs.controller import drive as drive_module
from jobs.controller import history, pointer, runs
from jobs.controller.drive import Drive
from jobs.controller.inprocess import spawn_in
from jobs.controller.launcher import JobStatus, Trouble
from jobs.controller.plan import Observed
from jobs.controller.processes import Process, ProcessLauncher
from jobs.controller.runs import Known
from jobs.controller.site import Site
from tests.support import whole
from tests.support.pictures import make_folder

EVERY_STEP = {
    "scrape/list", "scrape/fetch", "scrape/snapshot", "dedup/hash", "dedup/dataset", "refine", "featurize", "curate",
    "train", "evaluate", "gate",
}  # fmt: skip
AFTER_THE_VERSION = {"dedup/dataset", "curate", "train", "evaluate", "gate"}


def ran(known: Known) -> set[str]:
    """Return the steps that were not cached."""
    return {step for step, record in known.records.items() if not record.cached}


def fresh(known: Known) -> dict[str, int]:
    return {step: record.fresh for step, record in known.records.items()}


def test_a_first_run_does_everything_and_promotes(memory: MemoryStore, folder: Path) -> None:
    known = whole.submit(memory, folder)
    assert (known.condition, ran(known)) == (runs.DONE, EVERY_STEP)
    assert known.state is not None
    assert known.state.reason == "promoted: it is the first model of this dataset"
    held = pointer.read(memory, "mine").pointer
    assert held is not None
    assert known.records["train"].ref is not None
    assert (held.model.digest, held.sequence, held.snapshot) == (known.records["train"].ref.digest, 1, 1)


def test_the_same_request_again_runs_nothing(memory: MemoryStore, folder: Path) -> None:
    first = whole.submit(memory, folder)
    again = whole.submit(memory, folder)
    assert ran(again) == set()
    assert whole.digests(again) == whole.digests(first)
    assert again.state is not None
    assert (again.state.reason, again.state.promoted) == ("nothing changed: this model serves already", True)


def test_another_grid_of_c_reruns_train_evaluate_and_gate_only(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    known = whole.submit(memory, folder, (*whole.SMALL, "svm_CVals=[0.01,10]"))
    assert ran(known) == {"train", "evaluate", "gate"}


def test_another_dataset_name_shares_all_artifacts(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    other = whole.submit(memory, folder, dataset="other")
    assert ran(other) == set()
    assert pointer.read(memory, "other").pointer is not None


def test_new_pictures_compute_only_new_shards(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    make_folder(folder, {"bars": 10, "rows": 10}, start=100)
    known = whole.submit(memory, folder)
    assert known.records["scrape/snapshot"].info["snapshot"] == 2
    assert {step: count for step, count in fresh(known).items() if step in ("scrape/fetch", "dedup/hash", "featurize")} == {
        "scrape/fetch": 20,
        "dedup/hash": 20,
        "featurize": 20,
    }
    assert "refine" not in ran(known)


def test_a_corrupt_picture_changes_nothing_but_the_list_of_refusals(memory: MemoryStore, folder: Path) -> None:
    first = whole.submit(memory, folder)
    (folder / "bars" / "bad.jpg").write_bytes(b"\xff\xd8 corrupt")
    known = whole.submit(memory, folder)
    assert known.condition == runs.DONE
    assert known.records["scrape/snapshot"].info["failed"] == 1
    assert fresh(known)["featurize"] == fresh(known)["dedup/hash"] == 0
    assert whole.digests(known)["train"] == whole.digests(first)["train"]
    version = artifact.read_ref(memory, _ref(known, "dedup/dataset"))
    assert [entry.reason for entry in entries_of(version) if not entry.kept] == ["refused: cannot be decoded (cannot identify image file)"]


def test_a_picture_under_two_labels_is_a_conflict_and_its_bytes_are_not_fetched_twice(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    shutil.copy(folder / "bars" / "0000.png", folder / "rows" / "same.png")
    known = whole.submit(memory, folder)
    assert ran(known) & {"dedup/hash", "featurize"} == set() or fresh(known)["featurize"] == 0
    assert fresh(known)["scrape/fetch"] == 0
    version = artifact.read_ref(memory, _ref(known, "dedup/dataset"))
    excluded = [entry.reason for entry in entries_of(version) if not entry.kept]
    assert excluded == ["label conflict: the same picture is under bars and rows"] * 2


def test_a_relabel_by_a_person_reruns_seconds_of_work(memory: MemoryStore, folder: Path) -> None:
    first = whole.submit(memory, folder)
    image = rows_of(artifact.read_ref(memory, _ref(first, "scrape/snapshot")))[0].id
    edits.append(memory, Edit(dataset="mine", image=image, action="label", label="rows"))
    known = whole.submit(memory, folder)
    assert ran(known) == AFTER_THE_VERSION
    assert history.document(memory, known)["edits"] == {"used": 1, "new": "1 label edit"}
    before, after = (_sides(memory, one) for one in (first, known))
    assert before == after


def test_a_file_moved_to_another_class_reruns_no_picture_work_and_moves_nobody(memory: MemoryStore, folder: Path) -> None:
    first = whole.submit(memory, folder)
    shutil.move(folder / "bars" / "0005.png", folder / "rows" / "moved.png")
    known = whole.submit(memory, folder)
    assert fresh(known)["scrape/fetch"] == fresh(known)["featurize"] == fresh(known)["dedup/hash"] == 0
    assert _sides(memory, first) == _sides(memory, known)
    version = entries_of(artifact.read_ref(memory, _ref(known, "dedup/dataset")))
    assert {entry.label for entry in version if entry.name == "rows/moved.png"} == {"rows"}


def test_a_removed_file_is_left_out_and_moves_nobody(memory: MemoryStore, folder: Path) -> None:
    first = whole.submit(memory, folder)
    (folder / "bars" / "0005.png").unlink()
    known = whole.submit(memory, folder)
    after, before = _sides(memory, known), _sides(memory, first)
    assert after.items() <= before.items()
    assert len(before) - len(after) == 1


def _ref(known: Known, step: str) -> records.Ref:
    ref = known.records[step].ref
    assert ref is not None
    return ref


def _sides(store: MemoryStore, known: Known) -> Mapping[str, str]:
    return {entry.id: entry.side for entry in entries_of(artifact.read_ref(store, _ref(known, "dedup/dataset")))}


def test_a_worse_model_is_refused_and_the_old_one_serves_on(memory: MemoryStore, folder: Path) -> None:
    first = whole.submit(memory, folder)
    strict = (*whole.SMALL, "gate.minDifference=0.5", "svm_CVals=[0.01]")
    known = whole.submit(memory, folder, strict)
    assert known.condition == runs.DONE
    assert known.state is not None
    assert known.state.promoted is False
    assert known.state.reason.startswith("refused: ")
    held = pointer.read(memory, "mine").pointer
    assert held is not None
    assert held.model == first.records["train"].ref


def test_one_worker_and_four_give_equal_content(folder: Path) -> None:
    assert whole.digests(whole.submit(MemoryStore(), folder, nodes=1)) == whole.digests(whole.submit(MemoryStore(), folder, nodes=4))


# --- damage ---


def test_every_lost_part_of_a_finished_run_is_made_again_with_the_same_content(memory: MemoryStore, folder: Path) -> None:
    first = whole.submit(memory, folder)
    complete = memory.snapshot()
    parts = [key for key in complete if "/parts/" in key and "run.listing" not in key]
    assert len(parts) > 20
    for key in parts:
        harmed = MemoryStore(complete)
        harmed.delete(key)
        known = whole.submit(harmed, folder)
        assert known.condition == runs.DONE, (key, known.state)
        assert whole.digests(known) == whole.digests(first)
        assert harmed.head(key).size == len(complete[key].data), key


def test_every_manifest_that_rots_is_made_again(memory: MemoryStore, folder: Path) -> None:
    first = whole.submit(memory, folder)
    complete = memory.snapshot()
    manifests = [key for key in complete if key.endswith("/manifest.json") and "run.listing" not in key]
    for key in manifests:
        harmed = MemoryStore(complete)
        harmed.put(key, complete[key].data.replace(b'"sha256"', b'"sha255"'))
        known = whole.submit(harmed, folder)
        assert known.condition == runs.DONE, (key, known.state)
        # The gate that let the serving model through is asked anew where its word is lost.
        assert {**whole.digests(known), "gate": ""} == {**whole.digests(first), "gate": ""}
        assert ("/gate/" in key) == (whole.digests(known) != whole.digests(first))


def test_a_part_that_rots_is_found_by_its_reader_and_made_again(memory: MemoryStore, folder: Path) -> None:
    first = whole.submit(memory, folder)
    for name in ("images.tar", "vectors.npy", "hashes.parquet", "chunk.json", "rows.parquet"):
        store = MemoryStore(memory.snapshot())
        key = next(key for key in store.snapshot() if key.endswith(name))
        rotten = bytearray(store.get(key).data)
        rotten[len(rotten) // 2] ^= 1
        store.put(key, bytes(rotten))
        known = whole.submit(store, folder, (*whole.SMALL, "dedup.distance=13", "featurize.batch=4", "train.folds=3"))
        assert known.condition == runs.DONE, (name, known.state)
        unharmed = whole.submit(
            MemoryStore(memory.snapshot()), folder, (*whole.SMALL, "dedup.distance=13", "featurize.batch=4", "train.folds=3")
        )
        assert whole.digests(known) == whole.digests(unharmed)
    assert first.condition == runs.DONE


def test_damage_that_cannot_be_undone_ends_the_run_and_says_what(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    for key in [key for key in memory.snapshot() if key.endswith("images.tar")]:
        memory.delete(key)
    (folder / "bars" / "0000.png").unlink()
    known = whole.submit(memory, folder, (*whole.SMALL, "featurize.batch=4"))
    assert known.condition == runs.FAILED
    assert known.state is not None
    assert "came out different" in known.state.reason or "could not be made again" in known.state.reason


# --- ends ---


def test_a_wish_to_cancel_ends_the_run(memory: MemoryStore, folder: Path) -> None:
    run = whole.request(memory, folder)

    def script(call: Call, when: When) -> None:
        if when == "after" and call.key.endswith("stages/dedup.hash.json"):
            memory.put(runs.cancel_key(run.run), records.encode(Cancel(asked="now", by="me")))

    known = whole.drive(FaultyStore(memory, script), run, spawn_in(memory))
    assert known.condition == runs.CANCELLED
    assert "evaluate" not in known.records


def test_a_run_that_failed_is_resumed_from_where_it_failed(memory: MemoryStore, folder: Path) -> None:
    run = whole.request(memory, folder)

    def broken(command: list[str], environment: Mapping[str, str]) -> Process:
        from jobs.controller.inprocess import Finished

        return Finished(20) if command[command.index("--plan") - 1] == "train" else spawn_in(memory)(command, environment)

    known = whole.drive(memory, run, broken)
    assert (known.condition, known.records["train"].state) == (runs.FAILED, runs.FAILED)
    assert "exit code 20" in known.records["train"].reason
    memory.delete(runs.record_key(run.run, "train"))
    known = whole.drive(memory, run)
    assert known.condition == runs.DONE
    assert known.records["featurize"].finished


def test_a_shard_that_fails_now_and_then_is_tried_again_alone(memory: MemoryStore, folder: Path) -> None:
    run = whole.request(memory, folder, nodes=2)
    turns: dict[str, int] = {}

    def flaky(command: list[str], environment: Mapping[str, str]) -> Process:
        from jobs.controller.inprocess import Finished

        name = f"{command[command.index('--plan') - 1]}-{environment['JOB_COMPLETION_INDEX']}"
        turns[name] = turns.get(name, 0) + 1
        return Finished(10) if (name, turns[name]) == ("featurize-1", 1) else spawn_in(memory)(command, environment)

    known = whole.drive(memory, run, flaky)
    assert known.condition == runs.DONE
    assert (turns["featurize-0"], turns["featurize-1"], turns["featurize-2"]) == (1, 2, 1)
    assert known.records["featurize"].retries == 1


def test_a_driver_whose_run_was_taken_over_stops(memory: MemoryStore, folder: Path) -> None:
    run = whole.request(memory, folder)
    taken = False

    def script(call: Call, when: When) -> None:
        nonlocal taken
        if when == "after" and call.key.endswith("stages/train.json") and not taken:
            taken = True
            other = State(state=runs.RUNNING, driver=Driver(host="elsewhere", pid=1, started="1"), started="", writer="other")
            memory.put(runs.state_key(run.run), records.encode(other))

    with pytest.raises(Superseded):
        whole.drive(FaultyStore(memory, script), run, spawn_in(memory))
    assert taken


def test_a_run_that_another_was_faster_than_ends_and_says_so(memory: MemoryStore, folder: Path) -> None:
    """Both have seen no snapshot and make the first; a driver that only stopped would be started again for ever."""
    later = whole.request(memory, folder)
    make_folder(folder, {"bars": 1, "rows": 1}, start=100)
    first = whole.submit(memory, folder)
    known = whole.drive(memory, later)
    assert known.condition == runs.FAILED
    assert known.state is not None
    assert known.state.reason == f"Run {first.run.run} has made snapshot 1 of mine meanwhile. Submit again to build on it."


def test_a_driver_that_was_given_up_for_lost_does_nothing_more(memory: MemoryStore, folder: Path) -> None:
    """Its node came back: another drives the run, and may have come anywhere."""
    run = whole.request(memory, folder)
    launched: list[str] = []

    def spawn(command: list[str], environment: Mapping[str, str]) -> Process:
        launched.append(command[command.index("--plan") - 1])
        if launched[-1] == "train":
            runs.orphan(memory, run.run, "its driver is gone")
        return spawn_in(memory)(command, environment)

    with pytest.raises(Superseded):
        whole.drive(memory, run, spawn)
    assert launched[-1] == "train"
    known = runs.read(memory, run.run)
    assert known.condition == runs.INTERRUPTED
    assert "train" not in known.records


class Held(ProcessLauncher):
    """A launcher whose featurize Job waits for room while a wish for more processes comes in."""

    looks = 0

    def observe(self, run: str) -> list[JobStatus]:
        found = super().observe(run)
        one = next((status for status in found if status.labels["darkroom/stage"] == "featurize" and not status.condition), None)
        return [self.change(status) if status is one else status for status in found]

    def change(self, status: JobStatus) -> JobStatus:
        self.looks += 1
        return dataclasses.replace(status, trouble=Trouble("room", "No node has room.")) if self.looks < 3 else status


def test_what_a_step_waits_for_can_be_read_while_it_waits(memory: MemoryStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive_module, "LOOK_EVERY_S", 0.001)
    run = whole.request(memory, folder, nodes=1)
    launcher = Held(1, lambda *_: NeverEnding())
    told: list[Known] = []

    def watch(_: Observed) -> None:
        told.append(runs.read(memory, run.run))
        if len(told) > 60:
            memory.put(runs.cancel_key(run.run), records.encode(Cancel(asked="", by="test")))

    whole.drive(memory, run)  # everything before featurize is found
    for step in ("featurize", "curate", "train", "evaluate", "gate"):
        memory.delete(runs.record_key(run.run, step))
    for found in list(memory.list("artifacts/featurize")):
        memory.delete(found.key)
    state = runs.read_state(memory, run.run)
    assert state is not None
    memory.put(runs.state_key(run.run), records.encode(msgspec.structs.replace(state, state=runs.RUNNING, driver=None)))
    Drive(memory, launcher, run, Site(), watch=watch, now=lambda: 0.0)()
    launcher.close()
    waiting = [known.waiting["featurize"] for known in told if known.waiting]
    assert {(held.cause, held.text) for held in waiting} == {("room", "No node has room.")}
    assert not runs.read(memory, run.run).waiting
    assert not list(memory.list(runs.waiting_key(run.run)))


class NeverEnding:
    """A process that ends when it is told to."""

    code: int | None = None

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.code = 143

    kill = terminate

    def wait(self) -> int:
        return self.code or 0


def test_a_run_whose_driver_lives_elsewhere_is_not_driven_twice(memory: MemoryStore, folder: Path) -> None:
    run = whole.request(memory, folder)
    other = State(state=runs.RUNNING, driver=Driver(host="elsewhere", pid=1, started="1"), started="", writer="other")
    memory.put(runs.state_key(run.run), records.encode(other))
    launcher = ProcessLauncher(1, spawn_in(memory))
    with pytest.raises(Superseded, match="driven by another process"):
        Drive(memory, launcher, run, Site())()
    launcher.close()


def test_the_gate_is_asked_again_when_another_run_promotes_meanwhile(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    run = whole.request(memory, folder, (*whole.SMALL, "svm_CVals=[0.01]", "gate.minDifference=-1"))
    other = (*whole.SMALL, "svm_CVals=[100]", "gate.minDifference=-1")
    raced = False

    def script(call: Call, when: When) -> None:
        nonlocal raced
        if when == "after" and call.verb == "put" and call.key.endswith(f"{run.run}/stages/gate.json") and not raced:
            raced = True
            whole.submit(memory, folder, other)

    known = whole.drive(FaultyStore(memory, script), run, spawn_in(memory))
    assert raced
    assert known.condition == runs.DONE
    held = pointer.read(memory, "mine").pointer
    assert held is not None
    assert (held.sequence, held.run) == (3, run.run)
    gate = artifact.read_ref(memory, _ref(known, "gate")).manifest
    assert gate.recipe.inputs["incumbent"] != ""


def test_nothing_is_left_that_no_manifest_names(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    whole.submit(memory, folder, (*whole.SMALL, "svm_CVals=[0.01]"))
    assert orphans(memory) == set()


def orphans(store: MemoryStore) -> set[str]:
    """Return the parts that no manifest names."""
    state = store.snapshot()
    named = set()
    for key, held in state.items():
        if key.endswith("/manifest.json"):
            manifest = records.decode(held.data, records.Manifest, key)
            named |= {part.key for part in artifact.all_parts(manifest)}
    return {key for key in state if "/parts/" in key} - named
