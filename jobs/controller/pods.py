"""What the statuses of Jobs and pods say: pure functions of the API server's answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from common import records
from common.errors import BadInput
from common.records import Failure
from jobs.controller.launcher import COMPLETE, FAILED, Ending
from jobs.controller.mirror import Resource

INDEX = "batch.kubernetes.io/job-completion-index"
CONTAINER = "stage"


def is_of(pod: Resource, job_uid: str) -> bool:
    return any(owner["uid"] == job_uid for owner in pod["metadata"].get("ownerReferences", ()))


def condition(job: Resource) -> tuple[str, str]:
    """Return a Job's final condition and why it failed; ("", "") while it has none."""
    for one in job.get("status", {}).get("conditions", ()):
        if one["status"] == "True" and one["type"] in (COMPLETE, FAILED):
            return one["type"], one.get("reason", "") if one["type"] == FAILED else ""
    return "", ""


def indexes(text: str) -> frozenset[int]:
    """Read `0-2,5`."""
    found: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", text):
        found |= set(range(int(first), int(last or first) + 1))
    return frozenset(found)


def endings(pods: Iterable[Resource]) -> tuple[Ending, ...]:
    """Return how the stage containers ended, oldest first; pods that the cluster itself took away do not count."""
    ended = []
    for pod in pods:
        end = _state(pod).get("terminated")
        if end is not None and not _has_condition(pod, "DisruptionTarget", "True"):
            index = int(pod["metadata"].get("labels", {}).get(INDEX, 0))
            ending = Ending(index, int(end["exitCode"]), _words(end.get("message", "")), _evidence(pod, end))
            ended.append((end.get("finishedAt") or "", ending))
    return tuple(ending for _, ending in sorted(ended, key=lambda pair: pair[0]))


def is_over(pod: Resource) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def is_running(pod: Resource) -> bool:
    return not is_over(pod) and "running" in _state(pod)


def is_leaving(pod: Resource) -> bool:
    """Was it asked to go, and is not gone?"""
    return "deletionTimestamp" in pod["metadata"] and not is_over(pod)


def is_silent(pod: Resource) -> bool:
    """Has its kubelet stopped to speak for it?

    The node controller marks the pods of a node that it does not hear from as not ready, and touches
    nothing else; a kubelet that takes a pod out of service writes the same of its container.
    """
    ready = any(one.get("ready") for one in pod.get("status", {}).get("containerStatuses", ()))
    return ready and _has_condition(pod, "Ready", "False")


def held_back(pod: Resource) -> tuple[str, str]:
    """Return (reason, message) of what keeps a pod from starting, ("", "") where nothing does."""
    status = pod.get("status", {})
    for one in status.get("conditions", ()):
        if (one["type"], one["status"]) == ("PodScheduled", "False"):
            return one.get("reason") or "Unschedulable", one.get("message", "")
    waits = _state(pod).get("waiting")
    if waits is not None and waits.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
        return waits["reason"], waits.get("message", "")
    return "", ""


def container(pod: Resource) -> Mapping[str, Any]:
    """Return the stage's container as it was asked for."""
    return next((one for one in pod.get("spec", {}).get("containers", ()) if one["name"] == CONTAINER), {})


def _state(pod: Resource) -> Mapping[str, Any]:
    for one in pod.get("status", {}).get("containerStatuses", ()):
        if one["name"] == CONTAINER:
            state: Mapping[str, Any] = one.get("state", {})
            return state
    return {}


def _has_condition(pod: Resource, kind: str, status: str) -> bool:
    return any((one["type"], one["status"]) == (kind, status) for one in pod.get("status", {}).get("conditions", ()))


def _evidence(pod: Resource, end: Mapping[str, Any]) -> str:
    if end.get("reason") != "OOMKilled":
        return ""
    limit = container(pod).get("resources", {}).get("limits", {}).get("memory", "")
    return f"The kernel killed it (OOMKilled) at its memory limit of {limit}." if limit else "The kernel killed it (OOMKilled)."


def _words(message: str) -> Failure | None:
    try:
        return records.decode(message.encode(), Failure, "the pod's last words")
    except BadInput:
        return None
