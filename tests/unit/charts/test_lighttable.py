"""The chart's light tables: one Deployment and one Service a dataset, behind a token, and nothing where none is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.helm import Refused, render

ONE = {"name": "patterns", "dataset": "fashionTexture", "tokenSecret": "the-token"}
LEAST: Mapping[str, Any] = {"store": "s3://bucket/prefix"}


def test_a_light_table_gets_a_deployment_a_service_an_account_and_a_door_in_the_network() -> None:
    tables = [ONE, {**ONE, "name": "digits", "dataset": "digits"}]
    found = set(render({**LEAST, "lightTables": tables})) - set(render(LEAST))
    assert found == {("ServiceAccount", "darkroom-lighttable"), ("NetworkPolicy", "darkroom-lighttable")} | {
        (kind, f"darkroom-lighttable-{name}") for kind in ("Deployment", "Service") for name in ("patterns", "digits")
    }


def test_its_pod_has_the_token_of_its_secret_no_rights_and_what_restricted_asks_for() -> None:
    spec = render({**LEAST, "lightTables": [ONE]})["Deployment", "darkroom-lighttable-patterns"]["spec"]["template"]["spec"]
    (one,) = spec["containers"]
    token = next(each for each in one["env"] if each["name"] == "DARKROOM_LIGHTTABLE_TOKEN")
    assert token["valueFrom"]["secretKeyRef"]["name"] == "the-token"
    assert one["args"] == ["fashionTexture", "--host", "0.0.0.0", "--port", "8765"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert one["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("table", [{"name": "x", "dataset": "y"}, {**ONE, "colour": "red"}, {**ONE, "name": "Not_A_Name"}])
def test_a_light_table_without_a_token_or_with_other_names_is_refused(table: Mapping[str, Any]) -> None:
    with pytest.raises(Refused):
        render({**LEAST, "lightTables": [table]})
