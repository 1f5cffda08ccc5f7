"""Where a run's documents lie, and reading them."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from common import artifact, edits, records
from common.alive import alive, process_start
from common.errors import BadInput, Damaged, NotFound, PreconditionFailed, UnknownRun, did_you_mean
from common.records import Cancel, Driver, Edit, Held, Run, Scale, StageRecord, State, Waiting
from common.store import IfMatch, Store

D = TypeVar("D", bound=records.Document)

DRIVER = "DARKROOM_DRIVER"  # the name of the driver's Job, in its pods
SUBMIT = "submit"  # what makes a run, where nothing else did
RUNNING, DONE, FAILED, CANCELLED, INTERRUPTED = "running", "done", "failed", "cancelled", "interrupted"


def run_key(run: str) -> str:
    return f"runs/{run}/run.json"


def state_key(run: str) -> str:
    return f"runs/{run}/state.json"


def cancel_key(run: str) -> str:
    return f"runs/{run}/cancel.json"


def scale_key(run: str) -> str:
    return f"runs/{run}/scale.json"


def waiting_key(run: str) -> str:
    return f"runs/{run}/waiting.json"


def record_key(run: str, step: str) -> str:
    return f"runs/{run}/stages/{step.replace('/', '.')}.json"


def index_key(dataset: str, run: str) -> str:
    """The run's entry in its dataset's list; so that runs can be listed without reading their logs' names."""
    return f"datasets/{dataset}/runs/{run}"


@dataclass(frozen=True)
class Known:
    """A run's documents, read together."""

    run: Run
    state: State | None
    records: Mapping[str, StageRecord]
    cancel: Cancel | None
    waiting: Mapping[str, Held] = field(default_factory=dict)

    @property
    def is_with_a_job(self) -> bool:
        """Is it said to be running, on a cluster, where a Job drives it?"""
        return bool(self.run.namespace) and self.condition == RUNNING

    @property
    def condition(self) -> str:
        """Return the run's state; "running" only where its driver lives."""
        if self.state is None:
            return INTERRUPTED
        if self.state.state == RUNNING and not lives(self.state.driver):
            return INTERRUPTED
        return self.state.state


def me() -> Driver:
    """Return this process as a driver; pods of one driver's Job go by its name."""
    return Driver(host=_here(), pid=os.getpid(), started=process_start(os.getpid()))


def lives(driver: Driver | None) -> bool:
    """Is the driver's process there? One on another host is believed."""
    if driver is None:
        return False
    return driver.host != _here() or alive(driver.pid, driver.started)


def _here() -> str:
    return os.environ.get(DRIVER) or socket.gethostname()


def read(store: Store, run: str) -> Known:
    """Read a run.

    Raises:
        UnknownRun: there is none of this name; with the nearest one.
        BadInput: one of its documents is damaged.
    """
    try:
        request = records.decode(store.get(run_key(run)).data, Run, f"{store.url}/{run_key(run)}")
        state, cancel = read_state(store, run), _read_optional(store, cancel_key(run), Cancel)
        waiting = read_waiting(store, run) if state is not None and state.state == RUNNING else {}
        return Known(request, state, read_records(store, run), cancel, waiting)
    except NotFound:
        known = [name for _, name in names(store)]
        raise UnknownRun(f"There is no run {run!r} in {store.url}.{did_you_mean(run, known)} `darkroom runs` lists them.") from None
    except BadInput as error:
        raise BadInput(f"{error} Submit again: what the run made is kept.") from error


