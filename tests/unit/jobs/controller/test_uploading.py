"""A folder's pictures go to the store for pods: once, whole, and before the run is written."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from common import artifact, records, uploads
from common.errors import Refused
from common.images import Limits
from common.records import Collection, Run
from common.store import Store
from common.store.faults import Call, FaultyStore, Killed, When, raise_at
from common.store.memory import MemoryStore
from common.store.probe import REMEMBERED
from jobs.controller import gc, runs, submission, uploading
from jobs.controller.runs import Known
from tests.support import whole
from tests.support.pictures import drawing, encode, make_folder

NEW = ("bars/0050.png", "bars/0051.png")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "LOOK_EVERY_S", 0.001)


def sent(store: Store) -> set[str]:
    return {found.key for found in store.list(uploads.FOLDER)}


def request(store: Store, folder: Path, before_it_is_written: Callable[[], None] = lambda: None) -> Run:
    """Submit as to a cluster, without a driver."""
    prepared = uploading.send(store, whole.prepare(store, folder))
    before_it_is_written()
    run = submission.create(store, prepared, nodes=1)
    uploading.confirm(store, run)
    return run


def submit(store: Store, folder: Path) -> Known:
    return whole.drive(store, request(store, folder))


def puts(store: FaultyStore) -> list[str]:
    return [call.key for call in store.calls if call.verb == "put" and call.key.startswith(uploads.FOLDER)]


def test_a_run_reads_what_was_sent_and_has_the_keys_and_digests_of_one_that_reads_the_folder(
    memory: MemoryStore, folder: Path, tmp_path: Path
) -> None:
    (folder / "bars" / "spoilt.png").write_bytes(b"no picture")
    (folder / "bars" / "empty.png").touch()
    (folder / "rows" / "again.png").write_bytes((folder / "rows" / "0000.png").read_bytes())
    with (folder / "rows" / "huge.png").open("wb") as file:
        file.truncate(Limits().max_bytes + 1)
    local = MemoryStore()
    here = whole.submit(local, folder)
    run = request(memory, folder)
    folder.rename(tmp_path / "elsewhere")
    uploading.confirm(memory, run)  # as a resume does, from a machine that has no such folder
    there = whole.drive(memory, run)
    assert there.condition == runs.DONE, there.state
    assert {step: record.ref for step, record in there.records.items()} == {step: record.ref for step, record in here.records.items()}
    assert len(sent(memory)) == 26
    assert sent(local) == set()


def test_nothing_is_sent_twice(memory: MemoryStore, folder: Path) -> None:
    watched = FaultyStore(memory, lambda call, when: None)
    request(watched, folder)
    assert len(puts(watched)) == 24
    request(watched, folder)
    assert len(puts(watched)) == 24


def test_what_a_snapshot_holds_is_not_sent(memory: MemoryStore, folder: Path) -> None:
    (folder / "bars" / "spoilt.png").write_bytes(b"no picture")
    whole.submit(memory, folder)
    make_folder(folder, {"bars": 2}, start=50)
    grown = submit(memory, folder)
    assert grown.condition == runs.DONE, grown.state
    assert grown.records["scrape/fetch"].items == 2
    assert len(sent(memory)) == 2


def test_a_request_that_was_answered_sends_only_what_failed(memory: MemoryStore, folder: Path) -> None:
    """The chunk of a failure without any picture is kept by no snapshot, so it may have to be fetched again."""
    (folder / "rows" / "spoilt.png").write_bytes(b"no picture")
    first = whole.submit(memory, folder)
    for step, key in [(record.ref.step, record.ref.key) for record in first.records.values() if record.ref and "scrape" in record.step]:
        memory.delete(artifact.manifest_key(step, key))
    again = submit(memory, folder)
    assert whole.digests(again) == whole.digests(first)
    assert len(sent(memory)) in (1, 25)


def test_what_a_damaged_snapshot_holds_is_sent(memory: MemoryStore, folder: Path) -> None:
    whole.submit(memory, folder)
    memory.delete(next(key for key in memory.snapshot() if key.endswith(".tar")))
    make_folder(folder, {"bars": 2}, start=50)
    request(memory, folder)
    assert len(sent(memory)) == 26


def test_an_upload_of_another_size_is_sent_again(memory: MemoryStore, folder: Path) -> None:
    request(memory, folder)
    spoilt = min(sent(memory))
    memory.put(spoilt, b"half")
    assert submit(memory, folder).condition == runs.DONE


def test_a_file_that_changed_since_it_was_listed_is_refused_before_there_is_a_run(memory: MemoryStore, folder: Path) -> None:
    prepared = whole.prepare(memory, folder)
    (folder / "rows" / "0000.png").write_bytes(encode(drawing("rows", 99)))
    with pytest.raises(Refused, match=r"rows/0000\.png cannot be sent: changed while the run was looking; submit again"):
        uploading.send(memory, prepared)
    assert runs.names(memory) == []
    (folder / "rows" / "0000.png").unlink()
    with pytest.raises(Refused, match=r"rows/0000\.png cannot be sent: cannot be read"):
        uploading.send(memory, prepared)


def test_other_sources_are_left_as_they_are(memory: MemoryStore) -> None:
    prepared = whole.prepare(memory, "rendered")
    assert uploading.send(memory, prepared) == prepared
    assert prepared.locator == "rendered"


def test_progress_is_told_for_every_picture(memory: MemoryStore, folder: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    uploading.send(memory, whole.prepare(memory, folder), lambda done, total, note="": seen.append((done, total, note)))
    assert sorted(seen) == [(done, 24, "pictures sent") for done in range(1, 25)]


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.full)])
def test_a_submitter_killed_at_any_write_is_followed_by_one_that_ends_the_run_the_same(
    memory: MemoryStore, tmp_path: Path, every: int
) -> None:
    folder = make_folder(tmp_path / "few", {"bars": 4, "rows": 4})
    memory.put(REMEMBERED, b"")  # the probe has tests of its own
    empty = memory.snapshot()
    watched = FaultyStore(memory, lambda call, when: None)
    expected = whole.digests(whole.drive(memory, request(watched, folder)))
    fired = 0
    writes = [number for number, call in enumerate(watched.calls, start=1) if call.writes]
    for number in writes[::every]:
        for when in ("before", "after"):
            store = MemoryStore(empty)
            faulty = FaultyStore(store, raise_at(number, when))
            with pytest.raises(Killed):
                request(faulty, folder)
            fired += faulty.fired
            assert all(uploads.key(_sum(store, key)) == key for key in sent(store))
            begun = runs.names(store)
            known = whole.drive(store, runs.read(store, begun[0][1]).run) if begun else submit(store, folder)
            assert known.condition == runs.DONE, (number, when, known.state)
            assert whole.digests(known) == expected
    assert fired > 16 / every


def _sum(store: Store, key: str) -> str:
    return sha256(store.get(key).data).hexdigest()


def test_a_collection_takes_what_no_run_waits_for_when_it_is_a_day_old(memory: MemoryStore, folder: Path) -> None:
    submit(memory, folder)
    assert gc.collect(memory).uploads == 0
    counted = gc.collect(memory, uploads_grace_s=0, dry_run=True)
    assert (counted.uploads, len(sent(memory))) == (24, 24)
    assert gc.collect(memory, uploads_grace_s=0).uploads == 24
    assert sent(memory) == set()


@pytest.mark.parametrize("word", [runs.RUNNING, runs.FAILED, runs.CANCELLED])
def test_a_run_that_may_go_on_keeps_what_was_sent_for_it(word: str, memory: MemoryStore, folder: Path) -> None:
    run = request(memory, folder)
    if word != runs.RUNNING:
        runs.end(memory, run.run, word, "", writer="test")
    assert gc.collect(memory, grace_s=0, uploads_grace_s=0).uploads == 0
    assert whole.drive(memory, run).condition == runs.DONE


def test_an_upload_s_age_is_told_by_the_store(folder: Path) -> None:
    store = MemoryStore(now=lambda: time.time() - gc.UPLOADS_GRACE_S - 1)
    uploading.send(store, whole.prepare(store, folder))
    assert gc.collect(store).uploads == 24


def test_what_a_collection_took_before_the_run_was_written_is_sent_again(memory: MemoryStore, folder: Path) -> None:
    run = request(memory, folder, lambda: _collect(memory))
    assert len(sent(memory)) == 24
    assert whole.drive(memory, run).condition == runs.DONE


def _collect(store: Store) -> None:
    assert gc.collect(store, uploads_grace_s=0).uploads == 24


def test_what_is_gone_from_both_places_is_refused(memory: MemoryStore, folder: Path) -> None:
    def lose() -> None:
        _collect(memory)
        (folder / "bars" / "0001.png").unlink()

    with pytest.raises(Refused, match=r"bars/0001\.png cannot be sent"):
        request(memory, folder, lose)


def test_a_run_whose_uploads_are_lost_ends_and_says_what_to_do(memory: MemoryStore, folder: Path) -> None:
    run = request(memory, folder)
    memory.delete(min(sent(memory)))
    known = whole.drive(memory, run)
    assert known.condition == runs.FAILED
    assert known.state is not None
    assert "Submit again: it is sent again." in known.state.reason
    assert submit(memory, folder).condition == runs.DONE


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.full)])
def test_a_collection_and_a_submit_that_meet_leave_the_run_all_it_reads(folder: Path, every: int) -> None:
    """No grace; at every few calls of a collection from its mark on, a submit goes as far as it gets before that goes on."""
    start = MemoryStore()
    submit(start, folder)
    make_folder(folder, {"bars": 2}, start=50)
    left = uploading.send(start, whole.prepare(start, folder))  # by a submitter that died
    assert left.listing is not None
    submission._freeze(start, left.listing)
    again, number = 0, 0
    while True:
        number += every
        store = MemoryStore(start.snapshot())
        meeting = Meeting(store, folder, at=number)
        meeting.collect()
        if meeting.run is None:
            break
        listed = runs.listing(store, meeting.run).items
        assert {uploads.key(item.token) for item in listed if item.name in NEW} <= sent(store), number
        again += bool(puts(meeting.watched))
    assert number > 20
    assert again > 0


class Meeting:
    """A collection that stops at one of its calls until a submit has ended, or waits for it."""

    def __init__(self, store: MemoryStore, folder: Path, at: int) -> None:
        self._store, self._folder, self._at = store, folder, at
        self._calls, self._arrived = 0, threading.Event()
        self._thread = threading.Thread(target=self._submit)
        self.watched = FaultyStore(store, self._sees_mark)
        self.run: Run | None = None

    def collect(self) -> None:
        gc.collect(FaultyStore(self._store, self._collects), grace_s=0, uploads_grace_s=0)
        if self._calls >= self._at:
            self._thread.join(60)

    def _submit(self) -> None:
        try:
            self.run = request(self.watched, self._folder)
        finally:
            self._arrived.set()

    def _collects(self, call: Call, when: When) -> None:
        if when == "before" and (self._calls or (call.verb, call.key) == ("put", gc.MARK)):
            self._calls += 1
            if self._calls == self._at:
                self._thread.start()
                assert self._arrived.wait(60)

    def _sees_mark(self, call: Call, when: When) -> None:
        if (call.key, when) == (gc.MARK, "after"):
            self._arrived.set()


def test_a_collection_s_mark_is_waited_for(memory: MemoryStore, folder: Path) -> None:
    looks = 0

    def script(call: Call, when: When) -> None:
        nonlocal looks
        looks += (call.verb, call.key, when) == ("get", gc.MARK, "before")
        if looks == 2:
            memory.delete(gc.MARK)

    prepared = whole.prepare(memory, folder)
    memory.put(gc.MARK, records.encode(Collection(by=runs.me())))
    submission.create(FaultyStore(memory, script), prepared, nodes=1)
    assert looks == 2
