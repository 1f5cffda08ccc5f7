"""Why does a Job not go on? A pure function of its pods and of the events about it.

The layers are asked in the order in which they act: the queue, the creation of pods, the
scheduler, the kubelet. Each cause has a patience: how long a Job of which nothing runs is
given before its run ends (a site may set others).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from jobs.controller import pods
from jobs.controller.launcher import Trouble
from jobs.controller.mirror import Resource

QUEUED, QUOTA, DENIED, ACCOUNT = "queued", "quota", "denied", "account"
GPU, TAINT, SELECTOR, ROOM = "gpu", "taint", "selector", "room"
IMAGE_NAME, IMAGE, PULL, CONFIGURATION, CONTAINER, LOST = "imageName", "image", "pull", "configuration", "container", "lostNode"

# Seconds. Machines may be bought or become free for as long as it takes; a name that cannot be never becomes right.
PATIENCE_S: Mapping[str, float] = MappingProxyType(
    {
        QUEUED: math.inf,
        QUOTA: 600,
        DENIED: 30,
        ACCOUNT: 60,
        GPU: math.inf,
        TAINT: math.inf,
        SELECTOR: 600,
        ROOM: math.inf,
        IMAGE_NAME: 0,
        IMAGE: 90,
        PULL: 900,
        CONFIGURATION: 60,
        CONTAINER: 60,
        LOST: math.inf,
    }
)
MOST_TEXT = 600
QUEUE = "kueue.x-k8s.io/queue-name"


def diagnose(job: Resource, own: Sequence[Resource], warnings: Iterable[Resource], patience_s: Mapping[str, float]) -> Trouble | None:
    """Return what keeps a Job from going on, if anything does; `own` are its pods, `warnings` events about Jobs."""
    found = _queued(job) or _not_created(job, own, warnings) or next(filter(None, map(_pod, own)), None)
    if found is None:
        return None
    cause, text = found
    return Trouble(cause, text[:MOST_TEXT], {**PATIENCE_S, **patience_s}[cause])


Finding = tuple[str, str]


def _queued(job: Resource) -> Finding | None:
    if not job["spec"].get("suspend"):
        return None
    queue = job["metadata"].get("labels", {}).get(QUEUE)
    if queue:
        return QUEUED, f"It waits in the queue {queue}, which has not admitted it yet. `kubectl get workloads` shows its place."
    return QUEUED, f'It is suspended. `kubectl patch job {job["metadata"]["name"]} -p \'{{"spec":{{"suspend":false}}}}\'` lets it go on.'


def _not_created(job: Resource, own: Sequence[Resource], warnings: Iterable[Resource]) -> Finding | None:
    """A pod that is refused leaves no trace but an event on its Job; it counts while pods are wanting."""
    said = [one for one in warnings if one["involvedObject"].get("uid") == job["metadata"]["uid"] and one.get("reason") == "FailedCreate"]
    if not said or not _wants_pods(job, own):
        return None
    message = re.sub(r'^Error creating: pods "[^"]*" is ', "", max(said, key=_time).get("message", ""))
    if "exceeded quota" in message:
        return QUOTA, f"The namespace's quota has no room for its pods: {message}. End other pods, or ask for a larger ResourceQuota."
    if "violates PodSecurity" in message:
        return (
            DENIED,
            f"The namespace's Pod Security refuses its pods: {message}. Upgrade the chart, or check what resources and settings it got.",
        )
    if "service account" in message or "serviceaccount" in message:
        return ACCOUNT, f"Its pods have no service account: {message}. Install or upgrade the chart."
    return DENIED, f"The cluster refuses its pods: {message}"


def _wants_pods(job: Resource, own: Sequence[Resource]) -> bool:
    status, spec = job.get("status", {}), job["spec"]
    done = len(pods.indexes(status.get("completedIndexes", ""))) + len(pods.indexes(status.get("failedIndexes", "")))
    wanted: int = min(spec.get("parallelism", 1), spec.get("completions", 1) - done)
    return sum(not pods.is_over(pod) for pod in own) < wanted


def _time(event: Resource) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")


def _pod(pod: Resource) -> Finding | None:
    if pods.is_over(pod):
        return None
    if pods.is_leaving(pod) and pods.is_silent(pod):
        node = pod.get("spec", {}).get("nodeName", "a node")
        return LOST, f"Its pod's node {node} is silent; the pod is given up and started elsewhere."
    reason, message = pods.held_back(pod)
    if not reason:
        return None
    image = pods.container(pod).get("image", "its image")
    if "PodScheduled" in reason or reason in ("Unschedulable", "SchedulingGated", "SchedulerError"):
        return _unschedulable(pod, message)
    if reason == "InvalidImageName":
        return IMAGE_NAME, f"{image} cannot be the name of an image. Correct image.references or image.registry in the chart's values."
    if reason in ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull"):
        return _no_image(image, reason, message)
    if reason == "CreateContainerConfigError":
        return CONFIGURATION, f"Its pod cannot be put together: {message}. Make what is missing (the chart's `secret` names the Secret)."
    return CONTAINER, f"Its container does not start ({reason}): {message}"


def _no_image(image: str, reason: str, message: str) -> Finding:
    if reason == "ErrImageNeverPull" or re.search(r"not found|manifest unknown|does not exist", message):
        return (
            IMAGE,
            f"There is no image {image}: {message}. Push it, load it onto the nodes, or correct image.references in the chart's values.",
        )
    return PULL, f"The image {image} cannot be pulled: {message}. Check the registry, and image.pullSecrets in the chart's values."


def _unschedulable(pod: Resource, message: str) -> Finding:
    """Put the scheduler's words behind what they mean: what is missing, and what would help."""
    resources = pods.container(pod).get("resources", {})
    asked = {**resources.get("requests", {}), **resources.get("limits", {})}
    wish = ", ".join(f"{value} {name}" for name, value in sorted(asked.items())) or "nothing"
    short = re.findall(r"Insufficient ([\w./-]*\w)", message)
    gpus = [name for name in short if "/" in name]
    selector = pod.get("spec", {}).get("nodeSelector", {})
    if gpus:
        cause, what = GPU, f"No node has {asked.get(gpus[0], 'enough')} {gpus[0]} free (its pod asks for {wish})."
        helps = "Wait for one, add such a node, or set gpu.enabled=false in the chart's values."
    elif selector and "node affinity/selector" in message and not short:
        labels = ",".join(f"{name}={value}" for name, value in sorted(selector.items()))
        cause, what = SELECTOR, f"No node that may be used has the labels {labels}."
        helps = "Label one, or correct nodeSelector in the chart's values."
    elif "untolerated taint" in message and not short:
        cause, what = TAINT, "Every node that would fit is tainted for others."
        helps = "Add the taint to tolerations in the chart's values, or free a node."
    else:
        cause, what = ROOM, f"No node has room for its pod (it asks for {wish})."
        helps = "Wait, add a node, or lower resources in the chart's values."
    return cause, f"{what} The scheduler says: {message} {helps}"
