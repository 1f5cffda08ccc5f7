"""What keeps pods from starting or ends them: named within seconds, ended by a stated patience."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from common.store import Store
from jobs.controller import diagnose as causes
from jobs.controller.cluster import KubernetesLauncher
from jobs.controller.kubernetes import Api
from jobs.controller.launcher import COMPLETE, JobStatus
from tests.cluster.cluster import Cluster
from tests.cluster.installed import RUN_S, SMALL, STAGES, Installed, install
from tests.cluster.kubernetes import Kubernetes, wait_until
from tests.cluster.test_launcher import job_of
from tests.support.command import sets
from tests.support.scripts import Case

SOON_S = 5.0
SLEEPS = Case("sleeps", {0: ["hang"]}, "", parallelism=1)


def first_signal(kubernetes: Kubernetes, namespace: str, signal: str) -> bool:
    """Has the cluster said anywhere, in a pod's status or in an event, what is the matter?"""
    told = kubernetes.kubectl("get", "pods,events", "--namespace", namespace, "--output", "json")
    return signal in told


def observed(launcher: KubernetesLauncher, name: str) -> JobStatus:
    (status,) = launcher.observe(name)
    return status


Change = Callable[[dict[str, Any]], None]


def pod_of(job: dict[str, Any]) -> Any:
    return job["spec"]["template"]["spec"]


def asks(**resources: Any) -> Change:
    return lambda job: pod_of(job)["containers"][0].update(resources={"limits": resources, "requests": resources})


def image(name: str) -> Change:
    return lambda job: pod_of(job)["containers"][0].update(image=name, imagePullPolicy="IfNotPresent")


@pytest.mark.parametrize(
    ("change", "signal", "cause", "words"),
    [
        (asks(**{"nvidia.com/gpu": 1}), "Insufficient nvidia.com/gpu", causes.GPU, "No node has 1 nvidia.com/gpu free"),
        (asks(memory="9000Gi"), "Insufficient memory", causes.ROOM, "9000Gi memory"),
        (lambda job: pod_of(job).update(nodeSelector={"disk": "ssd"}), "node affinity/selector", causes.SELECTOR, "disk=ssd"),
        (image("127.0.0.1:9/nothing:1"), "ErrImagePull", causes.PULL, "127.0.0.1:9/nothing:1"),
        (image("localhost/nothing:1"), "ErrImagePull", causes.PULL, "localhost/nothing:1"),
        (image("NOT/a:b:c"), "InvalidImageName", causes.IMAGE_NAME, "NOT/a:b:c cannot be the name"),
        (
            lambda job: pod_of(job)["containers"][0].update(envFrom=[{"secretRef": {"name": "nowhere"}}]),
            "CreateContainerConfigError",
            causes.CONFIGURATION,
            'secret "nowhere" not found',
        ),
        (lambda job: pod_of(job).update(securityContext={}), "violates PodSecurity", causes.DENIED, "runAsNonRoot"),
        (lambda job: pod_of(job).update(serviceAccountName="nobody"), "error looking up service account", causes.ACCOUNT, "nobody"),
    ],
    ids=["gpu", "room", "selector", "pull", "localhost", "name", "secret", "denied", "account"],
)
def test_each_cause_is_named_within_seconds(
    change: Change, signal: str, cause: str, words: str, kubernetes: Kubernetes, ours: Cluster, api: Api, store: Store
) -> None:
    name = f"trouble-{secrets.token_hex(3)}"
    launcher = KubernetesLauncher(api, name)
    try:
        job = job_of(SLEEPS, name, kubernetes, ours, store)
        change(job)
        launcher.create(job)
        wait_until(lambda: first_signal(kubernetes, api.namespace, signal), 60)
        signalled = time.monotonic()
        wait_until(lambda: observed(launcher, name).trouble is not None, SOON_S)
        trouble = observed(launcher, name).trouble
        assert trouble is not None
        assert (trouble.cause, words in trouble.text) == (cause, True), trouble
        assert time.monotonic() - signalled < SOON_S
    finally:
        launcher.delete(name)
        launcher.close()


def test_a_quota_that_is_used_up_is_named_and_forgotten_when_there_is_room(
    kubernetes: Kubernetes, ours: Cluster, api: Api, store: Store
) -> None:
    name = f"trouble-{secrets.token_hex(3)}"
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": {"hard": {"pods": "0"}}}
    kubernetes.kubectl("create", "--namespace", api.namespace, "--filename=-", given=quota)
    launcher = KubernetesLauncher(api, name)
    try:
        launcher.create(job_of(Case("ends", {0: [0]}, "", parallelism=1), name, kubernetes, ours, store))
        wait_until(lambda: first_signal(kubernetes, api.namespace, "exceeded quota"), 60)
        wait_until(lambda: observed(launcher, name).trouble is not None, SOON_S)
        trouble = observed(launcher, name).trouble
        assert trouble is not None
        assert (trouble.cause, "exceeded quota: small" in trouble.text) == (causes.QUOTA, True)
        kubernetes.kubectl("delete", "--namespace", api.namespace, "resourcequota", "small")
        wait_until(lambda: observed(launcher, name).condition == COMPLETE, 120)
    finally:
        launcher.delete(name)
        launcher.close()


