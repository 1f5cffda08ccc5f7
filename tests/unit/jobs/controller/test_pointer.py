"""The pointer is moved by whoever saw it last."""

from __future__ import annotations

import pytest

from common.errors import BadInput, NotFound
from common.model import CARD_FILE, MODEL_FILE
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


def test_a_published_model_lies_under_its_version_and_publishing_again_changes_nothing(memory: MemoryStore) -> None:
    model = commit(memory, "train", {MODEL_FILE: b"onnx", CARD_FILE: b"card"}).manifest.ref
    version = pointer.publish(memory, "d", model)
    etag = memory.head(f"models/d/{version}/{MODEL_FILE}").etag
    assert pointer.publish(memory, "d", model) == version == model.digest[:12]
    assert memory.get(f"models/d/{version}/{MODEL_FILE}").data == b"onnx"
    assert memory.head(f"models/d/{version}/{MODEL_FILE}").etag == etag
    with pytest.raises(NotFound):
        memory.get("models/d/current.json")


def test_a_damaged_pointer_is_not_believed(memory: MemoryStore) -> None:
    pointer.move(memory, pointer.read(memory, "d"), pointing(1))
    memory.put(pointer.place("d"), memory.get(pointer.place("d")).data.replace(b'"sequence":1', b'"sequence":7'))
    with pytest.raises(BadInput, match="is damaged"):
        pointer.read(memory, "d")
