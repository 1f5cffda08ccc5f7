"""A firing of a schedule: from its Job to a run, or to the reason why there is none.

Crash-only, as all of the driver: the run's name follows from the Job and the time that it was
planned for, and each document is written once. So a pod that comes after a killed one finds what
that one came to, and goes on with the same run. Of two firings at once, one has the turn.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from common import records
from common.errors import AlreadyExists, BadInput, NotFound, PreconditionFailed, Refused, Retryable, StoreUnavailable
from common.parameters import Resolved, Values
from common.records import Asked, Driver, Firing, Run, Schedule, Turn
from common.retry import Policy
from common.store import IfMatch, Store
from common.store.asking import ask_all
from jobs.controller import ending, graph, remote, runs, submission
from jobs.controller.ending import Pause
from jobs.controller.kubernetes import Api
from jobs.controller.mirror import Resource
from jobs.controller.render import RUN, TERMINATION_MESSAGE
from jobs.scrape.sources import kind_of

PLANNED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
KEPT = 100


def schedule_key(dataset: str) -> str:
    return f"datasets/{dataset}/schedule.json"


def turn_key(dataset: str) -> str:
    return f"datasets/{dataset}/turn.json"


def firings_prefix(dataset: str) -> str:
    return f"datasets/{dataset}/firings/"


def read_schedule(store: Store, dataset: str) -> Schedule:
    """Return a dataset's schedule. Raises NotFound; BadInput, NewerSchema."""
    place = schedule_key(dataset)
    return records.decode(store.get(place).data, Schedule, f"{store.url}/{place}")


def read_firings(store: Store, dataset: str, most: int = KEPT) -> list[Firing]:
    """Return what the newest firings came to, oldest first; a word that is damaged is left out."""
    keys = [one.key for one in store.list(firings_prefix(dataset))][-most:]
    return [found for key in keys if (found := runs.read_sound(store, key, Firing)) is not None]


@dataclass(frozen=True)
class Rival:
    """Another run of the dataset that is said to be running. `gone` says why nobody drives it any more; "" where somebody does."""

    run: str
    gone: str


def decide(rivals: Iterable[Rival]) -> tuple[str, list[Rival]]:
    """Return the run to yield to ("" for none), and the runs that nobody drives any more."""
    living = next((one.run for one in rivals if not one.gone), "")
    return living, [one for one in rivals if one.gone]


