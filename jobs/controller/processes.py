"""The launcher for one machine: Jobs as processes.

It executes the very dict that Kubernetes would get: the fields in `EXECUTED`; those in
`IGNORED` mean nothing for a process, and any other is an error, so no setting is dropped in
silence. Semantics (retries for each index, exit-code rules, conditions and their reasons) are
those of the Job API. The processes hold a pipe from this one and die with it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from common import records
from common.alive import alive, process_start
from common.errors import BadInput
from common.records import Failure
from jobs import harness
from jobs.controller.launcher import COMPLETE, FAILED, Conflict, Ending, Job, JobStatus

EXECUTED = {
    "apiVersion",
    "kind",
    "metadata.name",
    "metadata.labels",
    "metadata.annotations",
    "spec.completions",
    "spec.parallelism",
    "spec.completionMode",
    "spec.backoffLimitPerIndex",
    "spec.activeDeadlineSeconds",
    "spec.podReplacementPolicy",
    "spec.podFailurePolicy.rules",
    "spec.template.spec.restartPolicy",
    "spec.template.spec.terminationGracePeriodSeconds",
    "spec.template.spec.containers.command",
    "spec.template.spec.containers.args",
    "spec.template.spec.containers.env",
    "spec.template.spec.containers.name",
}
IGNORED = {
    "spec.template.metadata": "pods have labels, processes do not",
    "spec.template.spec.automountServiceAccountToken": "there are no tokens here",
    "spec.template.spec.enableServiceLinks": "there are no Services here",
    "spec.template.spec.securityContext": "a process has its user's rights",
    "spec.template.spec.tolerations": "there are no nodes here",
    "spec.template.spec.volumes": "a process uses the machine's own temporary folder",
    "spec.template.spec.containers.image": "a process runs this installation",
    "spec.template.spec.containers.resources": "threads come in env; a process is not confined",
    "spec.template.spec.containers.securityContext": "a process has its user's rights",
    "spec.template.spec.containers.terminationMessagePolicy": "last words go to a file",
    "spec.template.spec.containers.volumeMounts": "a process uses the machine's own temporary folder",
}
RETRY_PAUSE_S = (0.0, 1.0, 2.0, 4.0, 8.0)
POLL_S = 0.02


class Process(Protocol):
    """A started process, as far as the launcher needs it."""

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""

    def wait(self) -> int:
        """Return the exit code when it has ended."""


Spawn = Callable[[list[str], Mapping[str, str]], Process]


@dataclass
class _Attempt:
    index: int
    process: Process
    words: Path


@dataclass
class _Running:
    """A Job in execution."""

    job: Job
    spec_hash: str
    deadline: float
    parallelism: int
    waiting: list[int]
    running: list[_Attempt] = field(default_factory=list)
    failures: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    not_before: dict[int, float] = field(default_factory=dict)
    succeeded: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    endings: list[Ending] = field(default_factory=list)
    condition: str = ""
    reason: str = ""

    @property
    def spec(self) -> Mapping[str, Any]:
        spec: Mapping[str, Any] = self.job["spec"]
        return spec


class ProcessLauncher:
    """Runs Jobs as processes, at most `slots` at once over all Jobs."""

    def __init__(self, slots: int, spawn: Spawn | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._slots = slots
        self._now = now
        self._jobs: dict[str, _Running] = {}
        self._lifeline = os.pipe()
        self._folder = _words_folder()
        self._spawn = spawn or self._start_process

    def create(self, job: Job) -> None:
        check_fields(job)
        name, spec_hash = job["metadata"]["name"], records.digest_of(job)
        if name in self._jobs:
            if self._jobs[name].spec_hash != spec_hash:
                raise Conflict(f"There is another Job named {name}.")
            return
        deadline = self._now() + job["spec"].get("activeDeadlineSeconds", 1e12)
        self._jobs[name] = _Running(
            job, spec_hash, deadline, job["spec"].get("parallelism", 1), waiting=list(range(job["spec"]["completions"]))
        )
        self._advance()

    def observe(self, run: str) -> list[JobStatus]:
        self._advance()
        return [_status(one) for one in self._jobs.values() if one.job["metadata"]["labels"]["darkroom/run"] == run]

    def scale(self, name: str, parallelism: int) -> None:
        if name in self._jobs:
            self._jobs[name].parallelism = parallelism
            self._slots = max(self._slots, parallelism)
            self._advance()

    def delete(self, name: str) -> None:
        job = self._jobs.pop(name, None)
        if job is not None:
            self._stop(job.running, job.spec["template"]["spec"].get("terminationGracePeriodSeconds", 30))

    def wait(self, timeout_s: float) -> None:
        until = self._now() + timeout_s
        before = self._state()
        while self._now() < until:
            self._advance()
            if self._state() != before:
                return
            time.sleep(min(POLL_S, timeout_s))

    def close(self) -> None:
        for name in list(self._jobs):
            self.delete(name)
        for descriptor in self._lifeline:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _state(self) -> list[tuple[int, int, str]]:
        return [(len(job.endings), len(job.running), job.condition) for job in self._jobs.values()]

    # --- one turn of the Job controller ---

    def _advance(self) -> None:
        for job in self._jobs.values():
            self._reap(job)
            if not job.condition:
                self._judge(job)
        for job in self._jobs.values():
            if not job.condition:
                self._fill(job)

    def _reap(self, job: _Running) -> None:
        ended = [(attempt, code) for attempt in job.running if (code := attempt.process.poll()) is not None]
        job.running = [attempt for attempt in job.running if attempt not in [one for one, _ in ended]]
        for attempt, returned in ended:
            code = returned if returned >= 0 else 128 - returned
            job.endings.append(Ending(attempt.index, code, _read_words(attempt.words)))
            if code == 0:
                job.succeeded.add(attempt.index)
            else:
                self._count_failure(job, attempt.index, code)

    def _count_failure(self, job: _Running, index: int, code: int) -> None:
        match _action(job.spec, code):
            case "FailJob":
                self._end(job, FAILED, "PodFailurePolicy")
            case "FailIndex":
                job.failed.add(index)
            case _:
                job.failures[index] += 1
                if job.failures[index] > job.spec.get("backoffLimitPerIndex", 0):
                    job.failed.add(index)
                else:
                    pause = RETRY_PAUSE_S[min(job.failures[index], len(RETRY_PAUSE_S)) - 1]
                    job.not_before[index] = self._now() + pause
                    job.waiting.append(index)

    def _judge(self, job: _Running) -> None:
        if self._now() >= job.deadline:
            self._end(job, FAILED, "DeadlineExceeded")
        elif len(job.succeeded) == job.spec["completions"]:
            self._end(job, COMPLETE, "")
        elif len(job.succeeded | job.failed) == job.spec["completions"]:
            self._end(job, FAILED, "FailedIndexes")

    def _end(self, job: _Running, condition: str, reason: str) -> None:
        job.condition, job.reason, job.waiting = condition, reason, []
        running, job.running = job.running, []
        self._stop(running, job.spec["template"]["spec"].get("terminationGracePeriodSeconds", 30))

    def _fill(self, job: _Running) -> None:
        for index in list(job.waiting):
            busy = sum(len(one.running) for one in self._jobs.values())
            if busy >= self._slots or len(job.running) >= job.parallelism:
                return
            if self._now() >= job.not_before.get(index, 0):
                job.waiting.remove(index)
                job.running.append(self._begin(job, index))

    def _begin(self, job: _Running, index: int) -> _Attempt:
        container = job.spec["template"]["spec"]["containers"][0]
        words = self._folder / f"{job.job['metadata']['name']}-{index}-{len(job.endings)}-{job.failures[index]}"
        environment = {one["name"]: str(one["value"]) for one in container.get("env", [])}
        environment |= {harness.INDEX: str(index), harness.LAST_WORDS: str(words)}
        return _Attempt(index, self._spawn([*container["command"], *container.get("args", [])], environment), words)

    def _start_process(self, command: list[str], environment: Mapping[str, str]) -> Process:
        lifeline = self._lifeline[0]
        return subprocess.Popen(
            command,
            env={**os.environ, **environment, harness.LIFELINE: str(lifeline)},
            pass_fds=(lifeline,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a terminal's Ctrl-C is the controller's to handle
        )

    def _stop(self, attempts: Iterable[_Attempt], grace_s: float) -> None:
        left = list(attempts)
        for attempt in left:
            attempt.process.terminate()
        until = self._now() + grace_s
        while left and self._now() < until:
            left = [attempt for attempt in left if attempt.process.poll() is None]
            time.sleep(POLL_S if left else 0)
        for attempt in left:
            attempt.process.kill()
            attempt.process.wait()


def check_fields(job: Job) -> None:
    """Refuse a Job with a field that would be dropped in silence.

    Raises:
        BadInput: with the names of all such fields.
    """
    unknown = sorted(path for path in _paths(job, "") if not _known(path))
    if unknown:
        raise BadInput(f"The process launcher does not know the Job fields {', '.join(unknown)}.")
    if len(job["spec"]["template"]["spec"]["containers"]) != 1 or job["spec"].get("completionMode") != "Indexed":
        raise BadInput("The process launcher runs Indexed Jobs of one container.")


def _paths(value: Any, path: str) -> Iterable[str]:
    if isinstance(value, Mapping) and not _known(path):
        for key, entry in value.items():
            yield from _paths(entry, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and not _known(path):
        for entry in value:
            yield from _paths(entry, path)
    else:
        yield path


def _known(path: str) -> bool:
    return path in EXECUTED or path in IGNORED


def _action(spec: Mapping[str, Any], code: int) -> str:
    """Return what the first matching podFailurePolicy rule says of an exit code; "Count" if none does."""
    for rule in spec.get("podFailurePolicy", {}).get("rules", []):
        wanted = rule.get("onExitCodes")
        if wanted is not None and (code in wanted["values"]) == (wanted["operator"] == "In"):
            return str(rule["action"])
    return "Count"


def _read_words(path: Path) -> Failure | None:
    try:
        return records.decode(path.read_bytes(), Failure, str(path))
    except (OSError, BadInput):
        return None


def _status(one: _Running) -> JobStatus:
    return JobStatus(
        name=one.job["metadata"]["name"],
        labels=one.job["metadata"]["labels"],
        completions=one.spec["completions"],
        parallelism=one.parallelism,
        condition=one.condition,
        reason=one.reason,
        active=len(one.running),
        succeeded=frozenset(one.succeeded),
        failed=frozenset(one.failed),
        endings=tuple(one.endings),
    )


def _words_folder() -> Path:
    """Make a folder for last words, named by this process; remove those of processes that were killed."""
    temporary, prefix = Path(tempfile.gettempdir()), "darkroom-words"
    for path in temporary.glob(f"{prefix}-*-*-*"):
        _, _, pid, started, *_ = path.name.split("-")
        if path.is_dir() and pid.isdigit() and not alive(int(pid), started):
            shutil.rmtree(path, ignore_errors=True)
    me = os.getpid()
    return Path(tempfile.mkdtemp(prefix=f"{prefix}-{me}-{process_start(me)}-"))
