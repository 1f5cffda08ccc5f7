"""A Kubernetes for a session of tests: the one that KUBECONFIG names, or our own, brought up and taken down again.

Tests run side by side, each in a namespace of its own; those marked `alone` have the cluster for themselves.
"""

from __future__ import annotations

import contextlib
import fcntl
import secrets
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.store import Store, open_store
from jobs.controller.kubernetes import Api, connect
from tests.cluster import cluster, evidence
from tests.cluster.installed import Installed, a_namespace, at_hand, install, reach
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest: workers take tests one by one, so that none is left alone with them in the end."""
    items.sort(key=lambda item: 0 if item.get_closest_marker("alone") else 1 if item.get_closest_marker("long") else 2)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Bring the cluster up before the first worker, and down after the last."""
    held = contextlib.ExitStack()
    config.add_cleanup(held.close)
    held.enter_context(at_hand())


@pytest.fixture(scope="session")
def kubernetes(request: pytest.FixtureRequest) -> Iterator[Kubernetes]:
    """A person's own cluster has our images from where that person put them; ours gets them here."""
    if hasattr(request.config, "workerinput"):
        yield reach()
        return
    with at_hand() as found:
        yield found


@pytest.fixture(autouse=True)
def _turn(request: pytest.FixtureRequest, kubernetes: Kubernetes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Share the cluster with the other workers' tests, or have it alone.

    Who wants it alone keeps the door shut while it waits, so that the others' next tests do not get in before it.
    """
    common = tmp_path_factory.getbasetemp().parent
    wish = fcntl.LOCK_EX if request.node.get_closest_marker("alone") else fcntl.LOCK_SH
    with (common / "door").open("w") as door, (common / "cluster").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, wish)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield


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
def installed(kubernetes: Kubernetes, ours: cluster.Cluster, namespace: str, store: Store, tmp_path: Path) -> Iterator[Installed]:
    """Darkroom in the test's namespace, as the chart installs it."""
    with install(kubernetes, ours, namespace, store, tmp_path) as found:
        yield found
