"""From a plan to a `batch/v1` Job: a pure function, so that a Job can be printed, compared and tested.

A stage of any width is one Indexed Job. The exit codes are a contract (design §2): 20 fails the
index of a shard stage, or the Job; 30 fails the Job; a disruption does not count.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

from common.errors import ExitCode
from common.records import Plan
from common.stage import Stage
from jobs import harness
from jobs.controller.site import Site

RUN, STAGE, STEP, KEY, ATTEMPT, REPAIRS = (f"darkroom/{name}" for name in ("run", "stage", "step", "key", "attempt", "repairs"))
LOST_NODE_S = 30
GRACE_S = 30
NAME_LENGTH = 63


def render(stage: Stage, plan: Plan, plan_key: str, nodes: int, site: Site) -> dict[str, Any]:
    """Return the Job that does a plan."""
    labels = {
        "app.kubernetes.io/managed-by": "darkroom",
        RUN: plan.run,
        STAGE: stage.name,
        STEP: plan.step.replace("/", "."),
        KEY: mark(plan.key),
        ATTEMPT: str(plan.attempt),
    }
    if plan.repair:
        labels[REPAIRS] = mark(plan.tasks[0].key)
    metadata: dict[str, Any] = {"name": job_name(plan), "labels": labels}
    if site.namespace:
        metadata["namespace"] = site.namespace
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "completions": len(plan.tasks),
            "parallelism": min(nodes, len(plan.tasks)),
            "completionMode": "Indexed",
            "backoffLimitPerIndex": stage.retries,
            "podReplacementPolicy": "Failed",
            "activeDeadlineSeconds": stage.deadline_s,
            "podFailurePolicy": {"rules": failure_rules(shards=bool(plan.fan_out))},
            "template": {"metadata": {"labels": labels}, "spec": _pod(stage, plan_key, min(nodes, len(plan.tasks)), site)},
        },
    }


def job_name(plan: Plan) -> str:
    """Return a name that is the same for the same run, step, work and attempt, and fits a DNS label."""
    work = f"repair-{plan.tasks[0].key[:8]}" if plan.repair else plan.key[:6]
    tail = f"-{plan.step.replace('/', '-')}-{work}-{plan.attempt}"
    head = re.sub(r"[^a-z0-9-]", "-", plan.run.lower()).strip("-")
    if len(head) + len(tail) > NAME_LENGTH:
        mark = sha256(head.encode()).hexdigest()[:8]
        head = f"{head[: NAME_LENGTH - len(tail) - 9]}-{mark}"
    return head + tail


def mark(key: str) -> str:
    """Return as much of an artifact's key as a label holds comfortably."""
    return key[:32]


def failure_rules(*, shards: bool) -> list[dict[str, Any]]:
    """Return the podFailurePolicy that says what each exit code means."""

    def on(code: int, action: str) -> dict[str, Any]:
        return {"action": action, "onExitCodes": {"operator": "In", "values": [int(code)]}}

    return [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        on(ExitCode.FINAL, "FailIndex" if shards else "FailJob"),
        on(ExitCode.STOPPED, "FailJob"),
    ]


def _pod(stage: Stage, plan_key: str, processes: int, site: Site) -> dict[str, Any]:
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_S,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "tolerations": [
            {"key": f"node.kubernetes.io/{state}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": LOST_NODE_S}
            for state in ("not-ready", "unreachable")
        ],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": stage.resources.scratch}}],
        "containers": [_container(stage, plan_key, processes, site)],
    }


def _container(stage: Stage, plan_key: str, processes: int, site: Site) -> dict[str, Any]:
    limits = {"cpu": stage.resources.cpu, "memory": stage.resources.memory}
    return {
        "name": "stage",
        "image": site.image(stage.name),
        "command": [*site.command, stage.name],
        "args": ["--plan", plan_key],
        "env": [{"name": name, "value": value} for name, value in sorted(_environment(site, site.threads(stage, processes)).items())],
        "resources": {"requests": limits, "limits": limits},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the pod's own
    }


def _environment(site: Site, threads: int) -> dict[str, str]:
    """Libraries get one thread each: a stage makes its own parallelism from DARKROOM_THREADS."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1")
    return {**one, harness.THREADS: str(threads), **site.environment}
