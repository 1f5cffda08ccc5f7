"""The ground that the other tests stand on: two nodes, policies that are enforced, S3 within reach, nodes that can be lost."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from common.store import Store
from tests.cluster import evidence
from tests.cluster.cluster import Cluster
from tests.cluster.kubernetes import Kubernetes, job, wait_until
from tests.cluster.node import BRIDGE

PORT = "darkroom-test"
PUT_AND_GET = """
import os
from common.store import open_from_environment
store = open_from_environment(os.environ)
store.put(f"seen/{os.environ['JOB_COMPLETION_INDEX']}", b"from a pod")
print(store.get(f"seen/{os.environ['JOB_COMPLETION_INDEX']}").data.decode())
"""


@pytest.mark.alone
def test_an_indexed_job_spreads_over_both_nodes(kubernetes: Kubernetes, ours: Cluster, namespace: str) -> None:
    done = kubernetes.finish(namespace, job("spread", kubernetes.image("controller"), "python3", "-c", "print('here')", completions=4))
    assert done["status"]["succeeded"] == 4
    pods = kubernetes.get("--namespace", namespace, "pods")["items"]
    assert {pod["spec"]["nodeName"] for pod in pods} == {"node1", "node2"}


def test_pods_on_both_nodes_reach_the_store(kubernetes: Kubernetes, ours: Cluster, namespace: str) -> None:
    environment = {name: value for name, value in ours.environment.items() if name.startswith(("AWS_", "DARKROOM_"))}
    made = job("store", kubernetes.image("controller"), "python3", "-c", PUT_AND_GET, completions=4, environment=environment)
    assert kubernetes.finish(namespace, made)["log"].strip() == "from a pod"


def test_pods_that_come_and_go_leave_the_gateway_where_it_is(ours: Cluster) -> None:
    """A bridge takes the lowest address of its ports if it may, and pods that know it by another are cut off for a while."""
    address = Path("/sys/class/net", BRIDGE, "address")
    before = address.read_text()
    try:
        for words in (["add", PORT, "address", "02:00:00:00:00:01", "type", "veth"], ["set", PORT, "master", BRIDGE]):
            subprocess.run(["ip", "link", *words], check=True, timeout=20)
        assert address.read_text() == before
    finally:
        subprocess.run(["ip", "link", "delete", PORT], check=True, timeout=20)


def test_a_pod_that_asks_for_too_much_is_denied(kubernetes: Kubernetes, namespace: str) -> None:
    made = job("root", kubernetes.image("controller"), "python3", "--version")
    made["spec"]["template"]["spec"]["securityContext"] = {"runAsUser": 0}
    kubernetes.kubectl("create", "--namespace", namespace, "--filename=-", given=made)

    def denied() -> bool:
        events = kubernetes.get("--namespace", namespace, "events")["items"]
        return any(event["reason"] == "FailedCreate" and "violates PodSecurity" in event["message"] for event in events)

    wait_until(denied, 20)


def test_an_account_without_a_role_may_do_nothing(kubernetes: Kubernetes, namespace: str) -> None:
    kubernetes.kubectl("create", "serviceaccount", "nobody", "--namespace", namespace)
    question = ["kubectl", "auth", "can-i", "create", "jobs", "--namespace", namespace, f"--as=system:serviceaccount:{namespace}:nobody"]
    asked = subprocess.run(question, env=kubernetes.environment, capture_output=True, text=True, timeout=30, check=False)
    assert asked.stdout.strip() == "no"


def test_a_pod_over_its_memory_limit_is_ended(kubernetes: Kubernetes, namespace: str) -> None:
    greedy = "x = bytearray(500_000_000); x[::4096] = b'1' * len(x[::4096])"
    kubernetes.finish(namespace, job("greedy", kubernetes.image("controller"), "python3", "-c", greedy, memory="64Mi"), "Failed")
    (pod,) = kubernetes.get("--namespace", namespace, "pods")["items"]
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


@pytest.mark.full  # test_width.py loses a node in the middle of a run
@pytest.mark.alone
def test_a_node_whose_kubelet_stops_is_lost_and_comes_back(kubernetes: Kubernetes, ours: Cluster) -> None:
    assert ours.nodes[1].freeze()
    try:
        wait_until(lambda: ours.node_states().get("node2") == "Unknown", 90)
        assert ours.node_states()["node1"] == "True"
    finally:
        ours.nodes[1].start_kubelet()
    wait_until(ours.ready, 60)


def test_a_failure_keeps_what_its_namespace_and_store_show(kubernetes: Kubernetes, namespace: str, store: Store) -> None:
    kubernetes.finish(namespace, job("speaks", kubernetes.image("controller"), "python3", "-c", "print('last words'); exit(3)"), "Failed")
    store.put("runs/mine/state.json", b"as it was")
    found = evidence.of_namespace(kubernetes, namespace) | evidence.of_store(store)
    assert "last words" in found["logs"]
    assert '"exitCode": 3' in found["pods' statuses"]
    assert "BackoffLimitExceeded" in found["Jobs' statuses"]
    assert "Started container it" in found["events"]
    assert found["runs in the store"] == "runs/mine/state.json  as it was"
