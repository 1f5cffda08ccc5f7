"""bench-controller: what the driver costs on a real cluster, as the API server's own audit log tells it.

Small runs of the whole pipeline by `darkroom submit`; each run's Jobs again by `kubectl create` and `kubectl wait`, one after
another, from the same plans, with what they made removed before. A hand-off is the time from the kubelet's word that the last
pod of what a Job waits for has ended to the API server's receiving that Job. Then a driver whose run has a snapshot of a
thousand shards, and one whose stage is frozen for five minutes. Drivers are Jobs with the chart's defaults.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from common import artifact, records
from common.artifact import seal
from common.records import Plan, Recipe, Run, StageRecord
from jobs.controller import graph, remote, runs, settings, submission
from jobs.controller.cluster import KubernetesLauncher
from jobs.controller.drive import Drive
from jobs.controller.kubernetes import connect
from jobs.controller.launcher import Job
from jobs.controller.plan import Observed
from jobs.controller.render import driver_name, render
from tests.bench.place import Place, prepared
from tests.bench.rows import Bench, below, emit, faster, machine, say
from tests.cluster.installed import SMALL, STAGES
from tests.cluster.kubernetes import wait_until
from tests.support.rooms import commit, defaults

ROUNDS, WIDE, IDLE_S = 2, 1000, 310.0
NEEDS = {"requests": {"cpu": "50m"}, "limits": {"cpu": "1", "memory": "1Gi"}}
POD_NAME_KEEPS = 54  # characters of a long Job's name
FETCHING = ("--plan", "artifacts/scrape.fetch/")  # on the command line of a stage that takes its time

LIMITS = (
    "A driver has a quarter of a core by default: its start, and a thousand questions to the store (a millisecond of boto3 each), take "
    "seconds there. On a machine that others work on, hand-offs wait for a core like everything else."
)


def main() -> None:
    with prepared({"resources": dict.fromkeys(STAGES, NEEDS)}) as place:
        rounds = [pipeline(place, number) for number in range(ROUNDS)]
        wide = thousand_shards(place)
        idle = frozen_stage(place)
    ours, by_hand = min(one.ours_s for one in rounds), min(one.by_hand_s for one in rounds)
    handed = [seconds for one in rounds for seconds in one.hand_offs]
    rows = [
        faster(
            "an almost empty pipeline: from the driver's Job to the run's end", ours, by_hand, "its Jobs by kubectl", round(1 / 1.15, 2)
        ),
        below("hand-off, from the last pod's end to the next Job, median", statistics.median(handed), 1.0, "budget", "s"),
        below("hand-off, from the last pod's end to the next Job, worst", max(handed), 1.0, "budget", "s"),
        below(f"{WIDE} shards: from the decision to their Job", wide.decided_s, 1.0, "budget", "s"),
        below(f"{WIDE} shards: from a new driver's first request to their Job", wide.begun_s, 1.0, "budget", "s"),
        below(f"{WIDE} shards: create calls", wide.creates, 1, "one", "calls"),
        below(f"a running stage where nothing happens, over {IDLE_S:.0f} s", idle.requests_a_minute, 6, "budget", "requests/min"),
        below("peak memory of a driver", idle.peak_mib, 512, "its limit", "MiB"),
    ]
    emit(Bench("controller", machine(), tuple(rows)))


# --- the audit log ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """A request as the API server wrote it down; `at` is when it came, `answered` when its answer went, both in seconds."""

    user: str
    verb: str
    resource: str
    name: str
    at: float
    answered: float


def requests(place: Place, since: float = 0.0) -> list[Request]:
    """Return the requests of the bench's namespace, oldest first; a watch counts once."""
    found: dict[str, Request] = {}
    for line in place.ours.audit_log.read_text().splitlines():
        if f'"namespace":"{place.namespace}"' in line:
            event = json.loads(line)
            found.setdefault(event["auditID"], _request(event))
    return sorted((one for one in found.values() if one.at >= since), key=lambda one: one.at)


def _request(event: Mapping[str, Any]) -> Request:
    about = event["objectRef"]
    resource = "/".join(about[part] for part in ("resource", "subresource") if about.get(part))
    times = [datetime.fromisoformat(event[name]).timestamp() for name in ("requestReceivedTimestamp", "stageTimestamp")]
    return Request(event["user"]["username"], event["verb"], resource, about.get("name", ""), *times)


