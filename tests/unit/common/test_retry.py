"""The retry policy, on a clock that does not run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from common.errors import AccessDenied, Retryable, StoreThrottled, StoreUnavailable
from common.retry import Budget, Clock, Policy


class FakeTime:
    """A clock that advances only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.time, self.sleep)


def failing(times: int, error: Callable[[], Exception] = lambda: StoreUnavailable("no")) -> Callable[[], str]:
    left = times

    def work() -> str:
        nonlocal left
        if left:
            left -= 1
            raise error()
        return "done"

    return work


def test_a_call_that_heals_is_answered() -> None:
    time = FakeTime()
    assert Policy(attempts=4, clock=time.clock).call(failing(3)) == "done"
    assert len(time.pauses) == 3


def test_pauses_grow_and_are_jittered_below_their_limit() -> None:
    time = FakeTime()
    Policy(attempts=7, first_pause_s=1, longest_pause_s=5, clock=time.clock, jitter=lambda: 1.0).call(failing(6))
    assert time.pauses == [1, 2, 4, 5, 5, 5]
    half = FakeTime()
    Policy(attempts=3, first_pause_s=1, clock=half.clock, jitter=lambda: 0.5).call(failing(2))
    assert half.pauses == [0.5, 1.0]


def test_the_server_s_own_pause_is_kept() -> None:
    time = FakeTime()
    Policy(clock=time.clock, longest_pause_s=10).call(failing(1, lambda: StoreThrottled("later", 7.5)))
    assert time.pauses == [7.5]


def test_a_server_cannot_ask_for_an_endless_pause() -> None:
    time = FakeTime()
    Policy(clock=time.clock, longest_pause_s=10).call(failing(1, lambda: StoreThrottled("later", 86400)))
    assert time.pauses == [10]


def test_attempts_are_limited_and_the_last_error_is_raised() -> None:
    time = FakeTime()
    with pytest.raises(StoreUnavailable, match="no"):
        Policy(attempts=3, clock=time.clock).call(failing(99))
    assert len(time.pauses) == 2


def test_the_deadline_ends_it() -> None:
    time = FakeTime()
    policy = Policy(attempts=1000, first_pause_s=10, longest_pause_s=10, deadline_s=35, clock=time.clock, jitter=lambda: 1.0)
    with pytest.raises(Retryable):
        policy.call(failing(999))
    assert len(time.pauses) == 4


def test_what_cannot_heal_is_not_tried_again() -> None:
    time = FakeTime()
    with pytest.raises(AccessDenied):
        Policy(clock=time.clock).call(failing(1, lambda: AccessDenied("no")))
    assert time.pauses == []


def test_the_budget_is_shared_by_all_calls_and_refilled_by_success() -> None:
    time = FakeTime()
    budget = Budget(size=3, per_success=1)
    policy = Policy(attempts=100, budget=budget, clock=time.clock)
    with pytest.raises(StoreUnavailable):
        policy.call(failing(99))
    assert len(time.pauses) == 3
    policy.call(failing(0))
    policy.call(failing(1))
    with pytest.raises(StoreUnavailable):
        policy.call(failing(99))


def test_each_error_that_is_tried_again_is_noted() -> None:
    time = FakeTime()
    noted: list[Retryable] = []
    Policy(clock=time.clock).call(failing(2), on_retry=noted.append)
    assert len(noted) == 2
