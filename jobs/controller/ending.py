"""How a driver's Job ends, and the end of a run whose driver cannot write it.

A pod of the driver is asked to go (SIGTERM) for two reasons. Its Job's deadline has passed: then
nobody comes after it, and it ends the run. Or its node is drained: then the next pod goes on.
"""

from __future__ import annotations

import contextlib
import functools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from common.retry import Policy
from common.store import Store
from jobs.controller import runs
from jobs.controller.kubernetes import Absent, Api
from jobs.controller.mirror import Resource
from jobs.controller.pods import condition
from jobs.controller.render import DRIVER, RUN, STAGE

OVERDUE = "DeadlineExceeded"  # Kubernetes' word
GONE = "its driver is gone"
NOT_IN_TIME = "did not end by its deadline"
CONDITION_WITHIN_S, APPEARS_WITHIN_S, LOOK_EVERY_S = 10.0, 10.0, 0.5

Pause = Callable[[float], None]


class Terminated(BaseException):
    """The pod was asked to go; raised wherever its work just is, as a kill would come."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Raise Terminated on the first SIGTERM; others change nothing. (The first process of a container ignores it otherwise.)"""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise Terminated

    before = signal.signal(signal.SIGTERM, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def is_overdue(api: Api, job: str, pause: Pause = time.sleep) -> bool:
    """Has the Job's deadline passed? Its pods are asked to go a moment before the Job says so."""
    for _ in range(int(CONDITION_WITHIN_S / LOOK_EVERY_S)):
        try:
            found = Policy().call(lambda: api.read_job(job))
        except Absent:
            return False
        if "activeDeadlineSeconds" not in found["spec"]:
            return False
        if _was_overdue(found):
            return True
        pause(LOOK_EVERY_S)
    return False


def _was_overdue(job: Resource) -> bool:
    conditions = job.get("status", {}).get("conditions", ())
    return any(
        (one["type"] in ("FailureTarget", "Failed"), one["status"], one.get("reason")) == (True, "True", OVERDUE) for one in conditions
    )


def why_gone(api: Api, job: str, pause: Pause = time.sleep) -> str:
    """Say why nobody works for a driver's Job any more; "" where somebody does.

    A Job that is not there is looked for twice: who submits writes the run first, then makes its Job.
    """
    for last in (False, True):
        try:
            found = Policy().call(lambda: api.read_job(job))
        except Absent:
            if not last:
                pause(APPEARS_WITHIN_S)
            continue
        if condition(found) == ("", ""):
            return ""
        return f"it {NOT_IN_TIME}" if _was_overdue(found) else "its driver has ended"
    return GONE


def end_run(api: Api, store: Store, run: str, reason: str) -> None:
    """End a run as failed for its driver: delete the stages' Jobs, then write it down."""
    policy = Policy()
    jobs, _ = policy.call(lambda: api.list_jobs(f"{RUN}={run},{STAGE}!={DRIVER}"))
    for job in jobs:
        with contextlib.suppress(Absent):
            policy.call(functools.partial(api.delete_job, job["metadata"]["name"]))
    runs.forget_the_moment(store, run)
    runs.end(store, run, runs.FAILED, reason, writer="end")
