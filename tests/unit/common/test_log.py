"""Logs: what a process said is in the store, however it ended."""

from __future__ import annotations

from common import log
from common.errors import StoreUnavailable
from common.log import Shipper
from common.store.faults import Call, FaultyStore, When
from common.store.memory import MemoryStore


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_lines_wait_no_longer_than_stated(memory: MemoryStore) -> None:
    time = Time()
    shipper = Shipper(memory, log.folder("r", "train", 0, "t"), every_s=4, now=time)
    shipper.add(b"one\n")
    assert memory.snapshot() == {}
    time.now = 4.1
    shipper.tick()
    shipper.add(b"two\n")
    assert log.read(memory, "r", "train") == [(0, b"one\n")]
    shipper.flush()
    assert log.read(memory, "r", "train") == [(0, b"one\ntwo\n")]


def test_a_chatty_process_is_shipped_by_size(memory: MemoryStore) -> None:
    shipper = Shipper(memory, log.folder("r", "train", 0, "t"), now=Time())
    for _ in range(5):
        shipper.add(b"x" * log.CHUNK_BYTES)
    assert len(memory.snapshot()) == 5


def test_a_store_that_fails_costs_lines_and_never_the_work() -> None:
    def script(call: Call, when: When) -> None:
        raise StoreUnavailable("no")

    shipper = Shipper(FaultyStore(MemoryStore(), script), "runs/r/logs/train/00000-t/", now=Time())
    shipper.add(b"lost\n")
    shipper.flush()
    assert shipper.lost_bytes == 5


def test_processes_are_told_apart_and_compaction_changes_nothing(memory: MemoryStore) -> None:
    for index, token in ((1, "b"), (0, "a"), (0, "c")):
        shipper = Shipper(memory, log.folder("r", "dedup/hash", index, token), now=Time())
        for line in range(3):
            shipper.add(f"{index}{token}{line}\n".encode())
            shipper.flush()
    before = log.read(memory, "r", "dedup/hash")
    assert [index for index, _ in before] == [0, 0, 1]
    log.compact(memory, "r", "dedup/hash")
    log.compact(memory, "r", "dedup/hash")
    assert log.read(memory, "r", "dedup/hash") == before
    assert len(memory.snapshot()) == 3


def test_a_compaction_that_died_half_way_shows_no_line_twice(memory: MemoryStore) -> None:
    shipper = Shipper(memory, log.folder("r", "train", 0, "t"), now=Time())
    for line in (b"1\n", b"2\n"):
        shipper.add(line)
        shipper.flush()
    chunks = memory.snapshot()
    log.compact(memory, "r", "train")
    for key, held in chunks.items():
        memory.put(key, held.data)
    assert log.read(memory, "r", "train") == [(0, b"1\n2\n")]
