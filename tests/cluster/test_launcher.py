"""The launcher for a cluster, on a real one: the table of exit-code scripts that the process launcher passes too."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from common.store import Store
from jobs.controller.cluster import KubernetesLauncher, put_job
from jobs.controller.kubernetes import Api
from jobs.controller.launcher import Conflict
from tests.cluster.cluster import Cluster
from tests.cluster.kubernetes import Kubernetes
from tests.support import scripts
from tests.support.scripts import CASES, Case


def job_of(case: Case, name: str, kubernetes: Kubernetes, ours: Cluster, store: Store) -> dict[str, Any]:
    """Return a case's Job as strict as the namespace wants it."""
    environment = {key: value for key, value in ours.environment.items() if key.startswith("AWS_")}
    environment |= {"DARKROOM_STORE": store.url, "DARKROOM_S3_ENDPOINT": ours.environment["DARKROOM_S3_ENDPOINT"]}
    confined = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    pod = {
        "container": {"image": kubernetes.image("controller"), "securityContext": confined},
        "spec": {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}},
    }
    return scripts.job(case, name, ["python3"], environment, pod)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_exit_codes_become_conditions(case: Case, kubernetes: Kubernetes, ours: Cluster, api: Api, store: Store) -> None:
    name = f"contract-{secrets.token_hex(3)}"
    launcher = KubernetesLauncher(api, name)
    try:
        scripts.check(launcher, store, case, job_of(case, name, kubernetes, ours, store))
    finally:
        launcher.close()


def test_the_same_job_is_adopted_and_another_is_a_conflict(kubernetes: Kubernetes, ours: Cluster, api: Api, store: Store) -> None:
    one = job_of(CASES[0], "same", kubernetes, ours, store)
    first = put_job(api, one)
    assert put_job(api, one)["metadata"]["uid"] == first["metadata"]["uid"]
    with pytest.raises(Conflict, match="another Job named same"):
        put_job(api, job_of(CASES[1], "same", kubernetes, ours, store))
