"""The launcher for a cluster: Jobs as Jobs.

Jobs and pods of a run are mirrored by one list and one watch each, and so are warnings about
Jobs: looking costs no request.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from common import records
from common.errors import DarkroomError
from common.retry import Policy
from jobs.controller import pods
from jobs.controller.diagnose import diagnose
from jobs.controller.kubernetes import Absent, Api, Taken
from jobs.controller.launcher import Conflict, Ending, Job, JobStatus, Trouble
from jobs.controller.mirror import Mirror, Resource
from jobs.controller.render import DRIVER, RUN, STAGE

SPEC = "darkroom/spec"
JOB_NAME = "batch.kubernetes.io/job-name"

PATIENCE_S = 60.0
LOST_MARGIN_S = 15.0  # beyond its grace, which a kubelet that lives keeps to
TROUBLE_MEMORY_S = 30.0  # a cause that shows again within this time has not been away: pulls alternate with pauses


def put_job(api: Api, job: Job, owner: Resource | None = None, policy: Policy | None = None) -> Resource:
    """Create a Job, or adopt the same one: an earlier try whose reply was lost, or an earlier driver's.

    Raises:
        Conflict: there is another Job of this name.
    """
    metadata = {**job["metadata"], "namespace": api.namespace}
    metadata["annotations"] = {**metadata.get("annotations", {}), SPEC: _digest(job)}
    if owner is not None:
        metadata["ownerReferences"] = [owner]

    def make() -> Resource:
        try:
            return api.create_job({**job, "metadata": metadata})
        except Taken:
            found = api.read_job(metadata["name"])
            if found["metadata"].get("annotations", {}).get(SPEC) != metadata["annotations"][SPEC]:
                raise Conflict(f"There is another Job named {metadata['name']} in the namespace {api.namespace}.") from None
            return found

    return (policy or Policy(deadline_s=PATIENCE_S)).call(make)


def _digest(job: Job) -> str:
    """A Job that was scaled is the same Job still."""
    return records.digest_of({**job, "spec": {**job["spec"], "parallelism": None}})


class KubernetesLauncher:
    """Creates Jobs in a namespace and tells what becomes of those of one run.

    `owner` (an ownerReference) is set on each Job, so that deleting the driver's Job deletes them.
    `patience_s` by cause of trouble replaces what `diagnose` has.
    """

    def __init__(
        self,
        api: Api,
        run: str,
        owner: Resource | None = None,
        patience_s: Mapping[str, float] = MappingProxyType({}),
        policy: Policy | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._owner = owner
        self._patience_s = patience_s
        self._policy = policy or Policy(deadline_s=PATIENCE_S)
        self._now = now
        self._change = threading.Event()
        self._created: dict[str, Resource] = {}
        self._deleted: set[str] = set()
        self._endings: dict[str, tuple[Ending, ...]] = {}
        self._troubles: dict[tuple[str, str], tuple[float, float]] = {}
        self._leaving: dict[str, float] = {}
        jobs, own_pods = f"{RUN}={run}", f"{RUN}={run},{JOB_NAME}"
        self._jobs = Mirror(lambda: api.list_jobs(jobs), lambda version: api.watch_jobs(jobs, version), self._change.set)
        self._pods = Mirror(lambda: api.list_pods(own_pods), lambda version: api.watch_pods(own_pods, version), self._change.set)
        self._warnings = Mirror(api.list_warnings, api.watch_warnings, self._change.set)

    def create(self, job: Job) -> None:
        made = put_job(self._api, job, self._owner, self._policy)
        self._created[made["metadata"]["uid"]] = made

    def observe(self, run: str) -> list[JobStatus]:
        seen = {job["metadata"]["uid"]: job for job in self._jobs.objects(PATIENCE_S)}
        for uid in self._created.keys() & seen.keys():
            del self._created[uid]
        mine = [job for uid, job in {**self._created, **seen}.items() if uid not in self._deleted and not _is_driver(job)]
        found = self._pods.objects(PATIENCE_S)
        if self._owner is not None:  # a driver's launcher; who only watches has no right to it
            self._give_up_lost_pods()
        return [self._status(job, found) for job in mine if job["metadata"]["labels"].get(RUN) == run]

    def driver(self) -> JobStatus | None:
        """Return the Job of the run's driver, if there is one."""
        found = self._pods.objects(PATIENCE_S)
        return next((self._status(job, found) for job in self._jobs.objects(PATIENCE_S) if _is_driver(job)), None)

    def scale(self, name: str, parallelism: int) -> None:
        with contextlib.suppress(Absent):
            self._policy.call(lambda: self._api.patch_job(name, {"spec": {"parallelism": parallelism}}))

    def delete(self, name: str) -> None:
        with contextlib.suppress(Absent):
            job = self._policy.call(lambda: self._api.read_job(name))
            self._policy.call(lambda: self._api.delete_job(name))
            self._deleted.add(job["metadata"]["uid"])
            self._created.pop(job["metadata"]["uid"], None)

    def _give_up_lost_pods(self) -> None:
        """Mark pods as failed that were asked to go and whose node does not answer.

        Their Jobs wait for them to end, and nobody else would say that they have. The process on such
        a node may live on; what it commits decides nothing any more, or is equal (design §2).
        """
        leaving = {pod["metadata"]["uid"]: pod for pod in self._pods.objects(PATIENCE_S) if pods.is_leaving(pod)}
        self._leaving = {uid: self._leaving.get(uid, self._now()) for uid in leaving}
        for uid, since in self._leaving.items():
            pod = leaving[uid]
            grace_s = float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
            if pods.is_silent(pod) or self._now() - since > grace_s + LOST_MARGIN_S:
                with contextlib.suppress(Absent):
                    self._policy.call(functools.partial(self._api.patch_pod_status, pod["metadata"]["name"], LOST))

    def wait(self, timeout_s: float) -> None:
        self._change.wait(timeout_s)
        self._change.clear()

    def close(self) -> None:
        """Stop looking; the Jobs go on."""
        for mirror in (self._jobs, self._pods, self._warnings):
            mirror.stop()

    def _status(self, job: Resource, found: list[Resource]) -> JobStatus:
        status, spec = job.get("status", {}), job["spec"]
        condition, reason = pods.condition(job)
        name, uid = job["metadata"]["name"], job["metadata"]["uid"]
        own = [pod for pod in found if pods.is_of(pod, uid)]
        if condition and uid not in self._endings:
            # The pods' mirror may lag behind the Jobs'; how the pods ended decides what comes next, so it is asked for.
            asked, _ = self._policy.call(lambda: self._api.list_pods(f"{JOB_NAME}={name}"))
            self._endings[uid] = pods.endings(pod for pod in asked if pods.is_of(pod, uid))
        return JobStatus(
            name=name,
            labels=job["metadata"]["labels"],
            completions=int(spec.get("completions", 1)),
            parallelism=int(spec.get("parallelism", 1)),
            condition=condition,
            reason=reason,
            active=int(status.get("active", 0)),
            succeeded=pods.indexes(status.get("completedIndexes", "")),
            failed=pods.indexes(status.get("failedIndexes", "")),
            endings=self._endings[uid] if condition else pods.endings(own),
            trouble=None if condition else self._trouble(job, own),
        )

    def _trouble(self, job: Resource, own: list[Resource]) -> Trouble | None:
        found = diagnose(job, own, self._known_warnings(), self._patience_s)
        if found is None:
            return None
        now, known = self._now(), (job["metadata"]["uid"], found.cause)
        since, last = self._troubles.get(known, (now, now))
        if any(map(pods.is_running, own)) or now - last > TROUBLE_MEMORY_S:
            since = now  # it goes on, though not with all of its pods
        self._troubles[known] = (since, now)
        return dataclasses.replace(found, held_s=now - since)

    def _known_warnings(self) -> list[Resource]:
        """Events are a help, and not everybody may read them."""
        try:
            return self._warnings.objects(0)
        except (DarkroomError, TimeoutError):
            return []


LOST: Mapping[str, Any] = {
    "phase": "Failed",
    "reason": "NodeLost",
    "message": "Its node does not answer; Darkroom's driver has given the pod up.",
    "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "NodeLost", "message": "Its node does not answer."}],
}


def _is_driver(job: Resource) -> bool:
    return bool(job["metadata"]["labels"].get(STAGE) == DRIVER)
