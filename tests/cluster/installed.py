"""Darkroom on a cluster, as a person has it: a cluster at hand, a namespace with the chart in it, the command.

Context managers, so that benches have them as tests do (conftest.py makes fixtures of them).
"""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from common.store import Store
from images import build
from jobs.controller import graph
from tests.cluster import cluster, remains
from tests.cluster.cluster import Cluster
from tests.cluster.kubernetes import RESTRICTED, Kubernetes
from tests.support.command import MAIN, ROOT, sets
from tests.support.helm import CHART, find
from tests.support.servers import OUR_ENVIRONMENT

SMALL = ("scrape.counts={dotted: 12, striped: 12}", "scrape.shardPictures=12", "refine.backbone=gabor-layout", "train.cValues=[0.1,1]")
STAGES = [stage.name for stage in graph.load().stages]  # of a run that trains
ROOMS = [stage.name for stage in graph.rooms().stages]
RUN_S = 300.0  # a busy machine takes twice and three times as long as a quiet one


def digests(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the content digest of each stage of a run."""
    return {stage["name"]: stage["content_digest"] for stage in document["stages"]}


def reach() -> Kubernetes:
    """Return the cluster that KUBECONFIG names, or our own; it is up."""
    if OUR_ENVIRONMENT.get("KUBECONFIG"):
        return Kubernetes(OUR_ENVIRONMENT, is_ours=False)
    return Kubernetes({**OUR_ENVIRONMENT, **cluster.find().environment}, is_ours=True)


@contextlib.contextmanager
def at_hand() -> Iterator[Kubernetes]:
    """Yield the cluster that KUBECONFIG names, or our own, brought up with our images and taken down again.

    A person's own cluster has our images from where that person put them.
    """
    if OUR_ENVIRONMENT.get("KUBECONFIG"):
        yield reach()
        return
    ours = cluster.find()
    ours.check_owner()
    was_up = ours.ready()
    before = remains.machine()
    signal.signal(signal.SIGTERM, _interrupt)  # whoever is out of patience wants it gone too
    images = [entry["image"] for name, entry in json.loads(build.RECORD.read_text()).items() if name in build.rooms()]
    try:
        _by_hand("up")
        _by_hand("load", *images)
        yield reach()
    finally:
        if not was_up:
            _by_hand("down")  # which looks for what it knows of
            left = {kind: now - before[kind] for kind, now in remains.machine().items() if now - before[kind]}
            assert not left, f"the cluster left on this machine: {left}"


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _by_hand(*words: str) -> None:
    """Start things from a process of their own, which ends: so they are not children of this one."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.cluster", *words],
        cwd=ROOT,
        env=OUR_ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def a_namespace(kubernetes: Kubernetes) -> Iterator[str]:
    """Yield a namespace that enforces Pod Security "restricted"; it goes afterwards."""
    name = f"darkroom-test-{secrets.token_hex(4)}"
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}}
    kubernetes.kubectl("create", "--filename=-", given=made)
    try:
        yield name
    finally:
        kubernetes.kubectl("delete", "namespace", name, "--wait=false")


class Installed:
    """Darkroom in a namespace, as the chart installs it, and the command as a person there calls it."""

    def __init__(self, kubernetes: Kubernetes, namespace: str, environment: Mapping[str, str], commands: contextlib.ExitStack) -> None:
        self.kubernetes = kubernetes
        self.namespace = namespace
        self.environment = dict(environment)
        self._commands = commands

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command; what still runs when this Darkroom is left, as after a failed assertion, is ended then."""
        process = subprocess.Popen([*MAIN, *words], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._commands.enter_context(process)
        self._commands.callback(process.kill)
        return process

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

    def run_here(self, store: Path, *words: str) -> dict[str, Any]:
        """Run a command with `--json` on this machine, over a folder store; return its document.

        A machine may choose OpenBLAS's kernels by environment; pods choose by the processor, so it does here too.
        """
        plain = {name: value for name, value in self.environment.items() if not name.startswith("OPENBLAS_")}
        own = {**plain, "DARKROOM_STORE": store.as_uri()}
        done = subprocess.run([*MAIN, *words, "--json"], env=own, capture_output=True, text=True, timeout=RUN_S, check=True)
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def begun(self) -> str:
        """Return the one run that has begun here, "" before that."""
        found = self.kubernetes.get("--namespace", self.namespace, "jobs")["items"]
        names = {job["metadata"]["labels"]["darkroom/run"] for job in found if job["metadata"]["name"].endswith("-driver")}
        return names.pop() if names else ""

    def jobs(self, run: str) -> dict[str, Any]:
        found = self.kubernetes.get("--namespace", self.namespace, "jobs", f"--selector=darkroom/run={run}")["items"]
        return {job["metadata"]["name"]: job for job in found}

    def pods(self, run: str, stage: str) -> list[dict[str, Any]]:
        wanted = f"--selector=darkroom/run={run},darkroom/stage={stage}"
        pods: list[dict[str, Any]] = self.kubernetes.get("--namespace", self.namespace, "pods", wanted)["items"]
        return pods


@contextlib.contextmanager
def install(
    kubernetes: Kubernetes, ours: Cluster, namespace: str, store: Store, folder: Path, values: Mapping[str, Any] = {}
) -> Iterator[Installed]:
    """Install the chart, with small needs unless the values say otherwise; the folder gets the command's kubeconfig."""
    keys = {name: value for name, value in ours.environment.items() if name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    literals = [f"--from-literal={name}={value}" for name, value in keys.items()]
    kubernetes.kubectl("create", "secret", "generic", "darkroom-s3", "--namespace", namespace, *literals)
    given = {
        "store": store.url,
        "endpoint": ours.environment["DARKROOM_S3_ENDPOINT"],
        "resources": {stage: {"requests": {"cpu": "50m"}, "limits": {"cpu": "1", "memory": "1Gi"}} for stage in [*ROOMS, "controller"]},
        **values,
    }
    command = [find(), "install", "darkroom", str(CHART), "--namespace", namespace, "--values", str(build.VALUES), "--values", "-"]
    subprocess.run(command, env=kubernetes.environment, input=json.dumps(given), text=True, capture_output=True, timeout=60, check=True)
    context = folder / "kubeconfig"
    context.write_bytes(Path(kubernetes.environment["KUBECONFIG"]).read_bytes())
    own = {**kubernetes.environment, "DARKROOM_STORE": store.url, "KUBECONFIG": str(context), "PYTHONPATH": str(ROOT)}
    subprocess.run(["kubectl", "config", "set-context", "--current", f"--namespace={namespace}"], env=own, check=True, capture_output=True)
    with contextlib.ExitStack() as commands:
        yield Installed(kubernetes, namespace, own, commands)
