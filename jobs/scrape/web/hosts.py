"""How often each host may be asked: a window that grows while it answers and halves when it says too much, pauses it asks for,
and leaving alone a host that does not answer. Nothing here reads a clock; times are seconds of the caller's.
"""

from __future__ import annotations

from asyncio import Future
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from jobs.scrape.web.exchange import FetchLimits
from jobs.scrape.web.failures import Failed

Job = TypeVar("Job")

MOST_KEPT = 20_000


class Window:
    """How many at once: doubles with every round of successes until it was once cut, then grows by one a round."""

    def __init__(self, first: int, most: int, least: int = 1) -> None:
        self.size = float(first)
        self._most = most
        self._least = least
        self._cut_at = float("-inf")
        self._was_cut = False

    def grow(self) -> None:
        """Note a success."""
        self.size = min(self._most, self.size + (1 / self.size if self._was_cut else 1))

    def cut(self, started: float, now: float) -> None:
        """Halve it, once for all that were under way together: what `started` before the last cut is no news."""
        if started >= self._cut_at:
            self.size = max(self._least, self.size / 2)
            self._cut_at = now
            self._was_cut = True


class Host(Generic[Job]):
    """What is known of one host and port, and what waits for it."""

    def __init__(self, limits: FetchLimits) -> None:
        self.pending: deque[Job] = deque()
        self.waiters: deque[Future[None]] = deque()
        self.busy = 0
        self.listed = False  # among those that may start something
        self.alive = False
        self.window = Window(limits.host_first, limits.host_most)
        self.paused_until = float("-inf")
        self._limits = limits
        self._failures = 0
        self._aside: Failed | None = None
        self._aside_until = float("-inf")

    def has_room(self) -> bool:
        """Tell whether one more may be under way. One alone finds out whether the host answers at all."""
        return self.busy < (int(self.window.size) if self.alive else 1)

    def answered(self) -> None:
        """Note that it answered, whatever it said."""
        self.alive = True
        self._failures = 0

    def was_silent(self, failed: Failed, now: float) -> None:
        """Note that it did not answer; too often in a row, and it is set aside."""
        self._failures += 1
        if self._failures >= self._limits.host_failures:
            self.set_aside(failed, now, self._limits.aside_s)

    def set_aside(self, failed: Failed, now: float, seconds: float) -> None:
        """Fail all that is asked of it for a while, for the reason of the last failure."""
        self._failures = 0
        self.alive = False
        self._aside, self._aside_until = failed.retold(), now + seconds

    def aside(self, now: float) -> Failed | None:
        """Return why it is left alone now, or None."""
        return self._aside if now < self._aside_until else None


class Hosts(Generic[Job]):
    """All hosts that were met; the idle ones are forgotten when there are too many."""

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits
        self._hosts: dict[tuple[str, int], Host[Job]] = {}

    def of(self, host: str, port: int) -> Host[Job]:
        """Return the one for a host and port."""
        key = (host, port)
        found = self._hosts.get(key)
        if found is None:
            found = self._hosts[key] = Host(self._limits)
        return found

    def __iter__(self) -> Iterator[Host[Job]]:
        return iter(self._hosts.values())

    def forget(self) -> None:
        """Forget the oldest while more are kept than should be; to be called when none is in use."""
        for key in list(self._hosts)[: max(0, len(self._hosts) - MOST_KEPT)]:
            del self._hosts[key]
