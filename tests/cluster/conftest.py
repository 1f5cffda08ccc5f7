"""A Kubernetes for a session of tests: the one that KUBECONFIG names, or our own, brought up and taken down again."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.store import Store, open_store
from jobs.controller.kubernetes import Api, connect
from tests.cluster import cluster, evidence
from tests.cluster.installed import Installed, a_namespace, at_hand, install
from tests.cluster.kubernetes import Kubernetes


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep with a failure what the test's namespace and store show; the next step takes both away."""
    report = yield
    if report.failed and call.when == "call" and call.excinfo is not None:
        given: dict[str, Any] = item.funcargs
        found = evidence.of_command(call.excinfo.value)
        if "namespace" in given:
            found |= evidence.of_namespace(given["kubernetes"], given["namespace"])
        if "store" in given:
            found |= evidence.of_store(given["store"])
        report.sections += found.items()
    return report


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[Kubernetes]:
    """A person's own cluster has our images from where that person put them; ours gets them here."""
    with at_hand() as found:
        yield found


@pytest.fixture
def namespace(kubernetes: Kubernetes) -> Iterator[str]:
    """A namespace of the test's own that enforces Pod Security "restricted"."""
    with a_namespace(kubernetes) as name:
        yield name


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


@pytest.fixture
def installed(kubernetes: Kubernetes, ours: cluster.Cluster, namespace: str, store: Store, tmp_path: Path) -> Installed:
    """Darkroom in the test's namespace, as the chart installs it."""
    return install(kubernetes, ours, namespace, store, tmp_path)
