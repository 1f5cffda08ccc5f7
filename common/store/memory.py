"""A store in memory: the product's own fake, and the fastest run of the contract.

`snapshot` and `restore` copy the whole state, so that a test can go back to the moment after
any call, which is what a kill -9 leaves behind.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from common.errors import AlreadyExists, NotFound, PreconditionFailed
from common.store.base import MOST_BYTES, IfMatch, Meta, Object, PutMode, check_key, check_size


class MemoryStore:
    """Objects in a dict; one lock makes each verb atomic."""

    def __init__(self, objects: Mapping[str, Object] | None = None, now: Callable[[], float] = time.time) -> None:
        self._objects: dict[str, Object] = dict(objects or {})
        self._versions = itertools.count(1 + max((int(one.etag[1:]) for one in self._objects.values()), default=0))
        self._lock = threading.Lock()
        self._now = now
        self._times: dict[str, float] = {}
        self._restored = now()

    @property
    def url(self) -> str:
        return "memory://"

    def snapshot(self) -> dict[str, Object]:
        """Return the whole state; objects are immutable, so this is a shallow copy."""
        with self._lock:
            return dict(self._objects)

    def get(self, key: str, most: int = MOST_BYTES) -> Object:
        with self._lock:
            found = self._find(key)
        check_size(key, len(found.data), most)
        return found

    def get_range(self, key: str, start: int, length: int) -> bytes:
        with self._lock:
            return self._find(key).data[start : start + length]

    def head(self, key: str) -> Meta:
        with self._lock:
            found = self._find(key)
        return Meta(key, len(found.data), found.etag, self._written(key))

    def list(self, prefix: str) -> Iterator[Meta]:
        state = self.snapshot()
        for key in sorted(state):
            if key.startswith(prefix):
                yield Meta(key, len(state[key].data), state[key].etag, self._written(key))

    def put(self, key: str, data: bytes, mode: PutMode = "overwrite") -> str:
        check_key(key)
        with self._lock:
            held = self._objects.get(key)
            if mode == "create" and held is not None:
                raise AlreadyExists(f"{key} is already in {self.url}.")
            if isinstance(mode, IfMatch) and (held is None or held.etag != mode.etag):
                raise PreconditionFailed(f"{key} in {self.url} is not the version that was to be replaced.")
            etag = f"v{next(self._versions)}"
            self._objects[key] = Object(bytes(data), etag)
            self._times[key] = self._now()
            return etag

    def upload(self, key: str, path: Path) -> str:
        return self.put(key, path.read_bytes())

    def download(self, key: str, path: Path) -> None:
        path.write_bytes(self.get(key).data)

    def delete(self, key: str) -> None:
        with self._lock:
            self._objects.pop(key, None)

    def _written(self, key: str) -> float:
        return self._times.get(key, self._restored)

    def _find(self, key: str) -> Object:
        if key not in self._objects:
            raise NotFound(f"{key} is not in {self.url}.")
        return self._objects[key]
