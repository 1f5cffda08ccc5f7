"""The chart, as Helm renders it: what it grants, what it tells the driver, and what it refuses."""

from __future__ import annotations

import ipaddress
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from images.build import SERVICES
from jobs import __version__
from jobs.controller import graph
from jobs.controller.render import STAGE
from jobs.controller.site import on_cluster
from tests.support.helm import CHART, Refused, helm, render

STAGES = [stage.name for stage in graph.rooms().stages]
LEAST: Mapping[str, Any] = {"store": "s3://bucket/prefix"}
DIGEST = "sha256:" + "0123456789abcdef" * 4
TOLERATION = {"key": "batch", "operator": "Equal", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 1_000_000}
FULL: Mapping[str, Any] = {
    **LEAST,
    "endpoint": "http://s3.storage:9000",
    "secret": "keys",
    "image": {"registry": "registry.example.org:5000/team", "tag": "1.2", "digests": {"train": DIGEST}, "pullSecrets": ["registry"]},
    "serviceAccountAnnotations": {"example.org/role": "reader"},
    "nodeSelector": {"disk": "yes", "number": "1_000"},
    "tolerations": [TOLERATION],
    "gpu": {"enabled": True, "nodeSelector": {"gpu": "h100"}},
    "queue": "research",
    "topologySpread": False,
    "resources": {"train": {"requests": {"cpu": 0.5, "memory": "4Gi"}, "limits": {"memory": 4294967296, "example.org/unit": 1}}},
    "submitters": [{"kind": "User", "name": "jane@example.org"}, {"kind": "ServiceAccount", "name": "ci"}],
}


@cache
def _rendered(document: str, release: str, namespace: str) -> dict[tuple[str, str], dict[str, Any]]:
    return render(json.loads(document), release, namespace)


def rendered(
    values: Mapping[str, Any] = LEAST, release: str = "darkroom", namespace: str = "pictures"
) -> dict[tuple[str, str], dict[str, Any]]:
    return _rendered(json.dumps(values), release, namespace)


def site(values: Mapping[str, Any] = LEAST) -> dict[str, Any]:
    data = rendered(values)["ConfigMap", "darkroom-site"]["data"]
    assert list(data) == ["site.yaml"]
    found: dict[str, Any] = yaml.safe_load(data["site.yaml"])
    return found


def granted(role: str) -> set[tuple[str, str, str, str]]:
    """Return (group, resource, name, verb) for each thing that a Role grants."""
    return {
        (group, resource, name, verb)
        for rule in rendered()["Role", role]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
        for verb in rule["verbs"]
    }


def policies(values: Mapping[str, Any] = LEAST) -> dict[str, dict[str, Any]]:
    return {name: one["spec"] for (kind, name), one in rendered(values).items() if kind == "NetworkPolicy"}


def reach(policy: Mapping[str, Any]) -> list[tuple[set[tuple[int, str]], list[str]]]:
    """Return the ports and ranges of each rule of egress; no ranges are any address."""
    return [
        ({(port["port"], port["protocol"]) for port in rule["ports"]}, [to["ipBlock"]["cidr"] for to in rule.get("to", [])])
        for rule in policy["egress"]
    ]


# --- the whole --------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [LEAST, FULL], ids=["least", "full"])
def test_lint_finds_nothing(values: Mapping[str, Any]) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART), values=values)


def test_the_chart_makes_these_objects_and_starts_no_pod() -> None:
    names = {
        "ConfigMap": ["darkroom-site"],
        "NetworkPolicy": ["darkroom-driver", "darkroom-pods", "darkroom-scrape"],
        "Role": ["darkroom-driver", "darkroom-submitter"],
        "RoleBinding": ["darkroom-driver"],
        "ServiceAccount": ["darkroom-driver", *(f"darkroom-{stage}" for stage in STAGES)],
    }
    assert set(rendered()) == {(kind, name) for kind, some in names.items() for name in some}


