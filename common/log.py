"""Logs leave a process as it speaks, so that what it said survives how it ends.

Lines are gathered and put into the store as numbered chunks, each under its own key, at most
`every_s` seconds apart. A SIGKILL of the worker loses nothing: another process does the putting.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from common.errors import DarkroomError
from common.store.base import Store

EVERY_S = 4.0
CHUNK_BYTES = 256 * 1024
MOST_BYTES = 1 << 30
_WHOLE = "whole"


def folder(run: str, step: str, index: int, token: str) -> str:
    """Return the prefix of one process's chunks."""
    return f"runs/{run}/logs/{step.replace('/', '.')}/{index:05d}-{token}/"


class Shipper:
    """Puts lines into the store in chunks; a store that fails costs lines, never the work."""

    def __init__(self, store: Store, prefix: str, every_s: float = EVERY_S, now: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._prefix = prefix
        self._every_s = every_s
        self._now = now
        self._waiting = bytearray()
        self._chunks = 0
        self._last = now()
        self.lost_bytes = 0

    def add(self, line: bytes) -> None:
        self._waiting += line
        self.tick()

    def tick(self) -> None:
        """Put what waits if it is time."""
        if self._now() - self._last >= self._every_s or len(self._waiting) >= CHUNK_BYTES:
            self.flush()

    def flush(self) -> None:
        self._last = self._now()
        if not self._waiting:
            return
        data, self._waiting = bytes(self._waiting), bytearray()
        self._chunks += 1
        try:
            self._store.put(f"{self._prefix}{self._chunks:06d}", data)
        except DarkroomError:
            self.lost_bytes += len(data)


def read(store: Store, run: str, step: str) -> list[tuple[int, bytes]]:
    """Return (index, text) of all processes of a step, in order of index, then of start."""
    return [(int(process.partition("-")[0]), _text(store, keys)) for process, keys in _processes(store, run, step).items()]


def compact(store: Store, run: str, step: str) -> None:
    """Make one object of each process's chunks; it counts as soon as it is there, chunks or not."""
    for keys in _processes(store, run, step).values():
        if len(keys) > 1:
            whole = f"{keys[0].rpartition('/')[0]}/{_WHOLE}"
            store.put(whole, _text(store, keys))
            for key in keys:
                if key != whole:
                    store.delete(key)


def _processes(store: Store, run: str, step: str) -> dict[str, list[str]]:
    prefix = f"runs/{run}/logs/{step.replace('/', '.')}/"
    keys: dict[str, list[str]] = {}
    for found in store.list(prefix):
        keys.setdefault(found.key.removeprefix(prefix).partition("/")[0], []).append(found.key)
    return keys


def _text(store: Store, keys: list[str]) -> bytes:
    whole = [key for key in keys if key.endswith(f"/{_WHOLE}")]
    return b"".join(store.get(key, MOST_BYTES).data for key in whole or keys)