def creations(seen: Sequence[Request], part: str = "") -> dict[str, Request]:
    """Return the first creation of each Job whose name holds the part."""
    found: dict[str, Request] = {}
    for one in seen:
        if (one.verb, one.resource) == ("create", "jobs") and part in one.name:
            found.setdefault(one.name, one)
    return found


# --- a pipeline -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Round:
    ours_s: float
    by_hand_s: float
    hand_offs: list[float]


def pipeline(place: Place, number: int) -> Round:
    document = place.installed.submit(f"scrape.seed={number}")
    ended = time.time()
    assert document["state"] == "done", document
    run = document["run"]
    seen = requests(place)
    ours_s = ended - creations(seen)[driver_name(run)].at
    jobs = list(jobs_of(place, run))
    found = hand_offs([job for job, _ in jobs], seen)
    by_hand_s = by_hand(place, jobs)
    say(f"  round {number + 1} of {ROUNDS}: driver {ours_s:.1f} s, by hand {by_hand_s:.1f} s")
    say(f"    hand-offs: {', '.join(f'{step} {seconds:.2f} s' for step, seconds in found.items())}")
    return Round(ours_s, by_hand_s, list(found.values()))


def jobs_of(place: Place, run: str) -> Iterator[tuple[dict[str, Any], Plan]]:
    """Yield the Jobs that a run had, in the order of the graph, each with its plan."""
    known, site = runs.read(place.store, run), place.site()
    for stage, step in graph.load().steps:
        recipe = known.records[step.name].recipe
        assert recipe is not None
        for one in place.store.list(f"{artifact.folder(step.name, recipe.key)}/plan-{run}-"):
            plan = records.decode(place.store.get(one.key).data, Plan, one.key)
            yield render(stage, plan, one.key, known.run.nodes, site), plan


def hand_offs(jobs: Sequence[Mapping[str, Any]], seen: Sequence[Request]) -> dict[str, float]:
    """Return, for each step that waited for other Jobs, the seconds from the end of their last pod to its Job."""
    names = {job["metadata"]["labels"]["darkroom/step"].replace(".", "/"): job["metadata"]["name"] for job in jobs}
    made = creations(seen)
    found = {}
    for _, step in graph.load().under(defaults()).steps:
        before = [names[one.source] for one in step.inputs if one.source in names]
        if before and step.name in names:
            at = made[names[step.name]].at
            found[step.name] = at - max(_pod_ended(seen, name, at) for name in before)
    return found


def _pod_ended(seen: Sequence[Request], job: str, until: float) -> float:
    """Return when a kubelet last said something of a Job's pods, before the next Job was made: that is how they ended."""
    begin = job[:POD_NAME_KEEPS]
    return max(one.at for one in seen if one.resource == "pods/status" and one.name.startswith(begin) and one.at <= until)


def by_hand(place: Place, jobs: Sequence[tuple[dict[str, Any], Plan]]) -> float:
    """Run the Jobs once more, as a person would without a driver; return the seconds."""
    keys = [artifact.manifest_key(plan.step, task.key) for _, plan in jobs for task in plan.tasks]
    for key in keys:
        place.store.delete(key)
    begun = time.monotonic()
    for job, _ in jobs:
        where = ("--namespace", place.namespace)
        place.kubernetes.kubectl("create", *where, "--filename=-", given=job)
        waited = ("--for=condition=Complete", "--timeout=120s")
        place.kubernetes.kubectl("wait", f"job/{job['metadata']['name']}", *where, *waited, timeout_s=130)
    taken = time.monotonic() - begun
    for key in keys:
        place.store.get(key)  # it was made again
    return taken


# --- a thousand shards ------------------------------------------------------------------------


@dataclass(frozen=True)
class Wide:
    """Seconds from a decision to the Job, and from a new driver's first request to it, looking at the store included."""

    decided_s: float
    begun_s: float
    creates: int


class Enough(Exception):
    """What was to be measured has been."""


class Stopwatch(KubernetesLauncher):
    """Stops a drive when the wide Job is created."""

    decided = created = 0.0

    def watch(self, _: Observed) -> None:
        self.decided = time.monotonic()

    def create(self, job: Job) -> None:
        super().create(job)
        if job["spec"]["completions"] == WIDE:
            self.created = time.monotonic()
            raise Enough


