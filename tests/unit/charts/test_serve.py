"""The chart's services: one Deployment and one Service a dataset, without rights, and nothing where none is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.helm import Refused, render

LEAST: Mapping[str, Any] = {"store": "s3://bucket/prefix", "serve": [{"name": "patterns", "dataset": "fashionTexture"}]}
FULL: Mapping[str, Any] = {
    **LEAST,
    "endpoint": "http://s3.storage:9000",
    "serve": [
        {
            "name": "patterns",
            "dataset": "fashionTexture",
            "replicas": 3,
            "keySecret": "the-key",
            "environment": {"DARKROOM_SERVE_INBOX": "500"},
            "resources": {"limits": {"cpu": 4}},
        },
        {"name": "digits", "dataset": "digits"},
    ],
}


def container(values: Mapping[str, Any], name: str = "darkroom-serve-patterns") -> dict[str, Any]:
    (one,) = render(values)["Deployment", name]["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = one
    return found


def test_a_dataset_s_model_gets_a_deployment_a_service_an_account_and_a_door_in_the_network() -> None:
    plain = set(render({"store": "s3://bucket/prefix"}))
    objects = {("ServiceAccount", "darkroom-serve"), ("NetworkPolicy", "darkroom-serve")}
    objects |= {(kind, f"darkroom-serve-{name}") for kind in ("Deployment", "Service") for name in ("patterns", "digits")}
    assert set(render(FULL)) - plain == objects


def test_its_pods_wait_for_a_model_and_are_what_restricted_asks_for() -> None:
    spec = render(LEAST)["Deployment", "darkroom-serve-patterns"]["spec"]["template"]["spec"]
    one = container(LEAST)
    assert one["command"] == ["python3", "-m", "jobs.serve"]
    assert one["args"] == ["fashionTexture", "--wait", "--host", "0.0.0.0", "--port", "8000"]
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert one["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["automountServiceAccountToken"] is False
    assert one["readinessProbe"]["httpGet"]["path"] == "/v2/health/ready"
    assert one["livenessProbe"]["httpGet"]["path"] == "/v2/health/live"


def test_the_service_finds_its_own_pods_only() -> None:
    rendered = render(FULL)
    for name in ("patterns", "digits"):
        labels = rendered["Deployment", f"darkroom-serve-{name}"]["spec"]["template"]["metadata"]["labels"]
        selector = rendered["Service", f"darkroom-serve-{name}"]["spec"]["selector"]
        assert selector.items() <= labels.items()
        assert selector["darkroom/serve"] == name
        assert labels["app.kubernetes.io/managed-by"] == "darkroom"  # the policies of the chart are meant for these


def test_options_and_the_key_become_environment() -> None:
    told = {one["name"]: one for one in container(FULL)["env"]}
    assert told["DARKROOM_SERVE_INBOX"]["value"] == "500"
    assert told["DARKROOM_S3_ENDPOINT"]["value"] == "http://s3.storage:9000"
    assert told["DARKROOM_SERVE_KEY"]["valueFrom"]["secretKeyRef"] == {"name": "the-key", "key": "DARKROOM_SERVE_KEY"}
    assert told["DARKROOM_SERVE_WORKERS"]["valueFrom"] == {"resourceFieldRef": {"resource": "limits.cpu"}}
    assert "DARKROOM_SERVE_KEY" not in {one["name"] for one in container(FULL, "darkroom-serve-digits")["env"]}
    assert container(FULL)["resources"] == {"limits": {"cpu": 4}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Patterns", "dataset": "d"},
        {"name": "a"},
        {"name": "a", "dataset": "d", "environment": {"PATH": "/"}},
        {"name": "a", "dataset": "d", "replica": 2},
    ],
)
def test_what_the_schema_does_not_know_is_refused(wrong: Mapping[str, Any]) -> None:
    with pytest.raises(Refused):
        render({**LEAST, "serve": [wrong]})
