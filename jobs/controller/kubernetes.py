"""The launcher for a cluster: Jobs as Jobs. The only module that imports the Kubernetes client.

Manifests and answers are plain dicts: the client carries them, its models see none. Jobs and
pods of a run are mirrored by one list and one watch each, so that looking costs no request.
"""

from __future__ import annotations

import contextlib
import functools
import json
import random
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from common import records
from common.errors import BadInput, Permanent, Retryable
from common.records import Failure
from common.retry import Policy
from jobs.controller.launcher import COMPLETE, FAILED, Conflict, Ending, Job, JobStatus
from jobs.controller.mirror import Gone, Mirror, Resource
from jobs.controller.render import DRIVER, RUN, STAGE

SPEC = "darkroom/spec"
INDEX = "batch.kubernetes.io/job-completion-index"
JOB_NAME = "batch.kubernetes.io/job-name"

CONNECT_S, READ_S = 5.0, 30.0
WATCH_S = (240, 300)  # the server ends a stream after a time in this range
SILENCE_S = 75.0  # bookmarks come every minute: a stream that is silent for longer is dead
PAGE = 500
PATIENCE_S = 60.0
MOST_MESSAGE = 300


class ClusterUnavailable(Retryable):
    """The API server did not answer, or answered "later"."""


class ClusterRefused(Permanent):
    """The API server answered, and the answer is no."""


class Absent(ClusterRefused):
    """There is no such object."""


class Taken(ClusterRefused):
    """There is one of this name already."""


class Api:
    """One namespace of a cluster: JSON in, JSON out, errors of our own."""

    def __init__(self, client: Any, namespace: str) -> None:
        from kubernetes import client as library

        self.namespace = namespace
        self._jobs = library.BatchV1Api(client)
        self._core = library.CoreV1Api(client)

    def create_job(self, job: Job) -> Resource:
        return self._ask(lambda: self._jobs.create_namespaced_job(self.namespace, job, **_plain()))

    def read_job(self, name: str) -> Resource:
        return self._ask(lambda: self._jobs.read_namespaced_job(name, self.namespace, **_plain()))

    def delete_job(self, name: str) -> None:
        """Delete a Job and its pods."""
        self._ask(lambda: self._jobs.delete_namespaced_job(name, self.namespace, propagation_policy="Background", **_plain()))

    def list_jobs(self, selector: str) -> tuple[list[Resource], str]:
        return self._list(self._jobs.list_namespaced_job, selector)

    def list_pods(self, selector: str) -> tuple[list[Resource], str]:
        return self._list(self._core.list_namespaced_pod, selector)

    def watch_jobs(self, selector: str, version: str) -> Iterator[Resource]:
        return self._watch(self._jobs.list_namespaced_job, selector, version)

    def watch_pods(self, selector: str, version: str) -> Iterator[Resource]:
        return self._watch(self._core.list_namespaced_pod, selector, version)

    def read_configuration(self, name: str) -> Mapping[str, str]:
        """Return the data of a ConfigMap."""
        return self._ask(lambda: self._core.read_namespaced_config_map(name, self.namespace, **_plain())).get("data") or {}

    def _list(self, ask: Callable[..., Any], selector: str) -> tuple[list[Resource], str]:
        found: list[Resource] = []
        more = ""
        while True:
            begin = {"_continue": more} if more else {}
            page = self._ask(functools.partial(ask, self.namespace, label_selector=selector, limit=PAGE, **begin, **_plain()))
            found += page["items"]
            more = page["metadata"].get("continue", "")
            if not more:
                return found, str(page["metadata"]["resourceVersion"])

    def _watch(self, ask: Callable[..., Any], selector: str, version: str) -> Iterator[Resource]:
        """Yield events until the stream ends. Raises Gone, ClusterUnavailable, ClusterRefused."""
        with _translated():
            stream = ask(
                self.namespace,
                label_selector=selector,
                resource_version=version,
                watch=True,
                allow_watch_bookmarks=True,
                timeout_seconds=random.randint(*WATCH_S),  # noqa: S311 - not a secret
                _request_timeout=(CONNECT_S, SILENCE_S),
                _preload_content=False,
            )
            try:
                rest = b""
                for chunk in stream.stream(1 << 16):
                    *lines, rest = (rest + chunk).split(b"\n")
                    yield from (json.loads(line) for line in lines if line)
            finally:
                stream.close()
                stream.release_conn()

    def _ask(self, work: Callable[[], Any]) -> Resource:
        with _translated():
            answer: Resource = json.loads(work().data)
            return answer


