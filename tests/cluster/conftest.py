"""A Kubernetes for a session of tests: the one that KUBECONFIG names, or our own, brought up and taken down again."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator

import pytest

from common.store import Store, open_store
from images import build
from jobs.controller.kubernetes import Api, connect
from tests.cluster import cluster, remains
from tests.cluster.kubernetes import RESTRICTED, Kubernetes
from tests.support.servers import OUR_ENVIRONMENT, ROOT


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[Kubernetes]:
    """A person's own cluster has our images from where that person put them; ours gets them here."""
    if OUR_ENVIRONMENT.get("KUBECONFIG"):
        yield Kubernetes(OUR_ENVIRONMENT, is_ours=False)
        return
    ours = cluster.find()
    ours.check_owner()
    was_up = ours.ready()
    before = remains.machine()
    images = [entry["image"] for name, entry in json.loads(build.RECORD.read_text()).items() if name in build.rooms()]
    try:
        _by_hand("up")
        _by_hand("load", *images)
        yield Kubernetes({**OUR_ENVIRONMENT, **ours.environment}, is_ours=True)
    finally:
        if not was_up:
            _by_hand("down")  # which looks for what it knows of
            left = {kind: now - before[kind] for kind, now in remains.machine().items() if now - before[kind]}
            assert not left, f"the cluster left on this machine: {left}"


def _by_hand(*words: str) -> None:
    """Start things from a process of their own, which ends: so they are not children of these tests."""
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


@pytest.fixture
def namespace(kubernetes: Kubernetes) -> Iterator[str]:
    """A namespace of the test's own that enforces Pod Security "restricted"."""
    name = f"darkroom-test-{secrets.token_hex(4)}"
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}}
    kubernetes.kubectl("create", "--filename=-", given=made)
    yield name
    kubernetes.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def api(kubernetes: Kubernetes, namespace: str, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The namespace as our own launcher reaches it."""
    monkeypatch.setenv("KUBECONFIG", kubernetes.environment["KUBECONFIG"])
    return connect(namespace)


@pytest.fixture
def store(ours: cluster.Cluster, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The cluster's store, under a prefix of the test's own."""
    for name, value in ours.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return open_store(f"{ours.environment['DARKROOM_STORE']}/{secrets.token_hex(4)}", ours.environment["DARKROOM_S3_ENDPOINT"])


@pytest.fixture
def ours(kubernetes: Kubernetes) -> cluster.Cluster:
    """The cluster that we brought up, with its nodes in reach."""
    if not kubernetes.is_ours:
        pytest.skip("a person's own cluster is not ours to break")
    return cluster.find()
