"""Image shards: pictures in a tar, with an index.

The tar follows WebDataset's naming (`ID.jpg`), so other tools can read it; the index (Parquet)
says where each picture lies, so one picture is one ranged read. Both are a pure function of
the pictures: equal pictures in equal order give equal bytes.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from common.errors import Damaged
from common.records import Value
from common.tables import read_table, write_table

if TYPE_CHECKING:
    from common.artifact import Parts

TAR, INDEX = "images.tar", "index.parquet"


class Entry(Value, frozen=True, kw_only=True):
    """Where a picture lies in its tar (bytes) and what it is. `id` is the sha256 of its bytes."""

    id: str
    extension: str
    offset: int
    size: int
    width: int
    height: int


@dataclass(frozen=True)
class Picture:
    """A picture on its way into a shard."""

    id: str
    extension: str
    data: bytes
    width: int
    height: int


def pack(pictures: Iterable[Picture]) -> dict[str, bytes]:
    """Return a shard's parts: the tar and its index."""
    buffer = io.BytesIO()
    entries = []
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for one in pictures:
            head = tarfile.TarInfo(f"{one.id}.{one.extension}")
            head.size = len(one.data)
            offset = buffer.tell() + tarfile.BLOCKSIZE
            tar.addfile(head, io.BytesIO(one.data))
            entries.append(Entry(id=one.id, extension=one.extension, offset=offset, size=len(one.data), width=one.width, height=one.height))
    return {TAR: buffer.getvalue(), INDEX: write_table(entries, Entry)}


def read_index(shard: Parts) -> list[Entry]:
    """Return a shard's entries in the order of its tar."""
    return read_entries(shard.read(INDEX))


def read_entries(index: bytes) -> list[Entry]:
    """Return the entries of a shard's index. Raises BadInput."""
    return read_table(index, Entry)


def read_pictures(shard: Parts) -> Iterator[tuple[Entry, bytes]]:
    """Yield every picture of a shard; the tar's own sum covers the bytes."""
    tar = shard.read(TAR)
    for entry in read_index(shard):
        yield entry, tar[entry.offset : entry.offset + entry.size]


def read_picture(shard: Parts, entry: Entry) -> bytes:
    """Read one picture by range and check it against its id.

    Raises:
        Damaged: the bytes are not that picture.
    """
    from common.artifact import owner

    part = shard.part(TAR)
    data = shard.store.get_range(part.key, entry.offset, entry.size)
    if sha256(data).hexdigest() != entry.id:
        step, key = owner(part)
        raise Damaged(f"picture {entry.id[:12]} in {part.key} is not what was stored.", step=step, key=key)
    return data