@pytest.mark.parametrize("release", ["a", "x" * 53, "release-7"])
@pytest.mark.parametrize("namespace", ["default", "n" * 63, "1234"])
def test_objects_lie_in_the_release_s_namespace_under_names_that_are_dns_labels(release: str, namespace: str) -> None:
    objects = rendered(FULL, release, namespace)
    assert {name for _, name in objects} == {name for _, name in rendered(FULL)}
    for (_, name), one in objects.items():
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name)
        assert one["metadata"]["namespace"] == namespace
    for _, binding in (item for item in objects.items() if item[0][0] == "RoleBinding"):
        assert all(subject["namespace"] == namespace for subject in binding["subjects"] if subject["kind"] == "ServiceAccount")


@pytest.mark.parametrize("release", ["darkroom", "1234"])
def test_labels_are_the_standard_ones(release: str) -> None:
    for one in rendered(LEAST, release).values():
        labels = one["metadata"]["labels"]
        component = labels.pop("app.kubernetes.io/component")
        assert component in {"driver", "network", "site", "submitter", *STAGES}
        assert labels == {
            "helm.sh/chart": "darkroom-" + chart_file()["version"],
            "app.kubernetes.io/name": "darkroom",
            "app.kubernetes.io/instance": release,
            "app.kubernetes.io/version": __version__,
            "app.kubernetes.io/part-of": "darkroom",
            "app.kubernetes.io/managed-by": "Helm",
        }


def chart_file() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    return found


def test_the_images_have_the_version_of_the_code() -> None:
    assert chart_file()["appVersion"] == __version__


def test_the_notes_say_what_to_do_next(tmp_path: Path) -> None:
    chart = tmp_path / "darkroom"
    shutil.copytree(CHART, chart)
    (chart / "templates" / "notes.yaml").write_text(
        'kind: Notes\nmetadata: {name: notes}\ntext: |\n  {{- include "darkroom/templates/NOTES.txt" . | nindent 2 }}\n', encoding="utf-8"
    )

    def notes(values: Mapping[str, Any]) -> str:
        text: str = render(values, chart=chart)["Notes", "notes"]["text"]
        return text

    least, full = notes(LEAST), notes({**FULL, "secret": "", "networkPolicy": {"enabled": False}})
    assert "kubectl --namespace pictures create secret generic darkroom-s3 " in least
    assert "make submit DATASET=fashionTexture ON=kubernetes" in least
    assert re.findall(r"^\d", least, re.MULTILINE) == ["1", "2", "3"]
    assert "create secret" not in full
    assert "registry.example.org:5000/team/darkroom-controller:1.2" in full
    assert "No network policies" in full
    assert re.findall(r"^\d", full, re.MULTILINE) == ["1", "2"]


# --- the site ---------------------------------------------------------------------------------


def test_the_site_says_no_more_than_what_is_set() -> None:
    assert site() == {
        "store": "s3://bucket/prefix",
        "secret": "darkroom-s3",
        "images": {stage: f"localhost/darkroom-{stage}:{__version__}" for stage in [*STAGES, "controller"]},
        "pullPolicy": "IfNotPresent",
        "serviceAccounts": {stage: f"darkroom-{stage}" for stage in STAGES},
        "driverServiceAccount": "darkroom-driver",
        "topologySpread": True,
    }


def test_every_key_of_the_site_reaches_the_driver_unchanged() -> None:
    images = {stage: f"registry.example.org:5000/team/darkroom-{stage}:1.2" for stage in [*STAGES, "controller"]}
    assert site(FULL) == {
        "store": "s3://bucket/prefix",
        "endpoint": "http://s3.storage:9000",
        "secret": "keys",
        "images": {**images, "train": f"registry.example.org:5000/team/darkroom-train@{DIGEST}"},
        "pullPolicy": "IfNotPresent",
        "serviceAccounts": {stage: f"darkroom-{stage}" for stage in STAGES},
        "driverServiceAccount": "darkroom-driver",
        "nodeSelector": {"disk": "yes", "number": "1_000"},
        "tolerations": [TOLERATION],
        "gpu": {
            "resource": "nvidia.com/gpu",
            "nodeSelector": {"gpu": "h100"},
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        },
        "queue": "research",
        "topologySpread": False,
        "resources": {"train": {"requests": {"cpu": 0.5, "memory": "4Gi"}, "limits": {"memory": 4294967296, "example.org/unit": 1}}},
    }


