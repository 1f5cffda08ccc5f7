"""From a plan to a `batch/v1` Job: a pure function, so that a Job can be printed, compared and tested.

A stage of any width is one Indexed Job. The exit codes are a contract (design §2): 20 fails the
index of a shard stage, or the Job; 30 fails the Job; a disruption does not count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from common.errors import ExitCode
from common.parameters import Values
from common.records import Plan, Run
from common.stage import Stage
from jobs import harness
from jobs.controller import runs
from jobs.controller.site import Cluster, Gpu, Site, Web

RUN, STAGE, STEP, KEY, ATTEMPT, REPAIRS = (f"darkroom/{name}" for name in ("run", "stage", "step", "key", "attempt", "repairs"))
QUEUE = "kueue.x-k8s.io/queue-name"
LOST_NODE_S = 30
GRACE_S = 30
TERMINATION_MESSAGE = "/dev/termination-log"  # Kubernetes' default; the process launcher names a file of its own
NAME_LENGTH = 63 - len("-99999")  # of a Job: its pods are named by it and their index, and that must be a DNS label
DRIVER_LABELS = {"app.kubernetes.io/managed-by": "darkroom", STAGE: "driver"}
DRIVER, DRIVER_NEEDS, DRIVER_SCRATCH, DRIVER_RESTARTS = "driver", {"cpu": "250m", "memory": "512Mi"}, "1Gi", 100
DRIVER_STAYS_S = 24 * 3600  # for its log; what the run says of itself is in the store


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
    if site.cluster is not None and site.cluster.queue:
        labels[QUEUE] = site.cluster.queue
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job_name(plan), "labels": labels},
        "spec": {
            "completions": len(plan.tasks),
            "parallelism": min(nodes, len(plan.tasks)),
            "completionMode": "Indexed",
            "backoffLimitPerIndex": stage.retries,
            "podReplacementPolicy": "Failed",
            "activeDeadlineSeconds": stage.deadline_s,
            "podFailurePolicy": {"rules": failure_rules(shards=bool(plan.fan_out))},
            "template": {"metadata": {"labels": labels}, "spec": _pod(stage, plan, plan_key, min(nodes, len(plan.tasks)), site)},
        },
    }


def render_driver(run: Run, site: Site) -> dict[str, Any]:
    """Return the Job of a run's driver. It holds the only token, and is started again until the run has ended."""
    labels = {**DRIVER_LABELS, RUN: run.run}
    name = driver_name(run.run)
    spec = driver_spec(site, ["drive", run.run], labels, {"name": runs.DRIVER, "value": name})
    spec["ttlSecondsAfterFinished"] = DRIVER_STAYS_S
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "labels": labels}, "spec": spec}


def driver_spec(site: Site, arguments: list[str], labels: Mapping[str, str], own_name: dict[str, Any]) -> dict[str, Any]:
    """Return the spec of a Job whose pods drive a run; `own_name` is the variable that tells them the Job's name.

    There is no podFailurePolicy: with one, a driver on a lost node would never be replaced, because nobody
    would say of its pod that it has failed (docs/decisions/0016).
    """
    assert site.cluster is not None  # noqa: S101 - there are drivers on clusters only
    cluster = site.cluster
    needs = cluster.resources.get("controller", {"requests": DRIVER_NEEDS, "limits": DRIVER_NEEDS})
    container = _container(site.image("controller"), ["python3", "-m", "jobs.controller"], arguments, site.environment, needs)
    container["env"].append(own_name)
    pod = _confined(container, DRIVER_SCRATCH)
    _place(pod, DRIVER, cluster)
    pod |= {"serviceAccountName": cluster.driverServiceAccount} if cluster.driverServiceAccount else {}
    return {
        "backoffLimit": DRIVER_RESTARTS,
        "podReplacementPolicy": "TerminatingOrFailed",
        "template": {"metadata": {"labels": dict(labels)}, "spec": pod},
    }


def driver_name(run: str) -> str:
    """Return the name of a run's driver Job."""
    return _fit(run, "-driver")


