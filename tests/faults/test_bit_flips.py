"""One bit flipped in each object that a finished run left in the store, one object at a time.

Whoever reads it finds it; and a run that needs it makes it again, with the same content, or ends
with words that name it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from common import artifact, records
from common.errors import BadInput, Damaged
from common.records import Part, Plan, Ref, Snapshot
from common.store import Object, Store
from common.store.memory import MemoryStore
from jobs.controller import act, graph, pointer, runs, snapshots
from tests.support import whole
from tests.support.pictures import make_folder

State = dict[str, Object]

# Objects that are there or not: nothing is read out of them.
ONLY_THERE = re.compile(r"probe/.*|datasets/[^/]+/runs/[^/]+")
# For people: read by eye, line by line.
FOR_EYES = re.compile(r"runs/[^/]+/logs/.*")
# Copies for services, addressed by content: publishing puts them right.
COPIES = re.compile(r"models/[^/]+/([0-9a-f]{12})/.*")


@dataclass(frozen=True)
class Finished:
    """What a run left behind, twice: its pictures, its digests, the store."""

    source: Path
    digests: dict[str, str]
    run: str
    state: State

    def flipped(self, key: str, bit: int | None = None) -> MemoryStore:
        """Return the store with one bit of one object flipped; which one, the key decides."""
        data = bytearray(self.state[key].data)
        where = int.from_bytes(sha256(key.encode()).digest()[:8], "big") % (8 * len(data)) if bit is None else bit
        data[where // 8] ^= 1 << (where % 8)
        return MemoryStore({**self.state, key: Object(bytes(data), self.state[key].etag)})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    source = make_folder(tmp_path_factory.mktemp("flips") / "pictures", {"bars": 12, "rows": 12})
    store = MemoryStore()
    known = whole.submit(store, source)
    return Finished(source, whole.digests(known), known.run.run, store.snapshot())


def part_at(store: Store, key: str) -> Part:
    """Return what the manifest beside a part says of it."""
    _, step, name, *_ = key.split("/")
    manifest = artifact.find(store, step.replace(".", "/"), name)
    assert manifest is not None
    return next(part for part in artifact.all_parts(manifest) if part.key == key)


def read_manifest(store: Store, key: str) -> object:
    _, step, name, _ = key.split("/")
    return artifact.find(store, step.replace(".", "/"), name)


# How each kind of object is read.
READERS: dict[str, Callable[[Store, str], object]] = {
    r"artifacts/[^/]+/[^/]+/manifest\.json": read_manifest,
    r"artifacts/[^/]+/[^/]+/parts/.*": lambda store, key: artifact.read_part(store, part_at(store, key)),
    r"artifacts/[^/]+/[^/]+/plan-.*": lambda store, key: records.decode(store.get(key).data, Plan, key),
    r"runs/[^/]+/(run|state)\.json": lambda store, key: runs.read(store, key.split("/")[1]),
    r"runs/[^/]+/stages/.*": lambda store, key: runs.read(store, key.split("/")[1]),
    r"snapshots/[^/]+/.*": lambda store, key: records.decode(store.get(key).data, Snapshot, key),
    r"models/[^/]+/current\.json": lambda store, key: pointer.read(store, key.split("/")[1]),
}


def read(store: Store, key: str) -> object:
    """Read an object the way the product reads its kind."""
    for pattern, reader in READERS.items():
        if re.fullmatch(pattern, key):
            return reader(store, key)
    raise AssertionError(f"nothing is known to read {key}")


def test_whoever_reads_a_flipped_object_finds_it(finished: Finished) -> None:
    met = 0
    for key in finished.state:
        if ONLY_THERE.fullmatch(key) or FOR_EYES.fullmatch(key) or COPIES.fullmatch(key):
            continue
        read(MemoryStore(finished.state), key)
        with pytest.raises((BadInput, Damaged)):
            read(finished.flipped(key), key)
        met += 1
    assert met > 60


def test_every_bit_of_a_document_is_guarded(finished: Finished) -> None:
    key = "models/mine/current.json"
    for bit in range(8 * len(finished.state[key].data)):
        with pytest.raises(BadInput, match=r"damaged|not a pointer document"):
            pointer.read(finished.flipped(key, bit), "mine")


def without_what_came_after(store: MemoryStore, step: str) -> None:
    """Remove the artifacts of all later steps, so that a run has to read this step's."""
    names = [one.name for _, one in graph.load().steps]
    later = names[names.index(step) + 1 :] if step in names else names
    folders = tuple(f"artifacts/{name.replace('/', '.')}/" for name in later)
    for key in store.snapshot():
        if key.startswith(folders):
            store.delete(key)


@pytest.mark.parametrize("every", [2, pytest.param(1, marks=pytest.mark.full)])
def test_a_run_makes_a_flipped_object_again_or_names_it(finished: Finished, every: int) -> None:
    repaired: list[str] = []
    named: list[str] = []
    for key in dict.fromkeys([*[*finished.state][::every], "models/mine/current.json"]):
        store = finished.flipped(key)
        if key.startswith("artifacts/"):
            without_what_came_after(store, key.split("/")[1].replace(".", "/"))
        bad = store.get(key).data
        known = whole.submit(store, finished.source)
        if known.condition == runs.FAILED:
            assert known.state is not None
            assert key in known.state.reason, (key, known.state)
            named.append(key)
            continue
        assert known.condition == runs.DONE, (key, known.state)
        # The gate meets a model that serves already; all else is as it was.
        assert {**whole.digests(known), "gate": finished.digests["gate"]} == finished.digests, key
        if store.get(key).data != bad:
            repaired.append(key)
    assert len(repaired) >= 40 / every, repaired
    assert named == ["models/mine/current.json"]


def test_a_person_sets_a_damaged_pointer_anew_and_it_does_not_go_back(finished: Finished) -> None:
    store = finished.flipped("models/mine/current.json")
    act.promote(store, runs.read(store, finished.run), pin=False)
    held = pointer.read(store, "mine").pointer
    assert held is not None
    assert (held.run, held.sequence) == (finished.run, 2)
    assert whole.submit(store, finished.source).condition == runs.DONE


def test_a_damaged_record_of_a_snapshot_is_written_anew(finished: Finished) -> None:
    key = "snapshots/mine/000001.json"
    store = finished.flipped(key)
    found, was = snapshots.latest(store, "mine"), snapshots.latest(MemoryStore(finished.state), "mine")
    assert found is not None
    assert was is not None
    assert msgspec.structs.replace(found, writer=was.writer) == was
    assert snapshots.latest(store, "mine") == found


def test_publishing_puts_a_flipped_copy_right(finished: Finished) -> None:
    copies = [key for key in finished.state if COPIES.fullmatch(key)]
    assert len(copies) == 2
    for key in copies:
        store = finished.flipped(key)
        held = pointer.read(store, "mine").pointer
        assert held is not None
        assert isinstance(held.model, Ref)
        pointer.publish(store, "mine", held.model)
        assert store.get(key).data == finished.state[key].data