@pytest.mark.parametrize("values", [LEAST, FULL], ids=["least", "full"])
def test_the_controller_can_read_the_site(values: Mapping[str, Any]) -> None:
    read = on_cluster(rendered(values)["ConfigMap", "darkroom-site"]["data"]["site.yaml"])
    assert read.environment["DARKROOM_STORE"] == "s3://bucket/prefix"


def test_a_whole_reference_takes_the_place_of_all_else() -> None:
    values = {**FULL, "image": {**FULL["image"], "references": {"train": "localhost/darkroom-train:0.1.0-abc"}}}
    assert site(values)["images"]["train"] == "localhost/darkroom-train:0.1.0-abc"


def test_no_secret_is_in_the_release() -> None:
    assert not [kind for kind, _ in rendered(FULL) if kind == "Secret"]


# --- rights -----------------------------------------------------------------------------------


def test_the_driver_may_do_this_and_nothing_else() -> None:
    assert granted("darkroom-driver") == {
        *(("batch", "jobs", "", verb) for verb in ("create", "get", "list", "watch", "delete", "patch")),
        *(("", "pods", "", verb) for verb in ("list", "watch")),
        ("", "pods/status", "", "patch"),
        *(("", "events", "", verb) for verb in ("list", "watch")),
        ("", "configmaps", "darkroom-site", "get"),
    }


def test_a_submitter_may_do_this_and_nothing_else() -> None:
    assert granted("darkroom-submitter") == {
        *(("batch", "jobs", "", verb) for verb in ("create", "get", "list", "watch", "delete")),
        *(("", "events", "", verb) for verb in ("list", "watch")),
        *(("batch", "cronjobs", "", verb) for verb in ("create", "patch", "delete", "list")),
        *(("", "pods", "", verb) for verb in ("list", "watch")),
        ("", "configmaps", "darkroom-site", "get"),
    }


def test_rights_are_bound_to_the_driver_and_to_named_submitters_only() -> None:
    def bound(values: Mapping[str, Any]) -> dict[str, list[Any]]:
        bindings = [one for (kind, _), one in rendered(values).items() if kind == "RoleBinding"]
        return {one["roleRef"]["name"]: one["subjects"] for one in bindings if one["roleRef"]["kind"] == "Role"}

    driver = [{"kind": "ServiceAccount", "name": "darkroom-driver", "namespace": "pictures"}]
    assert bound(LEAST) == {"darkroom-driver": driver}
    assert bound(FULL) == {
        "darkroom-driver": driver,
        "darkroom-submitter": [
            {"kind": "User", "name": "jane@example.org", "apiGroup": "rbac.authorization.k8s.io"},
            {"kind": "ServiceAccount", "name": "ci", "namespace": "pictures"},
        ],
    }


@pytest.mark.parametrize("values", [LEAST, FULL], ids=["least", "full"])
def test_only_the_driver_is_given_a_token(values: Mapping[str, Any]) -> None:
    accounts = {name: one for (kind, name), one in rendered(values).items() if kind == "ServiceAccount"}
    assert {name for name, one in accounts.items() if one["automountServiceAccountToken"] is not False} == {"darkroom-driver"}
    assert set(accounts) == {*site()["serviceAccounts"].values(), site()["driverServiceAccount"]}


def test_accounts_carry_the_registry_s_secrets_and_the_cloud_s_annotations() -> None:
    for (kind, _), one in rendered(FULL).items():
        if kind == "ServiceAccount":
            assert one["imagePullSecrets"] == [{"name": "registry"}]
            assert one["metadata"]["annotations"] == {"example.org/role": "reader"}


