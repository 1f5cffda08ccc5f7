"""Ends of drivers' Jobs: when one is overdue, when nobody works for it any more, and being asked to go."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from common import records
from common.records import Driver, State
from common.store.memory import MemoryStore
from jobs.controller import ending, runs
from jobs.controller.render import RUN, STAGE
from tests.support.namespace import Namespace


def never(_: float) -> None:
    raise AssertionError("there is nothing to wait for")


def after(count: int, then: Callable[[], object]) -> Callable[[float], None]:
    """Return a pause that does something when it is called for the last of `count` times."""
    left = [count]

    def pause(_: float) -> None:
        left[0] -= 1
        if left[0] == 0:
            then()

    return pause


def test_sigterm_is_raised_where_the_work_is_and_only_once() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def be_killed_twice() -> None:
        with ending.terminable():
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGTERM)

    with pytest.raises(ending.Terminated):
        be_killed_twice()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_job_is_overdue_when_it_says_so_which_may_take_a_moment() -> None:
    namespace = Namespace()
    namespace.add_job("j")
    waits = after(3, lambda: namespace.end_job("j", "FailureTarget", "DeadlineExceeded"))
    assert ending.is_overdue(namespace, "j", waits)
    assert ending.is_overdue(namespace, "j", never)


def test_a_job_that_says_nothing_or_something_else_is_not_overdue() -> None:
    namespace = Namespace()
    namespace.add_job("drained")
    assert not ending.is_overdue(namespace, "drained", lambda _: None)
    namespace.add_job("none", spec={})
    assert not ending.is_overdue(namespace, "none", never)
    assert not ending.is_overdue(namespace, "gone", never)
    namespace.end_job("drained", "Failed", "BackoffLimitExceeded")
    assert not ending.is_overdue(namespace, "drained", lambda _: None)


def test_who_drives_a_job_that_runs_is_there() -> None:
    namespace = Namespace()
    namespace.add_job("j")
    assert ending.why_gone(namespace, "j", never) == ""
    namespace.end_job("j", "FailureTarget", "DeadlineExceeded")  # its pods are still ending
    assert ending.why_gone(namespace, "j", never) == ""


def test_a_job_that_is_about_to_be_made_is_waited_for() -> None:
    namespace = Namespace()
    assert ending.why_gone(namespace, "j", lambda _: None) == "its driver is gone"
    assert ending.why_gone(namespace, "j", after(1, lambda: namespace.add_job("j"))) == ""


@pytest.mark.parametrize(
    ("condition", "reason", "said"),
    [("Failed", "DeadlineExceeded", "it did not end by its deadline"), ("Failed", "BackoffLimitExceeded", "its driver has ended"),
     ("Complete", "", "its driver has ended")],
)  # fmt: skip
def test_a_job_that_has_ended_says_why(condition: str, reason: str, said: str) -> None:
    namespace = Namespace()
    namespace.add_job("j")
    namespace.end_job("j", condition, reason)
    assert ending.why_gone(namespace, "j", never) == said


def test_a_run_is_ended_with_its_jobs_and_one_that_had_ended_stays(memory: MemoryStore) -> None:
    namespace = Namespace()
    for name, run, stage in (("driver", "r", "driver"), ("train", "r", "train"), ("other", "q", "train")):
        namespace.add_job(name)["metadata"]["labels"] = {RUN: run, STAGE: stage}
    running = State(state=runs.RUNNING, driver=Driver(host="driver", pid=0, started=""), started="then", writer="w")
    memory.put(runs.state_key("r"), records.encode(running))
    memory.put("runs/r/progress/train.0.json", b"{}")
    ending.end_run(namespace, memory, "r", "Its driver is gone.")
    assert set(namespace.jobs) == {"driver", "other"}
    state = runs.read_state(memory, "r")
    assert state is not None
    assert (state.state, state.reason, state.started, state.driver) == (runs.FAILED, "Its driver is gone.", "then", None)
    assert list(memory.snapshot()) == [runs.state_key("r")]
    ending.end_run(namespace, memory, "r", "Another word.")
    assert runs.read_state(memory, "r") == state