def job_name(plan: Plan) -> str:
    """Return a name that is the same for the same run, step, work and attempt, and fits a DNS label."""
    work = f"repair-{plan.tasks[0].key[:8]}" if plan.repair else plan.key[:6]
    tail = f"-{plan.step.replace('/', '-')}-{work}-{plan.attempt}"
    return _fit(plan.run, tail)


def _fit(run: str, tail: str) -> str:
    head = re.sub(r"[^a-z0-9-]", "-", run.lower()).strip("-")
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


def _pod(stage: Stage, plan: Plan, plan_key: str, processes: int, site: Site) -> dict[str, Any]:
    wishes = stage.resources_for(Values(plan.parameters))
    limits = {"cpu": wishes.cpu, "memory": wishes.memory}
    environment = _environment(site, site.threads(stage.name, wishes, processes))
    needs = {"requests": limits, "limits": limits}
    container = _container(site.image(stage.name), [*site.command, stage.name], ["--plan", plan_key], environment, needs)
    pod = {**_confined(container, wishes.scratch), "automountServiceAccountToken": False}
    if site.cluster is not None:
        _place(pod, stage.name, site.cluster)
        if stage.internet:
            _let_out(pod["containers"][0], site.cluster.web)
        if site.cluster.topologySpread and len(plan.tasks) > 1:
            spread = {"matchLabels": {STAGE: stage.name}}
            pod["topologySpreadConstraints"] = [
                {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": spread}
            ]
        if site.cluster.gpu is not None and wishes.gpus:
            _ask_for_gpus(pod, site.cluster.gpu, wishes.gpus)
    return pod


def _confined(container: dict[str, Any], scratch: str) -> dict[str, Any]:
    """Return a pod of one container that Pod Security "restricted" lets in, and that leaves a lost node soon."""
    return {
        "restartPolicy": "Never",
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_S,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "tolerations": [
            {"key": f"node.kubernetes.io/{state}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": LOST_NODE_S}
            for state in ("not-ready", "unreachable")
        ],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": scratch}}],
        "containers": [container],
    }


def _container(
    image: str, command: list[str], arguments: list[str], environment: Mapping[str, str], needs: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": "stage",
        "image": image,
        "command": command,
        "args": arguments,
        "env": [{"name": name, "value": value} for name, value in sorted(environment.items())],
        "resources": needs,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the pod's own
    }


def _ask_for_gpus(pod: dict[str, Any], gpu: Gpu, count: int) -> None:
    pod["tolerations"] += gpu.tolerations
    pod["nodeSelector"] = {**pod.get("nodeSelector", {}), **gpu.nodeSelector}
    resources = pod["containers"][0]["resources"]
    pod["containers"][0]["resources"] = {**resources, "limits": {**resources.get("limits", {}), gpu.resource: count}}


def _place(pod: dict[str, Any], stage: str, cluster: Cluster) -> None:
    """Say where in the cluster a pod may run, as whom, and from which image."""
    container = pod["containers"][0]
    pod["tolerations"] += cluster.tolerations
    pod |= {"nodeSelector": dict(cluster.nodeSelector)} if cluster.nodeSelector else {}
    account = cluster.serviceAccounts.get(stage)
    pod |= {"serviceAccountName": account} if account else {}
    container |= {"imagePullPolicy": cluster.pullPolicy} if cluster.pullPolicy else {}
    container |= {"envFrom": [{"secretRef": {"name": cluster.secret}}]} if cluster.secret else {}
    if stage in cluster.resources:
        container["resources"] = cluster.resources[stage]


def _let_out(container: dict[str, Any], web: Web) -> None:
    container["env"] += [{"name": name, "value": value} for name, value in sorted(web.variables().items())]
    if web.secret:
        container["envFrom"] = [*container.get("envFrom", []), {"secretRef": {"name": web.secret}}]


def _environment(site: Site, threads: int) -> dict[str, str]:
    """Libraries get one thread each: a stage makes its own parallelism from DARKROOM_THREADS."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1")
    return {**one, harness.THREADS: str(threads), harness.LAST_WORDS: TERMINATION_MESSAGE, **site.environment}