# --- the network (rendered here; no network of a test cluster enforces it) --------------------------


def test_all_pods_of_darkroom_reach_names_and_the_store_and_are_reached_by_nobody() -> None:
    pods = policies()["darkroom-pods"]
    assert pods["podSelector"] == {"matchLabels": {"app.kubernetes.io/managed-by": "darkroom"}}
    assert reach(pods) == [({(53, "UDP"), (53, "TCP")}, []), ({(443, "TCP")}, [])]
    for policy in policies().values():
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert "ingress" not in policy


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [
        ("", 443),
        ("http://s3.storage:9000", 9000),
        ("https://s3.example.org/", 443),
        ("http://10.0.0.1", 80),
        ("http://[fd00::1]:7070", 7070),
        ("https://[fd00::1]", 443),
    ],
)
def test_the_store_is_reached_on_its_endpoint_s_port(endpoint: str, port: int) -> None:
    assert reach(policies({**LEAST, "endpoint": endpoint})["darkroom-pods"])[1] == ({(port, "TCP")}, [])


def test_ranges_and_ports_narrow_what_is_reached() -> None:
    narrow = {"dns": ("10.96.0.10/32", 5353), "store": ("10.1.0.0/16", 9001), "apiServer": ("fd00::/8", 16443)}
    chosen = policies({**LEAST, "networkPolicy": {name: {"cidrs": [cidr], "ports": [port]} for name, (cidr, port) in narrow.items()}})
    assert reach(chosen["darkroom-pods"]) == [({(5353, "UDP"), (5353, "TCP")}, ["10.96.0.10/32"]), ({(9001, "TCP")}, ["10.1.0.0/16"])]
    assert reach(chosen["darkroom-driver"]) == [({(16443, "TCP")}, ["fd00::/8"])]


def test_only_the_driver_reaches_the_api_server() -> None:
    driver = policies()["darkroom-driver"]
    assert driver["podSelector"]["matchLabels"][STAGE] == "driver"
    assert reach(driver) == [({(443, "TCP"), (6443, "TCP")}, [])]


def test_only_scrape_reaches_the_internet_and_there_no_private_range() -> None:
    scrape = policies()["darkroom-scrape"]
    assert scrape["podSelector"]["matchLabels"][STAGE] == "scrape"
    assert reach(scrape) == [({(80, "TCP"), (443, "TCP")}, ["0.0.0.0/0", "::/0"])]
    private = [
        *("10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.7.7", "100.64.0.1", "127.0.0.1", "169.254.169.254"),
        *("fd00::1", "fe80::1", "::1", "fd00:ec2::254"),
    ]
    blocks = [to["ipBlock"] for to in scrape["egress"][0]["to"]]
    assert not [address for address in private if allows(blocks, address)]
    assert all(allows(blocks, address) for address in ("8.8.8.8", "172.32.0.1", "192.169.0.1", "2606:4700::1"))
    assert "darkroom-scrape" not in policies({**LEAST, "networkPolicy": {"internet": {"enabled": False}}})


def allows(blocks: list[dict[str, Any]], address: str) -> bool:
    """Does a rule of these blocks let an address through? An exception outside of its block is an error, as for Kubernetes."""
    one = ipaddress.ip_address(address)
    for block in blocks:
        whole, holes = ipaddress.ip_network(block["cidr"]), [ipaddress.ip_network(hole) for hole in block["except"]]
        assert all(hole.version == whole.version for hole in holes)
        if one in whole and not any(one in hole for hole in holes):
            return True
    return False


