"""How much may be inside at once: pictures, and bytes of bodies. What does not fit is refused at once, not queued."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jobs.serve.refusals import Refusal

_REMEMBERED = 0.9  # of what a picture took so far, against what the last one took


class Room:
    """Counts what is inside; lives in one event loop, so it needs no lock."""

    def __init__(self, pictures: int, bytes_: int, now: Callable[[], float] = time.monotonic) -> None:
        self._most_pictures = pictures
        self._most_bytes = bytes_
        self._now = now
        self.pictures = 0
        self.bytes = 0
        self._seconds = 0.1

    @property
    def is_full(self) -> bool:
        return self.pictures >= self._most_pictures

    @contextmanager
    def of_pictures(self, count: int) -> Iterator[None]:
        """Let so many pictures in until the block ends. Raises Refusal (429)."""
        if self.pictures + count > self._most_pictures:
            raise self.refusal()
        self.pictures += count
        begun = self._now()
        try:
            yield
        finally:
            self.pictures -= count
            self._seconds = _REMEMBERED * self._seconds + (1 - _REMEMBERED) * (self._now() - begun)

    def take_bytes(self, count: int) -> None:
        """Let so many bytes in, until `give_bytes`. Raises Refusal (429)."""
        if self.bytes + count > self._most_bytes:
            raise self.refusal()
        self.bytes += count

    def give_bytes(self, count: int) -> None:
        self.bytes -= count

    def refusal(self) -> Refusal:
        """Return what is told to those who do not fit: come again when those inside will have left."""
        return Refusal(429, "There are too many pictures here just now; come again a little later.", max(1, math.ceil(self._seconds)))
