"""Schedules: a CronJob whose Jobs are drivers, and the settings that they read from the store.

The settings are frozen in the store when a dataset is scheduled; the CronJob names the dataset.
Scheduling again replaces both. What a firing does is in `firing.py`.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from common import records
from common.errors import AlreadyExists, BadInput, NotFound, PreconditionFailed, Refused, Usage
from common.parameters import Resolved
from common.records import Firing, Schedule
from common.retry import Policy
from common.store import IfMatch, Store
from jobs.controller import cron, firing, graph, remote, runs, settings, submission
from jobs.controller.kubernetes import Absent, Api
from jobs.controller.mirror import Resource
from jobs.controller.render import DRIVER_LABELS, driver_spec
from jobs.controller.site import Site
from jobs.scrape.sources import kind_of

DATASET = "darkroom/dataset"  # an annotation: a label holds fewer names
JOB_NAME = "metadata.labels['batch.kubernetes.io/job-name']"
NAME_LENGTH = 52  # of a CronJob: its Jobs add eleven characters
LEAST_S = 30  # the CronJob controller looks every ten seconds
KEEP_JOBS = 3
SELECTOR = ",".join(f"{name}={value}" for name, value in DRIVER_LABELS.items())
SHOWN = 10
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


@dataclass(frozen=True)
class Timing:
    """When a schedule fires (a cron expression in a zone), how late it may begin, and how long a run may take."""

    cron: str
    zone: str
    deadline_s: int
    starting_deadline_s: int


def read_timing(text: str, zone: str, deadline: str, starting_deadline: str) -> Timing:
    """Check what a person wrote. Raises Usage."""
    cron.following(text, cron.read_zone(zone), datetime.now(UTC))
    return Timing(text, zone, read_duration(deadline), read_duration(starting_deadline))


def read_duration(text: str) -> int:
    """Read `6h`, `1h30m` or `90s` as seconds. Raises Usage."""
    match = _DURATION.fullmatch(text)
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    found = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if found < LEAST_S:
        raise Usage(f"{text!r} is no time of {LEAST_S} seconds or more: write it as in 6h, 1h30m or 90s.")
    return found


def name_of(dataset: str) -> str:
    """Return the name of a dataset's CronJob: other datasets have other names."""
    slug = submission.slug(dataset)
    name = f"darkroom-{slug}"
    if slug == dataset and len(name) <= NAME_LENGTH:
        return name
    mark = sha256(dataset.encode()).hexdigest()[:8]
    return f"{name[: NAME_LENGTH - len(mark) - 1].rstrip('-')}-{mark}"


def render_schedule(dataset: str, timing: Timing, site: Site) -> dict[str, Any]:
    """Return the CronJob of a dataset's schedule. Whether it is suspended is not said: that is a person's."""
    own_name = {"name": runs.DRIVER, "valueFrom": {"fieldRef": {"fieldPath": JOB_NAME}}}
    driver = driver_spec(site, ["drive-scheduled", dataset], DRIVER_LABELS, own_name)
    about = {"labels": dict(DRIVER_LABELS), "annotations": {DATASET: dataset}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name_of(dataset), **about, **({"ownerReferences": [site.owner]} if site.owner else {})},
        "spec": {
            "schedule": timing.cron,
            "timeZone": timing.zone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": timing.starting_deadline_s,
            "successfulJobsHistoryLimit": KEEP_JOBS,
            "failedJobsHistoryLimit": KEEP_JOBS,
            "jobTemplate": {"metadata": about, "spec": {"activeDeadlineSeconds": timing.deadline_s, **driver}},
        },
    }


def put(
    api: Api, site: Site, store: Store, dataset: str, source: str, assignments: Sequence[str], nodes: int | None, timing: Timing
) -> str:
    """Schedule a dataset, or change how it is scheduled. Returns a sentence.

    The API server is asked first whether it would take the CronJob, so that a refusal changes nothing.

    Raises:
        Refused: pods cannot read the source, or another person schedules the same dataset at this moment.
        ClusterRefused: the API server does not take it.
    """
    resolved = settings.read(graph.load(), dataset, assignments, source)
    found = resolved.values.text("source")
    if kind_of(found).listed and not found.startswith("s3://"):
        raise Refused(f"Pods cannot read {found}, on this machine, whenever they run. Schedule s3://bucket/prefix, or a list there.")
    manifest, policy = render_schedule(dataset, timing, site), Policy()
    policy.call(lambda: api.apply_cron_job(manifest, dry_run=True))
    _freeze(store, dataset, resolved, nodes or remote.NODES)
    made = policy.call(lambda: api.apply_cron_job(manifest, dry_run=False))
    one = document(made, datetime.now(UTC))
    when = f"{dataset} runs at {timing.cron!r} in {timing.zone}"
    return f"{when}, but is suspended." if one["suspended"] else f"{when}, next at {one['next']}."