def now_text() -> str:
    """Return the time for people: ISO 8601, UTC, whole seconds. No decision rests on it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def end(store: Store, run: str, word: str, reason: str, writer: str) -> None:
    """Write down that a run without a driver is over; one that had ended stays as it was."""
    place = state_key(run)
    etag, started = None, now_text()
    with contextlib.suppress(NotFound):
        held = store.get(place)
        before = records.decode(held.data, State, f"{store.url}/{place}")
        if before.state != RUNNING:
            return
        etag, started = held.etag, before.started
    ended = State(state=word, driver=None, started=started, finished=now_text(), reason=reason, writer=writer)
    store.put(place, records.encode(ended), IfMatch(etag) if etag else "create")


def orphan(store: Store, run: str, reason: str) -> None:
    """Write down that a run has no driver any more, and is not over: it is interrupted."""
    with contextlib.suppress(PreconditionFailed, NotFound):  # somebody knows better meanwhile
        place = state_key(run)
        held = store.get(place)
        state = records.decode(held.data, State, f"{store.url}/{place}")
        if state.state == RUNNING:
            store.put(place, records.encode(msgspec.structs.replace(state, driver=None, reason=reason, writer="look")), IfMatch(held.etag))


def read_state(store: Store, run: str) -> State | None:
    return _read_optional(store, state_key(run), State)


def read_scale(store: Store, run: str) -> Scale | None:
    """Return the wish for another width, if there is one that can be read."""
    return read_sound(store, scale_key(run), Scale)


def read_waiting(store: Store, run: str) -> Mapping[str, Held]:
    """Return what the run's steps wait for, by step; a courtesy of its driver."""
    found = read_sound(store, waiting_key(run), Waiting)
    return found.steps if found is not None else {}


def forget_the_moment(store: Store, run: str) -> None:
    """Delete what is told of a run only while it works: how far its processes are, what its steps wait for."""
    for one in store.list(f"runs/{run}/progress/"):
        store.delete(one.key)
    store.delete(waiting_key(run))


def read_records(store: Store, run: str) -> dict[str, StageRecord]:
    """Return the records of the run's steps that have ended. Raises BadInput where one is damaged."""
    return {record.step: record for one in _records_of(store, run) if (record := _read_optional(store, one, StageRecord)) is not None}


def sound_records(store: Store, run: str) -> dict[str, StageRecord]:
    """Return the records of the run's steps that can be believed, for those who can do without the others."""
    return {record.step: record for one in _records_of(store, run) if (record := read_sound(store, one, StageRecord)) is not None}


def _records_of(store: Store, run: str) -> list[str]:
    return [one.key for one in store.list(f"runs/{run}/stages/")]


def names(store: Store, dataset: str = "") -> list[tuple[str, str]]:
    """Return (dataset, run) of all runs, oldest first."""
    pattern = re.compile(r"datasets/([^/]+)/runs/([^/]+)")
    prefix = f"datasets/{dataset}/runs/" if dataset else "datasets/"
    found = [match.groups() for one in store.list(prefix) if (match := pattern.fullmatch(one.key))]
    return sorted(((str(name), str(run)) for name, run in found), key=lambda pair: _time_of(pair[1]))


def before(store: Store, dataset: str, run: str) -> list[str]:
    """Return the dataset's runs before this one, newest first."""
    all_runs = [name for _, name in names(store, dataset)]
    earlier = all_runs[: all_runs.index(run)] if run in all_runs else all_runs
    return earlier[::-1]


def last_records(store: Store, dataset: str, run: str = "", *, most: int) -> dict[str, StageRecord]:
    """Return the newest record of each step in the dataset's runs (before one); looks no further when it has `most`."""
    found: dict[str, StageRecord] = {}
    for name in before(store, dataset, run):
        for step, record in sound_records(store, name).items():
            if record.recipe is not None:
                found.setdefault(step, record)
        if len(found) >= most:
            break
    return found


def edits_of(store: Store, run: str) -> list[Edit]:
    """Return the edits that a run uses, oldest first; none where it uses none, or they cannot be read any more."""
    request = read_sound(store, run_key(run), Run)
    ref = request.frozen.get("edits") if request else None
    if ref is None:
        return []
    try:
        return edits.frozen_in(artifact.read_ref(store, ref))
    except (Damaged, BadInput):
        return []


def _time_of(run: str) -> tuple[str, str]:
    stamp = re.search(r"\d{8}-\d{6}-\d{6}", run)
    return (stamp[0] if stamp else "", run)


def read_sound(store: Store, key: str, kind: type[D]) -> D | None:
    """Return a document that its reader can do without; None where it is absent or damaged."""
    with contextlib.suppress(BadInput):
        return _read_optional(store, key, kind)
    return None


def _read_optional(store: Store, key: str, kind: type[D]) -> D | None:
    try:
        return records.decode(store.get(key).data, kind, f"{store.url}/{key}")
    except NotFound:
        return None
