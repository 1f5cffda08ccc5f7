"""The chart's service on a real cluster: it waits for a model, answers pods through its Service, follows the pointer, and rolls."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.store import Store
from tests.cluster.cluster import Cluster
from tests.cluster.installed import Installed, install
from tests.cluster.kubernetes import Kubernetes, job, wait_until
from tests.support import served

DEPLOYMENT = "darkroom-serve-mine"
KEY = "open-sesame"
NEEDS = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
ASK = """
import base64, json, sys, urllib.request
headers = {"Content-Type": "image/jpeg", "Authorization": "Bearer " + sys.argv[4]}
for _ in range(int(sys.argv[3])):
    request = urllib.request.Request(f"http://{sys.argv[1]}/classify", base64.b64decode(sys.argv[2]), headers)
    print(json.dumps(json.load(urllib.request.urlopen(request, timeout=60))))
"""


@pytest.fixture
def served_here(kubernetes: Kubernetes, ours: Cluster, namespace: str, store: Store, tmp_path: Path) -> Iterator[Installed]:
    """The chart with one service, whose dataset has no model yet."""
    kubernetes.kubectl("create", "secret", "generic", "the-key", "--namespace", namespace, f"--from-literal=DARKROOM_SERVE_KEY={KEY}")
    options = {"DARKROOM_SERVE_POLL_S": "1"}
    one = {"name": "mine", "dataset": served.DATASET, "keySecret": "the-key", "environment": options, "resources": NEEDS}
    with install(kubernetes, ours, namespace, store, tmp_path, {"serve": [one]}) as found:
        yield found


def ready(installed: Installed) -> int:
    found = installed.kubernetes.get("--namespace", installed.namespace, "deployment", DEPLOYMENT)
    return int(found["status"].get("readyReplicas", 0))


def ask(installed: Installed, name: str, times: int = 1) -> list[Any]:
    """Ask from a pod through the Service's address; the cluster has no names for it."""
    service = installed.kubernetes.get("--namespace", installed.namespace, "service", DEPLOYMENT)
    picture = base64.b64encode(served.picture()).decode()
    image = installed.kubernetes.image("serve")
    words = ("python3", "-c", ASK, service["spec"]["clusterIP"], picture, str(times), KEY)
    done = installed.kubernetes.finish(installed.namespace, job(name, image, *words))
    return [json.loads(line) for line in done["log"].splitlines()]


def test_a_service_waits_for_a_model_answers_and_swaps_and_rolls_without_a_failure(served_here: Installed, store: Store) -> None:
    def pods() -> list[Any]:
        selector = "--selector=darkroom/serve=mine"
        found: list[Any] = served_here.kubernetes.get("--namespace", served_here.namespace, "pods", selector)["items"]
        return [pod for pod in found if pod["status"]["phase"] == "Running"]

    wait_until(lambda: bool(pods()), 120)
    assert ready(served_here) == 0
    first = served.publish(store, 1)
    wait_until(lambda: ready(served_here) == 1, 60)
    (said,) = ask(served_here, "ask-first")
    assert said["version"] == first
    second = served.publish(store, 2)
    wait_until(lambda: ask_version(served_here) == second, 60)
    restart = ["kubectl", "rollout", "restart", f"deployment/{DEPLOYMENT}"]
    subprocess.run(restart, env=served_here.environment, check=True, capture_output=True, timeout=60)
    replies = ask(served_here, "ask-while-rolling", 300)
    assert {reply["version"] for reply in replies} == {second}
    assert len(replies) == 300


def ask_version(installed: Installed) -> str:
    """Return the version that the service's log told last."""
    log = installed.kubernetes.logs("--namespace", installed.namespace, f"deployment/{DEPLOYMENT}")
    told = [line for line in log.splitlines() if " answers (" in line]
    return told[-1].split()[1] if told else ""
