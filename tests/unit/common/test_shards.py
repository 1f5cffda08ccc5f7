"""Shards: readable by other tools, by range, and the same bytes for the same pictures."""

from __future__ import annotations

import io
import tarfile

import pytest

from common import shards
from common.artifact import Artifact, Draft
from common.errors import Damaged
from common.records import Recipe
from common.store.memory import MemoryStore
from tests.support.pictures import drawing, encode, shard_picture

PICTURES = [shard_picture(encode(drawing("bars", index), kind)) for index, kind in enumerate(["PNG", "JPEG", "PNG", "WEBP"])]


def stored(store: MemoryStore) -> Artifact:
    draft = Draft(store, Recipe(step="scrape/fetch", parameters={}, inputs={}, code=""))
    for name, data in shards.pack(PICTURES).items():
        draft.write(name, data)
    return Artifact(store, draft.commit())


def test_equal_pictures_give_equal_bytes() -> None:
    assert shards.pack(PICTURES) == shards.pack(list(PICTURES))


def test_the_tar_is_one_that_other_tools_read() -> None:
    with tarfile.open(fileobj=io.BytesIO(shards.pack(PICTURES)[shards.TAR])) as tar:
        assert tar.getnames() == [f"{one.id}.{one.extension}" for one in PICTURES]
        assert {(member.mtime, member.uid, member.mode) for member in tar} == {(0, 0, 0o644)}


def test_pictures_are_read_back_in_order_and_by_range(memory: MemoryStore) -> None:
    shard = stored(memory)
    assert [data for _, data in shards.read_pictures(shard)] == [one.data for one in PICTURES]
    entries = shards.read_index(shard)
    assert [shards.read_picture(shard, entry) for entry in reversed(entries)] == [one.data for one in reversed(PICTURES)]
    assert [(entry.width, entry.height) for entry in entries] == [(32, 32)] * 4


def test_a_picture_that_is_not_what_was_stored_is_damage(memory: MemoryStore) -> None:
    shard = stored(memory)
    part = shard.part(shards.TAR)
    entry = shards.read_index(shard)[1]
    data = bytearray(memory.get(part.key).data)
    data[entry.offset + 5] ^= 1
    memory.put(part.key, bytes(data))
    with pytest.raises(Damaged, match="is not what was stored"):
        shards.read_picture(shard, entry)


def test_an_empty_shard_is_a_shard(memory: MemoryStore) -> None:
    draft = Draft(memory, Recipe(step="scrape/fetch", parameters={}, inputs={}, code=""))
    for name, data in shards.pack([]).items():
        draft.write(name, data)
    assert list(shards.read_pictures(Artifact(memory, draft.commit()))) == []