def _plain() -> dict[str, Any]:
    return {"_preload_content": False, "_request_timeout": (CONNECT_S, READ_S)}


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn the client's errors into ours."""
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        raise _meaning(error.status or 0, error.body) from error
    except (HTTPError, OSError, ValueError) as error:
        raise ClusterUnavailable(f"the API server: {error}") from error


def _meaning(status: int, body: Any) -> Exception:
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")
    try:
        said = str(json.loads(text).get("message", text))
    except ValueError:
        said = text
    said = said[:MOST_MESSAGE] or f"status {status}"
    if status == 410:
        return Gone(said)
    if status == 404:
        return Absent(f"The API server: {said}.")
    if status == 409:
        return Taken(f"The API server: {said}.")
    if status in (0, 408, 429) or status >= 500:
        return ClusterUnavailable(f"The API server: {said}.")
    if status == 401:
        return ClusterRefused(f"The API server knows no such account ({said}). Check KUBECONFIG, or the token of the service account.")
    if status == 403:
        return ClusterRefused(f"The API server forbids it: {said}. Check the Role that the chart makes.")
    return ClusterRefused(f"The API server refuses it: {said}.")


def connect(namespace: str = "") -> Api:
    """Return the namespace that this pod lives in, or the one that KUBECONFIG is set to.

    Raises:
        ClusterRefused: there is neither.
    """
    from kubernetes import client as library
    from kubernetes import config

    settings = library.Configuration()
    try:
        config.load_incluster_config(settings)
        here = _own_namespace()
    except config.ConfigException:
        try:
            config.load_kube_config(client_configuration=settings)
            here = config.list_kube_config_contexts()[1]["context"].get("namespace", "default")
        except config.ConfigException as error:
            raise ClusterRefused(f"There is no cluster to reach: {error}. Set KUBECONFIG, or run where `kubectl` works.") from error
    settings.retries = False
    return Api(library.ApiClient(settings), namespace or here)


def _own_namespace() -> str:
    with open("/var/run/secrets/kubernetes.io/serviceaccount/namespace", encoding="utf-8") as file:
        return file.read().strip()


def put_job(api: Api, job: Job, owner: Resource | None = None, policy: Policy | None = None) -> Resource:
    """Create a Job, or adopt the same one: an earlier try whose reply was lost, or an earlier driver's.

    Raises:
        Conflict: there is another Job of this name.
    """
    metadata = {**job["metadata"], "namespace": api.namespace}
    metadata["annotations"] = {**metadata.get("annotations", {}), SPEC: records.digest_of(job)}
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


