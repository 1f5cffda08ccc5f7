"""The pointer is moved by whoever saw it last."""

from __future__ import annotations

import pytest

from common.errors import BadInput, NotFound, Refused
from common.model import CARD_FILE, MODEL_FILE, version_of
from common.records import Pointer, Ref
from common.store.memory import MemoryStore
from jobs.controller import pointer
from tests.support.rooms import commit

REF = Ref(step="train", key="k", digest="0123456789abcdef")


def pointing(sequence: int, writer: str = "w") -> Pointer:
    return Pointer(dataset="d", sequence=sequence, run="r", snapshot=1, version="v", model=REF, gate=REF, writer=writer)


def test_no_model_serves_at_first(memory: MemoryStore) -> None:
    assert pointer.read(memory, "d").pointer is None


def test_of_two_that_saw_the_same_only_the_first_moves_it(memory: MemoryStore) -> None:
    nothing = pointer.read(memory, "d")
    assert pointer.move(memory, nothing, pointing(1, "a"))
    assert not pointer.move(memory, nothing, pointing(1, "b"))
    held = pointer.read(memory, "d")
    assert pointer.move(memory, held, pointing(2, "c"))
    assert not pointer.move(memory, held, pointing(2, "d"))
    found = pointer.read(memory, "d").pointer
    assert found is not None
    assert (found.sequence, found.writer) == (2, "c")


def test_a_published_model_lies_under_its_version_and_publishing_again_changes_no_byte(memory: MemoryStore) -> None:
    model = commit(memory, "train", {MODEL_FILE: b"onnx", CARD_FILE: b"card"}).manifest.ref
    version = pointer.publish(memory, "d", model)
    assert pointer.publish(memory, "d", model) == version == model.digest[:12]
    assert memory.get(f"models/d/{version}/{MODEL_FILE}").data == b"onnx"
    with pytest.raises(NotFound):
        memory.get("models/d/current.json")


def test_a_damaged_pointer_is_not_believed(memory: MemoryStore) -> None:
    pointer.move(memory, pointer.read(memory, "d"), pointing(1))
    memory.put(pointer.place("d"), memory.get(pointer.place("d")).data.replace(b'"sequence":1', b'"sequence":7'))
    with pytest.raises(BadInput, match="is damaged"):
        pointer.read(memory, "d")


# --- a person's word ---


def a_model(store: MemoryStore, name: bytes) -> Ref:
    return commit(store, "train", {MODEL_FILE: name, CARD_FILE: b"card"}).manifest.ref


def serve(store: MemoryStore, model: Ref, run: str = "r", *, pin: bool = False) -> Pointer:
    wanted = Pointer(dataset="d", sequence=0, run=run, snapshot=1, version=version_of(model), model=model, gate=REF, writer=run)
    return pointer.promote(store, wanted, pin=pin)


def test_a_person_promotes_and_pins_without_a_gate(memory: MemoryStore) -> None:
    first = serve(memory, a_model(memory, b"one"))
    second = serve(memory, a_model(memory, b"two"), pin=True)
    assert (first.sequence, first.pinned, second.sequence, second.pinned) == (1, False, 2, True)
    assert second.previous == first.version
    assert memory.get(f"models/d/{second.version}/{MODEL_FILE}").data == b"two"


def test_rolling_back_goes_to_what_served_before_and_pins_it(memory: MemoryStore) -> None:
    models = [a_model(memory, name) for name in (b"one", b"two", b"three")]
    for number, model in enumerate(models):
        serve(memory, model, run=f"run-{number}")
    back = pointer.roll_back(memory, "d", "me")
    assert (back.model, back.run, back.pinned, back.sequence) == (models[1], "run-1", True, 4)
    further = pointer.roll_back(memory, "d", "me")
    assert (further.model, further.sequence) == (models[0], 5)
    with pytest.raises(Refused, match="No model of d served before"):
        pointer.roll_back(memory, "d", "me")


def test_unpinning_keeps_the_model(memory: MemoryStore) -> None:
    served = serve(memory, a_model(memory, b"one"), pin=True)
    free = pointer.pin(memory, "d", "me", pinned=False)
    assert (free.model, free.pinned, free.sequence) == (served.model, False, 2)


def test_nothing_can_be_pinned_or_rolled_back_where_nothing_serves(memory: MemoryStore) -> None:
    with pytest.raises(Refused, match="No model of d serves yet"):
        pointer.pin(memory, "d", "me", pinned=True)
    with pytest.raises(Refused, match="No model of d serves yet"):
        pointer.roll_back(memory, "d", "me")


def test_a_person_s_word_is_put_on_top_of_what_others_did_meanwhile(memory: MemoryStore) -> None:
    from common.store.faults import Call, FaultyStore, When

    other = a_model(memory, b"other")
    raced = False

    def script(call: Call, when: When) -> None:
        nonlocal raced
        if when == "before" and call.verb == "put" and call.key == pointer.place("d") and not raced:
            raced = True
            serve(memory, other, run="other")

    mine = serve(FaultyStore(memory, script), a_model(memory, b"mine"))  # type: ignore[arg-type]
    assert raced
    assert (mine.sequence, mine.previous) == (2, version_of(other))
