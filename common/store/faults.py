"""A store that fails on purpose: the fault script, part of the product so that anyone can test on it.

A script sees each call twice, before it takes effect and after, and may raise: an error that
the caller must cope with, or `Killed`, which stands for kill -9 at that very point. Raising
after the effect is a reply that was lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from common.store.base import MOST_BYTES, Meta, Object, PutMode, Store

T = TypeVar("T")

When = Literal["before", "after"]
WRITES = ("put", "upload", "delete")


class Killed(BaseException):
    """The process ends here. Only a test, or what stands for the operating system, catches it."""


@dataclass(frozen=True)
class Call:
    """One call to the store; `number` counts from 1."""

    number: int
    verb: str
    key: str

    @property
    def writes(self) -> bool:
        return self.verb in WRITES


Script = Callable[[Call, When], None]


class FaultyStore:
    """Passes every call to `inner`, showing it to a script. `fired` counts the faults that it raised."""

    def __init__(self, inner: Store, script: Script) -> None:
        self._inner = inner
        self._script = script
        self.calls: list[Call] = []
        self.fired = 0

    @property
    def url(self) -> str:
        return self._inner.url

    def get(self, key: str, most: int = MOST_BYTES) -> Object:
        return self._do("get", key, lambda: self._inner.get(key, most))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self._do("get_range", key, lambda: self._inner.get_range(key, start, length))

    def head(self, key: str) -> Meta:
        return self._do("head", key, lambda: self._inner.head(key))

    def list(self, prefix: str) -> Iterator[Meta]:
        yield from self._do("list", prefix, lambda: list(self._inner.list(prefix)))

    def put(self, key: str, data: bytes, mode: PutMode = "overwrite") -> str:
        return self._do("put", key, lambda: self._inner.put(key, data, mode))

    def upload(self, key: str, path: Path) -> str:
        return self._do("upload", key, lambda: self._inner.upload(key, path))

    def download(self, key: str, path: Path) -> None:
        self._do("download", key, lambda: self._inner.download(key, path))

    def delete(self, key: str) -> None:
        self._do("delete", key, lambda: self._inner.delete(key))

    def _do(self, verb: str, key: str, work: Callable[[], T]) -> T:
        call = Call(len(self.calls) + 1, verb, key)
        self.calls.append(call)
        self._show(call, "before")
        result = work()
        self._show(call, "after")
        return result

    def _show(self, call: Call, when: When) -> None:
        try:
            self._script(call, when)
        except BaseException:
            self.fired += 1
            raise


def raise_at(number: int, when: When, error: Callable[[], BaseException] = Killed) -> Script:
    """Return a script that raises once, at one call."""

    def script(call: Call, moment: When) -> None:
        if (call.number, moment) == (number, when):
            raise error()

    return script
