"""Whole runs on a real Kubernetes: installed by the chart, submitted by the command, the same as on one machine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from common.store import Store
from images import build
from jobs.controller import graph
from jobs.controller.render import driver_name
from tests.cluster.cluster import Cluster
from tests.cluster.kubernetes import Kubernetes, wait_until
from tests.support.command import MAIN, ROOT, sets
from tests.support.helm import CHART, find

SMALL = ("scrape.counts={dotted: 12, striped: 12}", "scrape.shardPictures=6", "refine.backbone=gabor-layout", "train.cValues=[0.1,1]")
STAGES = [stage.name for stage in graph.load().stages]
RUN_S = 150.0


class Installed:
    """Darkroom in a namespace, as the chart installs it, and the command as a person there calls it."""

    def __init__(self, kubernetes: Kubernetes, namespace: str, environment: Mapping[str, str]) -> None:
        self.kubernetes = kubernetes
        self.namespace = namespace
        self.environment = dict(environment)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen([*MAIN, *words], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *words: str) -> Any:
        """Run a command with `--json`; return its document."""
        process = self.start(*words, "--json")
        out, err = process.communicate(timeout=RUN_S)
        assert process.returncode == 0, err
        return json.loads(out)

    def submit(self, *more: str, nodes: int = 2) -> dict[str, Any]:
        words = ("submit", "fashionTexture", "--on", "kubernetes", "--nodes", str(nodes), *sets([*SMALL, *more]))
        document: dict[str, Any] = self.run(*words)
        return document

    def jobs(self, run: str) -> dict[str, Any]:
        found = self.kubernetes.get("--namespace", self.namespace, "jobs", f"--selector=darkroom/run={run}")["items"]
        return {job["metadata"]["name"]: job for job in found}

    def pods(self, run: str, stage: str) -> list[dict[str, Any]]:
        wanted = f"--selector=darkroom/run={run},darkroom/stage={stage}"
        pods: list[dict[str, Any]] = self.kubernetes.get("--namespace", self.namespace, "pods", wanted)["items"]
        return pods


@pytest.fixture
def installed(kubernetes: Kubernetes, ours: Cluster, namespace: str, store: Store, tmp_path: Path) -> Installed:
    keys = {name: value for name, value in ours.environment.items() if name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    literals = [f"--from-literal={name}={value}" for name, value in keys.items()]
    kubernetes.kubectl("create", "secret", "generic", "darkroom-s3", "--namespace", namespace, *literals)
    values = {
        "store": store.url,
        "endpoint": ours.environment["DARKROOM_S3_ENDPOINT"],
        "resources": {stage: {"requests": {"cpu": "50m"}, "limits": {"cpu": "1", "memory": "1Gi"}} for stage in [*STAGES, "controller"]},
    }
    install = [find(), "install", "darkroom", str(CHART), "--namespace", namespace, "--values", str(build.VALUES), "--values", "-"]
    subprocess.run(install, env=kubernetes.environment, input=json.dumps(values), text=True, capture_output=True, timeout=60, check=True)
    context = tmp_path / "kubeconfig"
    context.write_bytes(Path(kubernetes.environment["KUBECONFIG"]).read_bytes())
    own = {**kubernetes.environment, "DARKROOM_STORE": store.url, "KUBECONFIG": str(context), "PYTHONPATH": str(ROOT)}
    subprocess.run(["kubectl", "config", "set-context", "--current", f"--namespace={namespace}"], env=own, check=True, capture_output=True)
    return Installed(kubernetes, namespace, own)


def digests(document: Mapping[str, Any]) -> dict[str, str]:
    return {stage["name"]: stage["content_digest"] for stage in document["stages"]}


def test_a_run_has_the_digests_that_it_has_on_one_machine_and_is_found_again(installed: Installed, tmp_path: Path) -> None:
    document = installed.submit()
    assert document["state"] == "done", document
    # A machine may choose OpenBLAS's kernels by environment; pods choose by the processor, so it does here too.
    plain = {name: value for name, value in installed.environment.items() if not name.startswith("OPENBLAS_")}
    local = subprocess.run(
        [*MAIN, "submit", "fashionTexture", *sets(SMALL), "--json"],
        env={**plain, "DARKROOM_STORE": (tmp_path / "local").as_uri()},
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=True,
    )
    assert digests(document) == digests(json.loads(local.stdout))
    again = installed.submit()
    assert all(stage["cached"] for stage in again["stages"])
    assert set(installed.jobs(again["run"])) == {driver_name(again["run"])}


def test_a_driver_that_is_killed_is_followed_by_one_that_ends_the_run(installed: Installed) -> None:
    running = installed.start("submit", "fashionTexture", "--on", "kubernetes", *sets(SMALL), "--json")
    names: list[str] = []

    def has_begun() -> bool:
        found = installed.kubernetes.get("--namespace", installed.namespace, "jobs")["items"]
        names[:] = [job["metadata"]["labels"]["darkroom/run"] for job in found if job["metadata"]["name"].endswith("-driver")]
        return bool(names) and len(found) > 1

    wait_until(has_begun, 60)
    (driver,) = (pod for pod in installed.pods(names[0], "driver") if pod["status"]["phase"] == "Running")
    gone = ("delete", "pod", driver["metadata"]["name"], "--namespace", installed.namespace, "--force", "--grace-period=0")
    installed.kubernetes.kubectl(*gone)
    out, err = running.communicate(timeout=RUN_S)
    assert running.returncode == 0, err
    document = json.loads(out)
    assert document["state"] == "done"
    assert [stage["retries"] for stage in document["stages"]] == [0] * len(STAGES)


def test_a_cancelled_run_leaves_no_pods_and_keeps_its_record(installed: Installed) -> None:
    running = installed.start("submit", "fashionTexture", "--on", "kubernetes", *sets(SMALL), "--json")
    runs: list[str] = []

    def has_a_stage() -> bool:
        found = installed.kubernetes.get("--namespace", installed.namespace, "jobs")["items"]
        runs[:] = sorted({job["metadata"]["labels"]["darkroom/run"] for job in found})
        return len(found) > 1

    wait_until(has_a_stage, 60)
    (run,) = runs
    out, err = installed.start("cancel", run).communicate(timeout=60)
    assert "is cancelled" in out, err
    running.communicate(timeout=60)
    assert running.returncode == 1
    wait_until(lambda: not [pod for stage in STAGES for pod in installed.pods(run, stage)], 30)
    assert installed.run("status", run)["state"] == "cancelled"
