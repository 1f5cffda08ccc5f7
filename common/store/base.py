"""What a store promises.

A store holds immutable byte strings under keys. Its one strong promise is the conditional
write: of any number of writers that put the same key with `create`, or with the same
`IfMatch`, exactly one wins, and no reader ever sees a partly written object. Everything that
Darkroom calls true rests on that promise, so `probe.py` tests it before it is trusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from common.errors import BadInput

MOST_BYTES = 64 * 1024 * 1024  # of an object whose reader does not say otherwise


@dataclass(frozen=True)
class IfMatch:
    """Replace the object only where its etag is still this one."""

    etag: str


PutMode = Literal["create", "overwrite"] | IfMatch


@dataclass(frozen=True)
class Meta:
    """What is known of an object without reading it. `etag` names the version, not the content.

    `modified` is when it was written, in seconds since 1970 by the store's clock: nothing that must be true may rest on it.
    """

    key: str
    size: int
    etag: str
    modified: float


@dataclass(frozen=True)
class Object:
    """An object's bytes and the version they belong to."""

    data: bytes
    etag: str


class Store(Protocol):
    """Object storage. Every verb may raise StoreUnavailable, AccessDenied or BucketMissing."""

    @property
    def url(self) -> str:
        """Where this is, as a person writes it: `file:///…` or `s3://bucket/prefix`."""

    def get(self, key: str, most: int = MOST_BYTES) -> Object:
        """Read a whole object. Raises NotFound; BadInput where it has more than `most` bytes."""

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Read `length` bytes from `start` (fewer at the end). Raises NotFound."""

    def head(self, key: str) -> Meta:
        """Return an object's size and version. Raises NotFound."""

    def list(self, prefix: str) -> Iterator[Meta]:
        """Yield all objects whose key starts with `prefix`, in the order of their keys."""

    def put(self, key: str, data: bytes, mode: PutMode = "overwrite") -> str:
        """Write an object whole and durably; return its etag.

        Raises:
            AlreadyExists: mode is "create" and the key is taken.
            PreconditionFailed: mode is IfMatch and the object is another version, or gone.
            StoreFull: no room.
        """

    def upload(self, key: str, path: Path) -> str:
        """Write a file's bytes as an object (overwriting); return its etag."""

    def download(self, key: str, path: Path) -> None:
        """Write an object's bytes to a file. Raises NotFound."""

    def delete(self, key: str) -> None:
        """Remove an object; removing what is not there is no error."""


def check_size(key: str, size: int, most: int) -> None:
    """Refuse an object before it is read. Raises BadInput."""
    if size > most:
        raise BadInput(f"{key} has {size} bytes; at most {most} are read.")


_SEGMENT = re.compile(r"[A-Za-z0-9_=+@,-][A-Za-z0-9_.=+@,-]*")
MAX_KEY_LENGTH = 900


def check_key(key: str) -> str:
    """Return `key` if every store can hold it.

    Segments are letters, digits and `_ . = + @ , -`, none starts with a dot: so no key climbs
    out of a folder, collides with a store's own files, or needs quoting in a URL.

    Raises:
        BadInput: the key is not of that form.
    """
    if len(key) > MAX_KEY_LENGTH or not all(_SEGMENT.fullmatch(part) for part in key.split("/")):
        raise BadInput(f"{key!r} cannot be a key in the store: use letters, digits and _ . = + @ , - between slashes.")
    return key
