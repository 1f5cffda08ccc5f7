"""One namespace of a cluster as plain calls. The only module that imports the Kubernetes client.

Manifests and answers are plain dicts: the client carries them, its models see none.
"""

from __future__ import annotations

import contextlib
import functools
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from common.errors import Permanent, Retryable
from jobs.controller.launcher import Job
from jobs.controller.mirror import Gone, Resource

CONNECT_S, READ_S = 5.0, 30.0
WATCH_S = (240, 300)  # the server ends a stream after a time in this range
SILENCE_S = 75.0  # bookmarks come every minute: a stream that is silent for longer is dead
PAGE = 500
JOB_WARNINGS = "type=Warning,involvedObject.kind=Job"
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
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

    def patch_job(self, name: str, change: Resource) -> Resource:
        """Change fields of a Job (JSON merge patch)."""
        return self._ask(lambda: self._jobs.patch_namespaced_job(name, self.namespace, change, _content_type=MERGE, **_plain()))

    def patch_pod_status(self, name: str, change: Resource) -> Resource:
        """Change fields of a pod's status (strategic merge patch: conditions are merged by type)."""
        work = functools.partial(self._core.patch_namespaced_pod_status, name, self.namespace, {"status": change})
        return self._ask(lambda: work(_content_type=STRATEGIC, **_plain()))

    def list_jobs(self, selector: str) -> tuple[list[Resource], str]:
        return self._list(self._jobs.list_namespaced_job, selector)

    def list_pods(self, selector: str) -> tuple[list[Resource], str]:
        return self._list(self._core.list_namespaced_pod, selector)

    def watch_jobs(self, selector: str, version: str) -> Iterator[Resource]:
        return self._watch(self._jobs.list_namespaced_job, selector, version)

    def watch_pods(self, selector: str, version: str) -> Iterator[Resource]:
        return self._watch(self._core.list_namespaced_pod, selector, version)

    def list_warnings(self) -> tuple[list[Resource], str]:
        """List the events that say what is wrong with Jobs."""
        return self._list(self._core.list_namespaced_event, fields=JOB_WARNINGS)

    def watch_warnings(self, version: str) -> Iterator[Resource]:
        return self._watch(self._core.list_namespaced_event, version=version, fields=JOB_WARNINGS)

    def apply_cron_job(self, schedule: Resource, *, dry_run: bool) -> Resource:
        """Create a CronJob, or make an existing one so; what others have set of it stays."""
        name = schedule["metadata"]["name"]
        how = {"field_manager": "darkroom", "force": True, "_content_type": APPLY, **_plain()}
        how |= {"dry_run": "All"} if dry_run else {}
        return self._ask(lambda: self._jobs.patch_namespaced_cron_job(name, self.namespace, schedule, **how))

    def suspend_cron_job(self, name: str, *, suspended: bool) -> None:
        how = {"field_manager": "darkroom-suspend", "_content_type": MERGE, **_plain()}
        self._ask(lambda: self._jobs.patch_namespaced_cron_job(name, self.namespace, {"spec": {"suspend": suspended}}, **how))

    def delete_cron_job(self, name: str) -> None:
        """Delete a CronJob; the Jobs that it made go too."""
        self._ask(lambda: self._jobs.delete_namespaced_cron_job(name, self.namespace, propagation_policy="Background", **_plain()))

    def list_cron_jobs(self, selector: str) -> list[Resource]:
        return self._list(self._jobs.list_namespaced_cron_job, selector)[0]

    def read_configuration(self, name: str) -> Resource:
        """Return a ConfigMap."""
        return self._ask(lambda: self._core.read_namespaced_config_map(name, self.namespace, **_plain()))

    def _list(self, ask: Callable[..., Any], selector: str = "", fields: str = "") -> tuple[list[Resource], str]:
        found: list[Resource] = []
        more = ""
        while True:
            begin = {"_continue": more} if more else {}
            which = {"label_selector": selector, "field_selector": fields, "limit": PAGE, **begin}
            page = self._ask(functools.partial(ask, self.namespace, **which, **_plain()))
            found += page["items"]
            more = page["metadata"].get("continue", "")
            if not more:
                return found, str(page["metadata"]["resourceVersion"])

    def _watch(self, ask: Callable[..., Any], selector: str = "", version: str = "", fields: str = "") -> Iterator[Resource]:
        """Yield events until the stream ends. Raises Gone, ClusterUnavailable, ClusterRefused."""
        with _translated():
            stream = ask(
                self.namespace,
                label_selector=selector,
                field_selector=fields,
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