def _freeze(store: Store, dataset: str, resolved: Resolved, nodes: int) -> None:
    schedule = Schedule(
        dataset=dataset,
        settings=dict(resolved.values),
        origins=dict(resolved.origins),
        nodes=nodes,
        asked=runs.now_text(),
        writer=secrets.token_hex(8),
    )
    place = firing.schedule_key(dataset)
    etag = None
    with contextlib.suppress(NotFound):
        etag = store.head(place).etag
    try:
        store.put(place, records.encode(schedule), IfMatch(etag) if etag else "create")
    except (AlreadyExists, PreconditionFailed):
        if _writer(store, place) != schedule.writer:  # else it is our own, of which the reply was lost
            raise Refused(f"Somebody else has scheduled {dataset} at this moment. `darkroom schedule {dataset}` shows how.") from None


def _writer(store: Store, place: str) -> str:
    with contextlib.suppress(NotFound, BadInput):
        return records.decode(store.get(place).data, Schedule, place).writer
    return ""


def remove(api: Api, store: Store, dataset: str) -> str:
    """End a schedule: its CronJob and Jobs, then its settings. Its runs stay. Returns a sentence; raises Refused where there is none."""
    try:
        Policy().call(lambda: api.delete_cron_job(name_of(dataset)))
        found = True
    except Absent:
        found = False
    try:
        store.head(firing.schedule_key(dataset))
    except NotFound:
        if not found:
            raise _no_schedule(dataset) from None
    store.delete(firing.schedule_key(dataset))
    return f"{dataset} is scheduled no longer. Its runs stay."


def suspend(api: Api, dataset: str, *, suspended: bool) -> str:
    """Let a schedule rest, or go on. Returns a sentence; raises Refused where there is none."""
    try:
        Policy().call(lambda: api.suspend_cron_job(name_of(dataset), suspended=suspended))
    except Absent:
        raise _no_schedule(dataset) from None
    return f"{dataset} is suspended: it does not run until --unsuspend." if suspended else f"{dataset} runs by its schedule again."


def _no_schedule(dataset: str) -> Refused:
    return Refused(f"{dataset} is not scheduled in this namespace. `darkroom schedule` lists what is.")


def documents(api: Api) -> list[dict[str, Any]]:
    """Return the namespace's schedules, by dataset."""
    found = Policy().call(lambda: api.list_cron_jobs(SELECTOR))
    now = datetime.now(UTC)
    return sorted((document(one, now) for one in found), key=lambda one: str(one["dataset"]))


def document(cron_job: Resource, now: datetime) -> dict[str, Any]:
    """Return a schedule as JSON: times are ISO 8601, in UTC; `next` is None while it is suspended, or where it is not known."""
    spec, status = cron_job["spec"], cron_job.get("status", {})
    suspended = bool(spec.get("suspend", False))
    zone = spec.get("timeZone", "")
    following = None
    with contextlib.suppress(Usage):
        following = None if suspended else cron.following(spec["schedule"], cron.read_zone(zone), now)
    return {
        "dataset": cron_job["metadata"].get("annotations", {}).get(DATASET, ""),
        "name": cron_job["metadata"]["name"],
        "cron": spec["schedule"],
        "time_zone": zone,
        "suspended": suspended,
        "last": status.get("lastScheduleTime"),
        "next": following.isoformat().replace("+00:00", "Z") if following else None,
        "active": [one["name"] for one in status.get("active", ())],
    }


def detail(api: Api, store: Store, dataset: str) -> dict[str, Any]:
    """Return a schedule with its settings and what its newest firings came to. Raises Refused where there is none."""
    found = next((one for one in documents(api) if one["dataset"] == dataset), None)
    if found is None:
        raise _no_schedule(dataset)
    frozen: dict[str, Any] = {}
    with contextlib.suppress(NotFound):
        frozen = firing.read_schedule(store, dataset).settings
    return {**found, "settings": frozen, "firings": [_firing(store, one) for one in firing.read_firings(store, dataset, SHOWN)]}


def _firing(store: Store, one: Firing) -> dict[str, Any]:
    state = runs.read_state(store, one.run) if one.run else None
    reason = one.reason or (state.reason if state else "")
    return {"planned": one.planned, "run": one.run or None, "state": state.state if state else None, "reason": reason}