@dataclass(frozen=True)
class Occasion(remote.Task):
    """One firing, as the task of its Job. `planned` is in UTC, `last_words` where the pod leaves them."""

    dataset: str
    job: str
    planned: datetime
    last_words: str = ""
    pause: Pause = time.sleep

    def begin(self) -> bool:
        """Make sure of this firing's run; False where there is to be none."""
        try:
            return self._begin()
        except Refused as error:
            kind = StoreUnavailable if isinstance(error.__cause__, Retryable) else BadInput
            raise kind(str(error)) from error

    def fail(self, reason: str) -> None:
        if self._read_run(self.run) is None:
            self._note(reason=reason)
        else:
            super().fail(reason)

    def _begin(self) -> bool:
        noted = runs.read_sound(self.store, self._place, Firing)
        if noted is not None:
            return bool(noted.run)
        run = self._read_run(self.run)
        if run is None:
            reason = self._reason_to_yield()
            if reason:
                self._note(reason=reason)
                self._say(f"There is no run of {self.dataset} this time: {reason}")
                return False
            run = self._make_run()
        submission.enter(self.store, run, self._driver())
        Policy().call(lambda: self.api.patch_job(self.job, {"metadata": {"labels": {RUN: self.run}}}))  # so it is found by its run
        self._note(run=run.run)
        return True

    def _reason_to_yield(self) -> str:
        holder = self._take_turn()
        if holder:
            return f"the firing {holder} has the turn."
        living, gone = decide(self._rivals())
        if living:
            return f"{living} is still running."
        for one in gone:
            print(f"{one.run} is ended: {one.gone}.", flush=True)
            ending.end_run(self.api, self.store, one.run, f"{one.gone[0].upper()}{one.gone[1:]}.")
        return ""

    def _take_turn(self) -> str:
        """Have the turn; return the Job that has it instead, if one does that has not ended."""
        mine = records.encode(Turn(job=self.job, writer=secrets.token_hex(8)))
        while True:
            etag = None
            with contextlib.suppress(NotFound, BadInput):
                held = self.store.get(turn_key(self.dataset))
                etag = held.etag
                holder = records.decode(held.data, Turn, f"{self.store.url}/{turn_key(self.dataset)}").job
                if holder == self.job:
                    return ""
                if not ending.why_gone(self.api, holder, self.pause):
                    return holder
            with contextlib.suppress(AlreadyExists, PreconditionFailed):
                self.store.put(turn_key(self.dataset), mine, IfMatch(etag) if etag else "create")
                return ""

    def _rivals(self) -> list[Rival]:
        """Return the dataset's other running runs that Jobs of this namespace drive: of others nobody here can tell whether they live."""
        names = [name for _, name in runs.names(self.store, self.dataset)]
        return [one for one in ask_all(self._rival, names) if one is not None]

    def _rival(self, name: str) -> Rival | None:
        with contextlib.suppress(BadInput):  # a damaged run is nobody's
            state, run = runs.read_state(self.store, name), self._read_run(name)
            if state is not None and state.state == runs.RUNNING and run is not None and run.namespace == self.api.namespace:
                return Rival(name, ending.why_gone(self.api, state.driver.host, self.pause) if state.driver else ending.GONE)
        return None

    def _make_run(self) -> Run:
        schedule = read_schedule(self.store, self.dataset)
        resolved = Resolved(Values(schedule.settings), schedule.origins)
        ask = Asked(time=self.planned.isoformat(), listing=True) if kind_of(resolved.values.text("source")).web else None
        prepared = submission.prepare(self.store, graph.load(), self.dataset, resolved, ask=ask)
        trigger = f"schedule, planned for {self.planned.isoformat()}"
        try:
            return submission.create(self.store, prepared, schedule.nodes, self.api.namespace, self.run, self._driver(), trigger)
        except AlreadyExists:  # another pod of this Job was first
            return runs.read(self.store, self.run).run

    def _read_run(self, name: str) -> Run | None:
        with contextlib.suppress(NotFound):
            return records.decode(self.store.get(runs.run_key(name)).data, Run, f"{self.store.url}/{runs.run_key(name)}")
        return None

    def _driver(self) -> Driver:
        return submission.job_as_driver(self.job)

    # --- what it came to ---

    @property
    def _place(self) -> str:
        return f"{firings_prefix(self.dataset)}{self.planned.strftime('%Y%m%dT%H%M%SZ')}-{self.job}.json"

    def _note(self, run: str = "", reason: str = "") -> None:
        firing = Firing(dataset=self.dataset, planned=self.planned.isoformat(), job=self.job, run=run, reason=reason)
        with contextlib.suppress(AlreadyExists):
            self.store.put(self._place, records.encode(firing), "create")
        for old in list(self.store.list(firings_prefix(self.dataset)))[:-KEPT]:
            self.store.delete(old.key)

    def _say(self, words: str) -> None:
        print(words, flush=True)
        if self.last_words:
            with contextlib.suppress(OSError):
                Path(self.last_words).write_text(words, encoding="utf-8")


def occasion(api: Api, store: Store, dataset: str, job: Resource, last_words: str = "") -> Occasion:
    """Return the firing that a Job is. One that was made by hand was planned for when it was made."""
    metadata = job["metadata"]
    said = metadata.get("annotations", {}).get(PLANNED) or metadata["creationTimestamp"]
    planned = datetime.fromisoformat(said).astimezone(UTC)
    # The digits after the seconds tell apart datasets whose names begin alike, and two firings in one second.
    mark = int(sha256(f"{dataset} {metadata['name']}".encode()).hexdigest(), 16) % 1_000_000
    name = submission.name_at(dataset, planned.replace(microsecond=mark))
    return Occasion(api, store, name, dataset, metadata["name"], planned, last_words)


def drive(store: Store, dataset: str, environment: Mapping[str, str] = os.environ) -> int:
    """Be the driver of a firing, in the pod of its Job; return the exit code."""
    return remote.work(environment, lambda api, job: occasion(api, store, dataset, job, TERMINATION_MESSAGE))