class KubernetesLauncher:
    """Creates Jobs in a namespace and tells what becomes of those of one run.

    `owner` (an ownerReference) is set on each Job, so that deleting the driver's Job deletes them.
    """

    def __init__(self, api: Api, run: str, owner: Resource | None = None, policy: Policy | None = None) -> None:
        self._api = api
        self._owner = owner
        self._policy = policy or Policy(deadline_s=PATIENCE_S)
        self._change = threading.Event()
        self._created: dict[str, Resource] = {}
        self._deleted: set[str] = set()
        self._endings: dict[str, tuple[Ending, ...]] = {}
        jobs = f"{RUN}={run},{STAGE}!={DRIVER}"
        pods = f"{jobs},{JOB_NAME}"
        self._jobs = Mirror(lambda: api.list_jobs(jobs), lambda version: api.watch_jobs(jobs, version), self._change.set)
        self._pods = Mirror(lambda: api.list_pods(pods), lambda version: api.watch_pods(pods, version), self._change.set)

    def create(self, job: Job) -> None:
        made = put_job(self._api, job, self._owner, self._policy)
        self._created[made["metadata"]["uid"]] = made

    def observe(self, run: str) -> list[JobStatus]:
        seen = {job["metadata"]["uid"]: job for job in self._jobs.objects(PATIENCE_S)}
        for uid in self._created.keys() & seen.keys():
            del self._created[uid]
        pods = self._pods.objects(PATIENCE_S)
        mine = [job for uid, job in {**self._created, **seen}.items() if uid not in self._deleted]
        return [self._status(job, pods) for job in mine if job["metadata"]["labels"].get(RUN) == run]

    def delete(self, name: str) -> None:
        with contextlib.suppress(Absent):
            job = self._policy.call(lambda: self._api.read_job(name))
            self._policy.call(lambda: self._api.delete_job(name))
            self._deleted.add(job["metadata"]["uid"])
            self._created.pop(job["metadata"]["uid"], None)

    def wait(self, timeout_s: float) -> None:
        self._change.wait(timeout_s)
        self._change.clear()

    def close(self) -> None:
        """Stop looking; the Jobs go on."""
        self._jobs.stop()
        self._pods.stop()

    def _status(self, job: Resource, pods: list[Resource]) -> JobStatus:
        status = job.get("status", {})
        condition, reason = _condition(status)
        name, uid = job["metadata"]["name"], job["metadata"]["uid"]
        own = [pod for pod in pods if _is_of(pod, uid)]
        if condition and uid not in self._endings:
            # The pods' mirror may lag behind the Jobs'; how the pods ended decides what comes next, so it is asked for.
            asked, _ = self._policy.call(lambda: self._api.list_pods(f"{JOB_NAME}={name}"))
            self._endings[uid] = _endings(pod for pod in asked if _is_of(pod, uid))
        return JobStatus(
            name=name,
            labels=job["metadata"]["labels"],
            condition=condition,
            reason=reason,
            active=int(status.get("active", 0)),
            succeeded=_indexes(status.get("completedIndexes", "")),
            failed=_indexes(status.get("failedIndexes", "")),
            endings=self._endings[uid] if condition else _endings(own),
            waiting="" if condition else _waiting(own),
        )


def _is_of(pod: Resource, uid: str) -> bool:
    return any(owner["uid"] == uid for owner in pod["metadata"].get("ownerReferences", ()))


def _condition(status: Resource) -> tuple[str, str]:
    for one in status.get("conditions", ()):
        if one["status"] == "True" and one["type"] in (COMPLETE, FAILED):
            return one["type"], one.get("reason", "") if one["type"] == FAILED else ""
    return "", ""


def _indexes(text: str) -> frozenset[int]:
    """Read `0-2,5`."""
    found: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", text):
        found |= set(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _endings(pods: Any) -> tuple[Ending, ...]:
    """Return how the stage containers ended, oldest first; pods that the cluster itself took away do not count."""
    ended = []
    for pod in pods:
        for container in pod.get("status", {}).get("containerStatuses", ()):
            end = container.get("state", {}).get("terminated")
            if container["name"] == "stage" and end is not None and not _was_disrupted(pod):
                index = int(pod["metadata"].get("labels", {}).get(INDEX, 0))
                ended.append((end.get("finishedAt") or "", Ending(index, int(end["exitCode"]), _words(end.get("message", "")))))
    return tuple(ending for _, ending in sorted(ended, key=lambda pair: pair[0]))


def _was_disrupted(pod: Resource) -> bool:
    return any(one["type"] == "DisruptionTarget" and one["status"] == "True" for one in pod["status"].get("conditions", ()))


def _words(message: str) -> Failure | None:
    try:
        return records.decode(message.encode(), Failure, "the pod's last words")
    except BadInput:
        return None


def _waiting(pods: list[Resource]) -> str:
    """Say what keeps a pod from starting, if anything does."""
    for pod in pods:
        status = pod.get("status", {})
        for one in status.get("conditions", ()):
            if (one["type"], one["status"]) == ("PodScheduled", "False"):
                return f"{one.get('reason', 'not scheduled')}: {one.get('message', '')}"[:MOST_MESSAGE]
        for container in status.get("containerStatuses", ()):
            held = container.get("state", {}).get("waiting")
            if held is not None and held.get("reason") not in ("ContainerCreating", "PodInitializing"):
                return f"{held.get('reason', 'waiting')}: {held.get('message', '')}"[:MOST_MESSAGE]
    return ""