def thousand_shards(place: Place) -> Wide:
    """Drive a run that has a wide snapshot already until the Job that hashes it: here, and by a driver in its pod."""
    api, run = connect(place.namespace), wide_run(place)
    place.store.delete(runs.state_key(run.run))  # nobody drives it
    launcher = Stopwatch(api, run.run)
    with contextlib.suppress(Enough):
        Drive(place.store, launcher, run, place.site(), watch=launcher.watch)()
    launcher.close()
    remote.clear(api, run.run)

    run, since = wide_run(place), time.time()
    remote.start(api, place.site(), place.store, run)
    wait_until(lambda: bool(creations(requests(place, since), "-dedup-hash-")), 60)
    seen = requests(place, since)
    ((name, made),) = creations(seen, "-dedup-hash-").items()
    first = min(one.at for one in seen if one.user.endswith(":darkroom-driver") and one.name == driver_name(run.run))
    remote.clear(api, run.run)
    creates = sum(one.verb == "create" and one.name == name for one in seen)
    found = Wide(launcher.created - launcher.decided, made.answered - first, creates)
    say(f"  {WIDE} shards: {found.decided_s:.2f} s, {found.begun_s:.2f} s with all before it, {creates} create call(s)")
    return found


def wide_run(place: Place) -> Run:
    """Write a run whose scrape is done: a thousand shards, which need not be there to be counted."""
    steps = graph.load()
    resolved = settings.read(steps, "fashionTexture", SMALL, "")
    run = submission.create(place.store, submission.prepare(place.store, steps, "fashionTexture", resolved), 2, place.namespace)
    one = commit(place.store, "scrape/fetch", {"part": b""}).manifest
    several = [
        (f"shard-{number}", msgspec.structs.replace(one, content=(msgspec.structs.replace(one.content[0], sha256=f"{number:064x}"),)))
        for number in range(WIDE)
    ]
    snapshot = seal(place.store, Recipe(step="scrape/snapshot", parameters={}, inputs={}, code=""), several, "bench")
    for step in ("scrape/list", "scrape/fetch", "scrape/snapshot"):
        record = StageRecord(
            step=step,
            state=runs.DONE,
            cached=True,
            ref=snapshot.ref,
            recipe=snapshot.recipe,
            finished=runs.now_text(),
            info=snapshot.info,
        )
        place.store.put(runs.record_key(run.run, step), records.encode(record))
    return run


# --- nothing happens --------------------------------------------------------------------------


@dataclass(frozen=True)
class Idle:
    requests_a_minute: float
    peak_mib: float


def frozen_stage(place: Place) -> Idle:
    """Freeze a stage's processes while it runs, and count what its driver asks of the API server."""
    many = ["scrape.counts={dotted: 1500, striped: 1500}", "scrape.shardPictures=3000"]
    words = ["fashionTexture", "--on", "kubernetes", *(word for one in (*SMALL[2:], *many) for word in ("--set", one)), "--json"]
    submitted = place.installed.start("submit", *words)
    try:
        wait_until(lambda: len(processes(*FETCHING)) >= 2 or submitted.poll() is not None, 180)
        assert submitted.poll() is None, submitted.communicate()
        stage = processes(*FETCHING)
        run, driver = max((told.split()[-1], pid) for pid, told in processes("jobs.controller", "drive").items())  # names sort by time
        freeze(stage, signal.SIGSTOP)
        settled = time.time() + 5  # the Job's own news of its pod
        time.sleep(5 + IDLE_S)
        asked = [one for one in requests(place, settled) if one.user.endswith(":darkroom-driver")]
        peak = peak_mib(driver)
        freeze(stage, signal.SIGCONT)
        place.installed.start("cancel", run).communicate(timeout=60)
    finally:
        submitted.terminate()
        submitted.communicate(timeout=60)
    say(f"  idle: {len(asked)} requests in {IDLE_S:.0f} s ({', '.join(f'{one.verb} {one.resource}' for one in asked)}), {peak:.0f} MiB")
    return Idle(60 * max(len(asked), 1) / IDLE_S, peak)  # a ratio wants more than none


def processes(*words: str) -> dict[int, str]:
    """Return pids and command lines of processes in the nodes' pods, which this machine sees too."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                told = (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ").strip()
                inside = "/darkroom-node" in (entry / "cgroup").read_text()
            except OSError:
                continue
            if inside and all(word in told for word in words):
                found[int(entry.name)] = told
    return found


def freeze(pids: Mapping[int, str], how: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, how)


def peak_mib(pid: int) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