def test_network_policies_can_be_left_out() -> None:
    assert policies({**LEAST, "networkPolicy": {"enabled": False}}) == {}


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"store": None}, "store"),
        ({"store": ""}, "/store"),
        ({"store": "file:///folder"}, "/store"),
        ({"store": "s3://bucket/prefix?region=x"}, "/store"),
        ({"stroe": "s3://bucket"}, "stroe"),
        ({"endpoint": "s3.storage:9000"}, "/endpoint"),
        ({"secret": "Keys!"}, "/secret"),
        ({"secret": {"AWS_ACCESS_KEY_ID": "a"}}, "/secret"),
        ({"image": None}, "image"),
        ({"image": {"tag": 1.1}}, "/image/tag"),
        ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
        ({"image": {"digests": {"train": "latest"}}}, "/image/digests/train"),
        ({"image": {"digests": {"tarin": DIGEST}}}, "tarin"),
        ({"nodeSelector": {"disk": True}}, "/nodeSelector/disk"),
        ({"tolerations": [{"key": "a", "operator": "Is"}]}, "/tolerations/0/operator"),
        ({"gpu": {"enabled": "yes"}}, "/gpu/enabled"),
        ({"gpu": {"type": "h100"}}, "type"),
        ({"queue": "Not A Queue"}, "/queue"),
        ({"topologySpread": "true"}, "/topologySpread"),
        ({"resources": {"tarin": {}}}, "tarin"),
        ({"resources": {"train": {"limits": {"memroy": "1Gi"}}}}, "memroy"),
        ({"resources": {"train": {"limits": {"memory": "1 GB"}}}}, "/resources/train/limits/memory"),
        ({"submitters": [{"kind": "Robot", "name": "x"}]}, "/submitters/0/kind"),
        ({"submitters": ["jane"]}, "/submitters/0"),
        ({"networkPolicy": {"store": {"cidrs": ["10.0.0.0"]}}}, "/networkPolicy/store/cidrs/0"),
        ({"networkPolicy": {"store": {"cidrs": ["10.0.0.0/33"]}}}, "/networkPolicy/store/cidrs/0"),
        ({"networkPolicy": {"dns": {"ports": []}}}, "/networkPolicy/dns/ports"),  # no ports would be all ports
        ({"networkPolicy": {"dns": {"ports": None}}}, "/networkPolicy/dns"),
        ({"networkPolicy": {"internet": {"ports": [70000]}}}, "/networkPolicy/internet/ports/0"),
        ({"networkPolicy": {"internet": {"exceptIPv4": ["fd00::/8"]}}}, "/networkPolicy/internet/exceptIPv4/0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_schema_refuses_and_names(values: Mapping[str, Any], named: str) -> None:
    with pytest.raises(Refused, match=re.escape(named)):
        helm("template", "darkroom", str(CHART), values={**LEAST, **values})


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    return found


def properties(of: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, one in of.get("properties", {}).items():
        yield f"{path}{name}", one
        if "additionalProperties" in one and one["additionalProperties"] is False:
            yield from properties(one, f"{path}{name}.")


def test_every_object_that_is_no_map_refuses_unknown_names_and_every_setting_is_described() -> None:
    assert schema()["additionalProperties"] is False
    for path, one in properties(schema()):
        assert "$ref" in one or one["description"], path
        assert one.get("type") != "object" or path == "global" or "additionalProperties" in one, path


def test_the_schema_knows_every_stage() -> None:
    image = schema()["properties"]["image"]["properties"]
    assert set(schema()["properties"]["resources"]["properties"]) == {*STAGES, "controller"}
    for of in (image["digests"], image["references"]):
        assert set(of["properties"]) == {*STAGES, *SERVICES, "controller"}


def test_every_setting_has_its_row_in_the_readme_and_its_default_there_is_true() -> None:
    rows = dict(re.findall(r"^\| `([\w.]+)` \| `([^`]*)` \|", (CHART / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    defaults = dict(leaves(yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))))
    assert {name for name in rows if name != "store"} == set(defaults)
    for name, value in defaults.items():
        assert "…" in rows[name] or yaml.safe_load(rows[name]) == value, name


def leaves(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value
