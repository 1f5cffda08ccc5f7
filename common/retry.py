"""One retry policy for every call that leaves the process.

Tenacity does the looping; what is ours is the policy: full jitter (so that many pods do not
come back together), the server's own Retry-After where it gives one, a deadline, and a budget
shared by all calls of a process (so that retries cannot multiply an overload).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import tenacity

from common.errors import Retryable

T = TypeVar("T")


def retry_after_s(value: str) -> float | None:
    """Return the seconds that a Retry-After header asks for, given as such or as a date (RFC 9110); None where it says nothing."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        then = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (then.astimezone(UTC) - datetime.now(UTC)).total_seconds())


@dataclass
class Budget:
    """Retries a process may spend in all: `size` at once, refilled by 1 for `per_success` successes."""

    size: float = 50.0
    per_success: float = 10.0
    _left: float = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._left = self.size

    def spend(self) -> bool:
        """Take one retry; False when none is left."""
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def earn(self) -> None:
        """Note a success."""
        with self._lock:
            self._left = min(self.size, self._left + 1 / self.per_success)


@dataclass(frozen=True)
class Clock:
    """Time as a value, so that tests need not wait."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Policy:
    """Attempts, the first pause and the longest (seconds, before jitter), and the total deadline."""

    attempts: int = 6
    first_pause_s: float = 0.1
    longest_pause_s: float = 10.0
    deadline_s: float = 60.0
    budget: Budget = field(default_factory=Budget)
    clock: Clock = Clock()
    jitter: Callable[[], float] = random.random

    def pause_s(self, attempt: int, error: BaseException | None) -> float:
        """Return the pause before attempt + 1: what the server asked for, else full jitter."""
        if isinstance(error, Retryable) and error.retry_after_s is not None:
            return min(error.retry_after_s, self.longest_pause_s)
        return self.jitter() * min(self.longest_pause_s, self.first_pause_s * 2.0 ** (attempt - 1))

    def call(self, work: Callable[[], T], on_retry: Callable[[Retryable], None] | None = None) -> T:
        """Call `work` until it succeeds, fails for good, or the policy gives up.

        `on_retry` sees each error that is about to be tried again.

        Raises:
            Retryable: the last error, when attempts, deadline or budget are used up.
        """
        started = self.clock.now()

        def give_up(state: tenacity.RetryCallState) -> bool:
            late = self.clock.now() - started >= self.deadline_s
            return state.attempt_number >= self.attempts or late or not self.budget.spend()

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            return self.pause_s(state.attempt_number, error)

        def before_sleep(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            if on_retry is not None and isinstance(error, Retryable):
                on_retry(error)

        retrying = tenacity.Retrying(
            stop=give_up,
            wait=wait,
            retry=tenacity.retry_if_exception_type(Retryable),
            sleep=self.clock.sleep,
            before_sleep=before_sleep,
            reraise=True,
        )
        result = retrying(work)
        self.budget.earn()
        return result
