"""A store that tries again, and knows its own writes.

A conditional write whose reply was lost may have happened. When the next try then meets an
object, the answer is in the object: Darkroom's conditional writes all carry a token of their
writer, so equal bytes mean that the earlier try was the one that won.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from common.errors import AlreadyExists, NotFound, PreconditionFailed, Retryable
from common.retry import Policy
from common.store.base import MOST_BYTES, Meta, Object, PutMode, Store


class RetryingStore:
    """Every verb of `inner` under one retry policy."""

    def __init__(self, inner: Store, policy: Policy | None = None) -> None:
        self._inner = inner
        self._policy = policy or Policy()

    @property
    def url(self) -> str:
        return self._inner.url

    def get(self, key: str, most: int = MOST_BYTES) -> Object:
        return self._policy.call(lambda: self._inner.get(key, most))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self._policy.call(lambda: self._inner.get_range(key, start, length))

    def head(self, key: str) -> Meta:
        return self._policy.call(lambda: self._inner.head(key))

    def list(self, prefix: str) -> Iterator[Meta]:
        yield from self._policy.call(lambda: list(self._inner.list(prefix)))

    def put(self, key: str, data: bytes, mode: PutMode = "overwrite") -> str:
        unclear = False

        def note(_: Retryable) -> None:
            nonlocal unclear
            unclear = True

        try:
            return self._policy.call(lambda: self._inner.put(key, data, mode), on_retry=note)
        except (AlreadyExists, PreconditionFailed):
            mine = self._etag_if_holds(key, data) if unclear else None
            if mine is None:
                raise
            return mine

    def upload(self, key: str, path: Path) -> str:
        return self._policy.call(lambda: self._inner.upload(key, path))

    def download(self, key: str, path: Path) -> None:
        self._policy.call(lambda: self._inner.download(key, path))

    def delete(self, key: str) -> None:
        self._policy.call(lambda: self._inner.delete(key))

    def _etag_if_holds(self, key: str, data: bytes) -> str | None:
        try:
            found = self.get(key)
        except NotFound:
            return None
        return found.etag if found.data == data else None
