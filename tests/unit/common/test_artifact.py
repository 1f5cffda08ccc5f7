"""Artifacts: one write makes them true, damage is found, repair puts the same bytes back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from common import artifact, records
from common.artifact import Artifact, Draft
from common.errors import BadInput, Damaged, Nondeterministic
from common.records import Manifest, Recipe, Ref
from common.store.faults import FaultyStore, Killed, raise_at
from common.store.memory import MemoryStore

RECIPE = Recipe(step="room/step", parameters={"a": 1}, inputs={}, code="c")


def make(store: MemoryStore | FaultyStore, body: bytes = b"content", evidence: bytes = b"seen", *, repair: bool = False) -> Manifest:
    draft = Draft(store, RECIPE)
    draft.write("data.bin", body)
    draft.write_unit("unit-0", {"part.bin": body + b" of a unit"})
    draft.write("report.txt", evidence, evidence=True)
    draft.info |= {"items": 1}
    return draft.commit(repair=repair)


def test_nothing_is_true_before_the_manifest(memory: MemoryStore) -> None:
    draft = Draft(memory, RECIPE)
    draft.write("data.bin", b"x")
    assert artifact.find(memory, RECIPE.step, RECIPE.key) is None
    draft.commit()
    assert artifact.find(memory, RECIPE.step, RECIPE.key) is not None


def test_what_was_written_is_read_back(memory: MemoryStore) -> None:
    found = Artifact(memory, make(memory))
    assert found.read("data.bin") == b"content"
    assert found.read("report.txt") == b"seen"
    assert found.unit("unit-0").read("part.bin") == b"content of a unit"
    assert found.info == {"items": 1}


def test_the_second_writer_uses_what_the_first_made(memory: MemoryStore) -> None:
    first = make(memory, evidence=b"first")
    second = make(memory, evidence=b"second")
    assert second == first
    assert Artifact(memory, second).read("report.txt") == b"first"


def test_of_many_writers_at_once_all_end_with_the_same_manifest(memory: MemoryStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: make(memory, evidence=str(number).encode()), range(24)))
    assert len({one.writer for one in made}) == 1


def test_evidence_may_differ_and_content_digests_are_equal(memory: MemoryStore) -> None:
    assert make(memory, evidence=b"a").digest == make(MemoryStore(), evidence=b"b").digest


def test_a_killed_attempt_leaves_nothing_that_the_next_does_not_use() -> None:
    writes = 4  # three parts, one manifest
    for number in range(1, writes + 1):
        for when in ("before", "after"):
            inner = MemoryStore()
            with pytest.raises(Killed):
                make(FaultyStore(inner, raise_at(number, when)))
            clean = MemoryStore()
            make(clean)
            make(inner)
            assert set(inner.snapshot()) == set(clean.snapshot())


def test_a_killed_attempt_with_other_evidence_is_swept(memory: MemoryStore) -> None:
    with pytest.raises(Killed):
        make(FaultyStore(memory, raise_at(4, "before")), evidence=b"of the killed")
    made = make(memory, evidence=b"of the next")
    assert artifact.sweep(memory, made) == 1
    assert artifact.sweep(memory, made) == 0
    assert Artifact(memory, made).read("report.txt") == b"of the next"


@pytest.mark.parametrize("harm", [b"", b"contenT", b"content and more"])
def test_a_changed_part_is_damage_that_names_its_artifact(memory: MemoryStore, harm: bytes) -> None:
    made = make(memory)
    memory.put(made.content[0].key, harm)
    with pytest.raises(Damaged, match="is not what was committed") as caught:
        Artifact(memory, made).read("data.bin")
    assert (caught.value.step, caught.value.key) == (RECIPE.step, RECIPE.key)


def test_a_missing_part_is_damage(memory: MemoryStore) -> None:
    made = make(memory)
    memory.delete(made.units[0].content[0].key)
    assert not artifact.stands(memory, made.units[0].content[0])
    with pytest.raises(Damaged, match="is gone"):
        Artifact(memory, made).unit("unit-0").read("part.bin")


def test_every_flipped_bit_of_every_object_is_found(memory: MemoryStore) -> None:
    made = make(memory)
    for key, held in memory.snapshot().items():
        for place in range(0, len(held.data) * 8, 7):
            bad = bytearray(held.data)
            bad[place // 8] ^= 1 << place % 8
            memory.put(key, bytes(bad))
            with pytest.raises(Damaged):
                read_all(memory, made.ref)
        memory.put(key, held.data)
    read_all(memory, made.ref)


def read_all(store: MemoryStore, ref: Ref) -> None:
    found = artifact.read_ref(store, ref)
    for reader in (found, *found.units):
        for name in reader.names():
            reader.read(name)


def test_a_repair_puts_the_same_bytes_in_the_same_place(memory: MemoryStore) -> None:
    made = make(memory)
    memory.put(made.content[0].key, b"rotten")
    memory.delete(made.units[0].content[0].key)
    repaired = make(memory, evidence=b"another time", repair=True)
    assert repaired.digest == made.digest
    read_all(memory, made.ref)
    assert Artifact(memory, made).read("data.bin") == b"content"


def test_a_repair_that_gives_other_content_is_refused(memory: MemoryStore) -> None:
    made = make(memory)
    with pytest.raises(Nondeterministic, match="came out different"):
        make(memory, body=b"other content", repair=True)
    assert artifact.find(memory, RECIPE.step, RECIPE.key) == made


def test_a_manifest_that_cannot_be_read_is_replaced_by_a_repair(memory: MemoryStore) -> None:
    made = make(memory)
    place = artifact.manifest_key(RECIPE.step, RECIPE.key)
    memory.put(place, memory.get(place).data[:-20])
    with pytest.raises(Damaged):
        artifact.find(memory, RECIPE.step, RECIPE.key)
    assert make(memory, repair=True).digest == made.digest
    read_all(memory, made.ref)


def test_a_repair_where_nothing_is_left_makes_it_anew(memory: MemoryStore) -> None:
    assert make(memory, repair=True) == artifact.find(memory, RECIPE.step, RECIPE.key)


def test_a_reference_to_other_content_is_damage(memory: MemoryStore) -> None:
    made = make(memory)
    with pytest.raises(Damaged, match="other content"):
        artifact.read_ref(memory, Ref(step=made.step, key=made.key, digest="0" * 64))
    with pytest.raises(Damaged, match="is not in"):
        artifact.read_ref(memory, Ref(step=made.step, key="0" * 64, digest=made.digest))


def test_a_manifest_under_another_s_key_is_damage(memory: MemoryStore) -> None:
    make(memory)
    memory.put(artifact.manifest_key("room/step", "f" * 64), memory.get(artifact.manifest_key(RECIPE.step, RECIPE.key)).data)
    with pytest.raises(Damaged, match="speaks of"):
        artifact.find(memory, "room/step", "f" * 64)


def test_parts_and_units_that_are_not_there_are_named(memory: MemoryStore) -> None:
    found = Artifact(memory, make(memory))
    with pytest.raises(BadInput, match=r"no part 'x' here, only data.bin, report.txt"):
        found.read("x")
    with pytest.raises(BadInput, match="no unit 'x'"):
        found.unit("x")


def test_sealing_is_a_pure_function_of_the_units(memory: MemoryStore) -> None:
    whole = Recipe(step="room/all", parameters={}, inputs={}, code="")
    made = make(memory)
    first = artifact.seal(memory, whole, [("unit-0", made), ("unit-1", made)], "me")
    again = artifact.seal(MemoryStore(), whole, [("unit-0", made), ("unit-1", made)], "another")
    assert (first.digest, first.info) == (again.digest, {"units": 2, "items": 2})
    assert Artifact(memory, first).unit("unit-1").read("data.bin") == b"content"
    assert artifact.owner(first.units[0].content[0]) == (RECIPE.step, RECIPE.key)


def test_a_unit_s_digest_does_not_depend_on_its_name() -> None:
    part = records.Part(name="a", key="k", size=0, sha256="0" * 64)
    assert artifact.make_unit("one", (part,)).digest == artifact.make_unit("other", (part,)).digest


# --- pieces: what outlives a process before the artifact is true -------------------------------


def test_what_was_kept_is_found_by_the_next_attempt_and_goes_with_the_manifest(memory: MemoryStore) -> None:
    Draft(memory, RECIPE).keep({"part.bin": b"first"})
    Draft(memory, RECIPE).keep({"part.bin": b"second"})
    draft = Draft(memory, RECIPE)
    assert {one.read("part.bin") for one in draft.kept()} == {b"first", b"second"}
    for number, piece in enumerate(draft.kept()):
        draft.take(f"{number}.bin", piece.part("part.bin"))
    manifest = draft.commit()
    artifact.sweep(memory, manifest)
    assert {Artifact(memory, manifest).read(f"{number}.bin") for number in range(2)} == {b"first", b"second"}
    assert not [one.key for one in memory.list("") if "/pieces/" in one.key]


def test_equal_pieces_of_two_attempts_are_one(memory: MemoryStore) -> None:
    for _ in range(2):
        Draft(memory, RECIPE).keep({"part.bin": b"same"})
    assert len(Draft(memory, RECIPE).kept()) == 1


def test_a_piece_that_is_damaged_or_lost_is_none(memory: MemoryStore) -> None:
    draft = Draft(memory, RECIPE)
    for body in (b"one", b"two", b"three"):
        draft.keep({"part.bin": body})
    records_of_them = [one.key for one in memory.list("") if "/pieces/" in one.key]
    memory.put(records_of_them[0], b"{}")
    whole = {one.read("part.bin") for one in draft.kept()}
    assert len(whole) == 2
    memory.delete(draft.kept()[0].part("part.bin").key)
    assert len(draft.kept()) == 1


def test_a_piece_that_a_newer_one_replaces_goes_but_for_what_they_share(memory: MemoryStore) -> None:
    draft = Draft(memory, RECIPE)
    old = draft.keep({"state": b"1", "best": b"same"})
    new = draft.keep({"state": b"2", "best": b"same"})
    draft.forget(old, new)
    (left,) = draft.kept()
    assert (left.name, left.read("state"), left.read("best")) == (new.name, b"2", b"same")
    assert len(list(memory.list("artifacts/"))) == 3
