"""From what a real cluster (1.34) said to what is missing and what would help."""

from __future__ import annotations

import math
from typing import Any

import pytest

from jobs.controller import diagnose as causes
from jobs.controller.diagnose import PATIENCE_S, diagnose

GPU_MESSAGE = "0/2 nodes are available: 2 Insufficient nvidia.com/gpu. preemption: 0/2 nodes are available: 2 No preemption victims found."
TAINT_MESSAGE = (
    "0/2 nodes are available: 1 node(s) had untolerated taint {nvidia.com/gpu: present}, 1 node(s) had untolerated taint {team: red}."
)
BOTH_MESSAGE = "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) had untolerated taint {nvidia.com/gpu: present}."
SELECTOR_MESSAGE = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
PULLING = 'Back-off pulling image "i:1": ErrImagePull: failed to resolve reference: dial tcp: connection refused'
NOT_FOUND = 'rpc error: code = NotFound desc = failed to pull and unpack image "i:1": i:1: not found'
QUOTA = 'Error creating: pods "j-0-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1'
DENIED = 'Error creating: pods "j-0-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
NO_ACCOUNT = (
    'Error creating: pods "j-0" is forbidden: error looking up service account n/darkroom-train: serviceaccount "darkroom-train" not found'
)


def job(*, suspended: bool = False, queue: str = "", **status: Any) -> dict[str, Any]:
    labels = {causes.QUEUE: queue} if queue else {}
    spec = {"completions": 2, "parallelism": 2, "suspend": suspended}
    return {"metadata": {"name": "j", "uid": "uid-j", "labels": labels}, "spec": spec, "status": status}


def unscheduled(message: str, selector: dict[str, str] | None = None) -> dict[str, Any]:
    resources = {"requests": {"cpu": "1"}, "limits": {"nvidia.com/gpu": 1}}
    return {
        "metadata": {"uid": "p"},
        "spec": {"nodeSelector": selector or {}, "containers": [{"name": "stage", "image": "i:1", "resources": resources}]},
        "status": {
            "phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}],
        },
    }


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {
        "metadata": {"uid": "p"},
        "spec": {"containers": [{"name": "stage", "image": "i:1"}]},
        "status": {
            "phase": "Pending",
            "containerStatuses": [{"name": "stage", "ready": False, "state": {"waiting": {"reason": reason, "message": message}}}],
        },
    }


def running(**metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"uid": "q", **metadata},
        "spec": {"nodeName": "node2"},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [{"name": "stage", "ready": True, "state": {"running": {}}}],
        },
    }


def event(message: str, of: str = "uid-j", at: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    return {"metadata": {}, "involvedObject": {"uid": of}, "reason": "FailedCreate", "message": message, "lastTimestamp": at}


@pytest.mark.parametrize(
    ("own", "cause", "words"),
    [
        (unscheduled(GPU_MESSAGE), causes.GPU, ["1 nvidia.com/gpu free", "1 cpu", "gpu.enabled=false"]),
        (unscheduled(BOTH_MESSAGE), causes.GPU, ["nvidia.com/gpu", "untolerated taint"]),
        (unscheduled(TAINT_MESSAGE), causes.TAINT, ["{team: red}", "tolerations"]),
        (unscheduled(SELECTOR_MESSAGE, {"disk": "ssd"}), causes.SELECTOR, ["disk=ssd", "nodeSelector"]),
        (unscheduled("0/2 nodes are available: 2 Insufficient memory."), causes.ROOM, ["Insufficient memory", "lower resources"]),
        (waiting("ErrImagePull", NOT_FOUND), causes.IMAGE, ["no image i:1", "image.references"]),
        (waiting("ErrImageNeverPull", "not present"), causes.IMAGE, ["i:1"]),
        (waiting("ImagePullBackOff", PULLING), causes.PULL, ["connection refused", "pullSecrets"]),
        (waiting("InvalidImageName", "bad"), causes.IMAGE_NAME, ["i:1 cannot be the name"]),
        (waiting("CreateContainerConfigError", 'secret "s3" not found'), causes.CONFIGURATION, ['secret "s3" not found', "`secret`"]),
        (waiting("RunContainerError", "no such file"), causes.CONTAINER, ["RunContainerError", "no such file"]),
        (running(deletionTimestamp="now"), causes.LOST, ["node2", "elsewhere"]),
    ],
)
def test_each_signal_of_a_pod_is_named_with_what_helps(own: dict[str, Any], cause: str, words: list[str]) -> None:
    found = diagnose(job(), [own], [], {})
    assert found is not None
    assert (found.cause, found.patience_s) == (cause, PATIENCE_S[cause])
    assert [word for word in words if word not in found.text] == []


@pytest.mark.parametrize(
    ("message", "cause", "words"),
    [
        (QUOTA, causes.QUOTA, "exceeded quota: small"),
        (DENIED, causes.DENIED, "runAsNonRoot"),
        (NO_ACCOUNT, causes.ACCOUNT, "darkroom-train"),
        ("Error creating: admission webhook says no", causes.DENIED, "webhook says no"),
    ],
)
def test_pods_that_were_never_made_are_explained_by_events(message: str, cause: str, words: str) -> None:
    found = diagnose(job(), [], [event("older", at="2025"), event(message), event("of another Job", of="x", at="2027")], {})
    assert found is not None
    assert found.cause == cause
    assert words in found.text


def test_an_event_counts_only_while_pods_are_wanting() -> None:
    working = [running(), running()]
    assert diagnose(job(), working, [event(QUOTA)], {}) is None
    assert diagnose(job(completedIndexes="0-1"), [], [event(QUOTA)], {}) is None
    assert diagnose(job(), working[:1], [event(QUOTA)], {}) is not None


def test_a_queue_comes_before_everything() -> None:
    found = diagnose(job(suspended=True, queue="gpus"), [], [event(QUOTA)], {})
    assert found is not None
    assert (found.cause, found.patience_s) == (causes.QUEUED, math.inf)
    assert "gpus" in found.text
    assert diagnose(job(suspended=True), [], [], {}) is not None


def test_a_site_may_have_other_patience() -> None:
    found = diagnose(job(), [waiting("InvalidImageName")], [], {causes.IMAGE_NAME: 7})
    assert found is not None
    assert found.patience_s == 7


def test_a_job_that_works_is_in_no_trouble() -> None:
    assert diagnose(job(), [running(), waiting("ContainerCreating")], [], {}) is None
