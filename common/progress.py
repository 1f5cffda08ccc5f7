"""Progress: how far, at what rate, how long still."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Protocol, TypeVar

T = TypeVar("T")


class Reporter(Protocol):
    """Takes note of how far a piece of work is."""

    def __call__(self, done: int, total: int, note: str = "") -> None: ...


def silent(done: int, total: int, note: str = "") -> None:
    """Report to nobody."""


def track(items: Iterable[T], report: Reporter, total: int | None = None, note: str = "") -> Iterator[T]:
    """Yield the items and report after each."""
    size = total if total is not None else len(items) if isinstance(items, Sized) else 0
    report(0, size, note)
    for done, item in enumerate(items, start=1):
        yield item
        report(done, size, note)


class Throttled:
    """Passes a report on at most every `every_s` seconds, and always the last of a total."""

    def __init__(self, report: Reporter, every_s: float = 0.5, now: Callable[[], float] = time.monotonic) -> None:
        self._report = report
        self._every_s = every_s
        self._now = now
        self._last = -1e9

    def __call__(self, done: int, total: int, note: str = "") -> None:
        now = self._now()
        if now - self._last >= self._every_s or (total and done == total):
            self._last = now
            self._report(done, total, note)


def rate_and_left(done: int, total: int, elapsed_s: float) -> tuple[float, float | None]:
    """Return items per second, and the seconds left (None where that cannot be told)."""
    rate = done / elapsed_s if elapsed_s > 0 else 0.0
    left = (total - done) / rate if rate > 0 and total >= done > 0 else None
    return rate, left


def duration(seconds: float) -> str:
    """Write a duration the way people say it: 8 s, 2 min 5 s, 1 h 12 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