def test_an_evicted_pod_uses_up_no_retry(kubernetes: Kubernetes, ours: Cluster, api: Api, store: Store) -> None:
    name = f"trouble-{secrets.token_hex(3)}"
    launcher = KubernetesLauncher(api, name)
    try:
        launcher.create(job_of(Case("evicted", {0: ["hang", 0]}, "", backoff=0, parallelism=1), name, kubernetes, ours, store))
        wait_until(lambda: len(list(store.list(f"{name}/0/"))) == 1, 300)
        (pod,) = kubernetes.get("pods", "--namespace", api.namespace)["items"]
        where = f"/api/v1/namespaces/{api.namespace}/pods/{pod['metadata']['name']}/eviction"
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod["metadata"]["name"]}}
        kubernetes.kubectl("create", "--raw", where, "--filename=-", given=eviction)
        wait_until(lambda: observed(launcher, name).condition == COMPLETE, 300)
        assert observed(launcher, name).retries == 0
        assert len(list(store.list(f"{name}/0/"))) == 2
    finally:
        launcher.delete(name)
        launcher.close()


# --- in a run ------------------------------------------------------------------------------


def small(**changed: Any) -> dict[str, Any]:
    """Return values with small needs, and other needs of some stages."""
    least = {"requests": {"cpu": "50m"}, "limits": {"cpu": "1", "memory": "1Gi"}}
    return {stage: changed.get(stage, least) for stage in [*STAGES, "controller"]}


def fails(installed: Installed) -> tuple[str, str]:
    """Submit a run that fails; return its name and what it says of itself."""
    process = installed.start("submit", "fashionTexture", "--on", "kubernetes", *sets(SMALL), "--json")
    out, err = process.communicate(timeout=RUN_S)
    assert process.returncode == 1, err
    document = json.loads(out)
    assert document["state"] == "failed"
    return document["run"], document["reason"]


@pytest.mark.full
def test_a_stage_over_its_memory_limit_is_named_with_limit_and_evidence(
    kubernetes: Kubernetes, ours: Cluster, namespace: str, store: Store, tmp_path: Path
) -> None:
    tight = {"requests": {"cpu": "50m"}, "limits": {"cpu": "1", "memory": "48Mi"}}
    with install(kubernetes, ours, namespace, store, tmp_path, {"resources": small(scrape=tight)}) as installed:
        _, reason = fails(installed)
    assert "scrape/list: The kernel killed it (OOMKilled) at its memory limit of 48Mi." in reason
    assert "resources" in reason


def test_a_missing_image_is_explained_while_it_is_waited_for_and_ends_the_run_by_its_patience(
    kubernetes: Kubernetes, ours: Cluster, namespace: str, store: Store, tmp_path: Path
) -> None:
    values = {"image": {"references": {"scrape": "127.0.0.1:9/nothing:1"}}, "patience": {"pull": 15}}
    with install(kubernetes, ours, namespace, store, tmp_path, values) as installed:
        process = installed.start("submit", "fashionTexture", "--on", "kubernetes", *sets(SMALL), "--json")
        wait_until(lambda: first_signal(kubernetes, namespace, "ErrImagePull"), 60)
        wait_until(lambda: "127.0.0.1:9/nothing:1 cannot be pulled" in json.dumps(installed.run("explain")), SOON_S)
        (stage,) = (one for one in installed.run("status")["stages"] if one["name"] == "scrape")
        assert "cannot be pulled" in stage["reason"]
        out, err = process.communicate(timeout=RUN_S)
        assert process.returncode == 1, err
        document = json.loads(out)
        assert document["state"] == "failed"
        assert "Waited 1" in document["reason"]  # 15 s and what a look takes
        wait_until(lambda: not installed.pods(document["run"], "scrape"), 30)


def test_a_driver_that_cannot_start_is_named_too(
    kubernetes: Kubernetes, ours: Cluster, namespace: str, store: Store, tmp_path: Path
) -> None:
    with install(kubernetes, ours, namespace, store, tmp_path, {"patience": {"configuration": 5}}) as installed:
        kubernetes.kubectl("delete", "secret", "darkroom-s3", "--namespace", namespace)
        _, reason = fails(installed)
    assert 'secret "darkroom-s3" not found' in reason
    wait_until(lambda: not kubernetes.get("--namespace", namespace, "jobs")["items"], 60)


@contextmanager
def gpu_on(kubernetes: Kubernetes, node: str) -> Iterator[None]:
    """Give a node a GPU as far as scheduling goes, tainted as real GPU nodes are."""
    place = "/status/capacity/nvidia.com~1gpu"

    def patch(**change: str) -> None:
        words = json.dumps([{"path": place, **change}])
        kubernetes.kubectl("patch", "node", node, "--subresource=status", "--type=json", f"--patch={words}")

    kubernetes.kubectl("taint", "node", node, "nvidia.com/gpu=present:NoSchedule")
    try:
        patch(op="add", value="1")
        yield
        patch(op="remove")
    finally:
        kubernetes.kubectl("taint", "node", node, "nvidia.com/gpu-")


@pytest.mark.alone
@pytest.mark.full
def test_a_stage_that_wishes_a_gpu_waits_for_one_and_gets_it(
    kubernetes: Kubernetes, ours: Cluster, namespace: str, store: Store, tmp_path: Path
) -> None:
    with install(kubernetes, ours, namespace, store, tmp_path, {"gpu": {"enabled": True}}) as installed:
        process = installed.start("submit", "fashionTexture", "--on", "kubernetes", *sets(SMALL), "--json")
        wait_until(lambda: first_signal(kubernetes, namespace, "Insufficient nvidia.com/gpu"), 120)
        wait_until(lambda: "No node has 1 nvidia.com/gpu free" in json.dumps(installed.run("explain")), SOON_S)
        with gpu_on(kubernetes, ours.nodes[0].name):
            out, err = process.communicate(timeout=RUN_S)
        assert process.returncode == 0, err
        assert json.loads(out)["state"] == "done"
