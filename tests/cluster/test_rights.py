"""What Darkroom may do on a cluster, and what the cluster lets in: each manifest, each account, each verb."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest

from common.records import Plan, Recipe, Run, Task
from common.stage import Step
from jobs.controller import graph
from jobs.controller.kubernetes import Absent, Api, ClusterRefused, connect
from jobs.controller.render import render, render_driver
from jobs.controller.schedule import read_timing, render_schedule
from jobs.controller.site import Site, on_cluster
from tests.cluster.installed import a_namespace
from tests.cluster.kubernetes import Kubernetes, job, wait_until
from tests.support import helm

LEAST: Mapping[str, Any] = {"store": "s3://bucket/prefix"}
CI = {"kind": "ServiceAccount", "name": "ci"}
FULL: Mapping[str, Any] = {
    **LEAST,
    "endpoint": "http://s3.storage:9000",
    "image": {"registry": "registry.example.org:5000/team", "tag": "1.2", "pullSecrets": ["registry"]},
    "serviceAccountAnnotations": {"example.org/role": "reader"},
    "nodeSelector": {"disk": "yes"},
    "tolerations": [{"key": "batch", "operator": "Equal", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 1_000_000}],
    "gpu": {"enabled": True, "nodeSelector": {"gpu": "h100"}},
    "queue": "research",
    "resources": {
        "train": {"requests": {"cpu": 0.5, "memory": "4Gi"}, "limits": {"memory": 4294967296}},
        "controller": {"requests": {"cpu": "50m"}},
    },
    "submitters": [{"kind": "User", "name": "jane@example.org"}, CI],
}
BARE: Mapping[str, Any] = {**LEAST, "secret": "", "topologySpread": False, "networkPolicy": {"enabled": False}}
VALUES = pytest.mark.parametrize("values", [LEAST, FULL, BARE], ids=["least", "full", "bare"])


# --- manifests --------------------------------------------------------------------------------


@pytest.fixture
def strict(kubernetes: Kubernetes, namespace: str) -> str:
    """A namespace where Jobs, which are let in whatever their pods are, are warned about as well."""
    kubernetes.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/warn=restricted")
    return namespace


def dry_run(kubernetes: Kubernetes, namespace: str, objects: list[dict[str, Any]]) -> None:
    """Let the API server check objects and warn of nothing."""
    several = {"apiVersion": "v1", "kind": "List", "items": objects}
    told = kubernetes.kubectl("create", "--namespace", namespace, "--dry-run=server", "--warnings-as-errors", "--filename=-", given=several)
    assert told.count("created (server dry run)") == len(objects)


@VALUES
def test_all_that_the_chart_renders_is_let_in(kubernetes: Kubernetes, strict: str, values: Mapping[str, Any]) -> None:
    dry_run(kubernetes, strict, list(helm.render(values, namespace=strict).values()))


@VALUES
def test_all_jobs_and_their_pods_are_let_in(kubernetes: Kubernetes, strict: str, values: Mapping[str, Any]) -> None:
    chart = helm.render(values, namespace=strict)
    for (kind, _), one in chart.items():
        if kind == "ServiceAccount":  # a pod is not let in without its own
            kubernetes.kubectl("create", "--filename=-", given=one)
    site = on_cluster(chart["ConfigMap", "darkroom-site"]["data"]["site.yaml"])
    made, schedule = jobs_of(site), render_schedule("fashionTexture", read_timing("0 3 * * 1", "Europe/Madrid", "6h", "1h"), site)
    dry_run(kubernetes, strict, [*made, schedule])
    fired = {**schedule["spec"]["jobTemplate"], "metadata": {"name": "fired"}}
    dry_run(kubernetes, strict, [pod_of(one) for one in [*made, fired]])


def test_a_job_that_the_namespace_would_not_run_is_noticed(kubernetes: Kubernetes, strict: str) -> None:
    bad = job("bad", "image", "true")
    del bad["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"]
    with pytest.raises(AssertionError, match="would violate PodSecurity"):
        dry_run(kubernetes, strict, [bad])


def jobs_of(site: Site) -> list[dict[str, Any]]:
    """Return the Jobs of all steps, narrow and wide, of a repair, and of a driver."""
    made = []
    for stage, step in graph.rooms().steps:
        for width in (1, 4) if step.fan_out else (1,):
            made += [render(stage, a_plan(step, width, repair=repair), "plan.json", 3, site) for repair in (False, True)]
    return [*{one["metadata"]["name"]: one for one in made}.values(), render_driver(a_run(), site)]


def a_plan(step: Step, width: int, *, repair: bool = False) -> Plan:
    recipe = Recipe(step=step.name, parameters={"width": width}, inputs={}, code="")
    tasks = tuple(Task(unit=f"shard-{index}" if step.fan_out else "", recipe=recipe, key=recipe.key) for index in range(width))
    return Plan(
        run="fashiontexture-20260101-000000-000000",
        step=step.name,
        attempt=1,
        key=recipe.key,
        inputs={},
        parameters={},
        tasks=tasks,
        fan_out=step.fan_out,
        code="",
        repair=repair,
    )


def a_run() -> Run:
    return Run(
        run="fashiontexture-20260101-000000-000000",
        dataset="fashionTexture",
        request="",
        created="",
        version="",
        settings={},
        origins={},
        frozen={},
        observation="",
        code={},
        nodes=2,
    )


def pod_of(made: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pod of a Job, on which Pod Security is enforced."""
    template = made["spec"]["template"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**template.get("metadata", {}), "name": made["metadata"]["name"]},
        "spec": template["spec"],
    }


# --- accounts ---------------------------------------------------------------------------------

Grant = tuple[str, str, str]  # resource, name of the only object, verb


def grants(resource: str, *verbs: str, name: str = "") -> set[Grant]:
    return {(resource, name, verb) for verb in verbs}


DRIVER = {
    *grants("jobs.batch", "create", "get", "list", "watch", "delete", "patch"),
    *grants("pods", "list", "watch"),
    *grants("pods/status", "patch"),
    *grants("events", "list", "watch"),
    *grants("configmaps", "get", name="darkroom-site"),
}
SUBMITTER = {
    *grants("jobs.batch", "create", "get", "list", "watch", "delete"),
    *grants("cronjobs.batch", "create", "patch", "delete", "list"),
    *grants("pods", "list", "watch"),
    *grants("events", "list", "watch"),
    *grants("configmaps", "get", name="darkroom-site"),
}
GOLDEN: Mapping[str, set[Grant]] = {
    "darkroom-driver": DRIVER,
    **{f"darkroom-{stage.name}": set() for stage in graph.rooms().stages},
    "ci": SUBMITTER,
}
EVERYONE = re.compile(r"self\w*reviews\.(authorization|authentication)\.k8s\.io|/\S*")
ROW = re.compile(r"(\S*)\s+\[(.*?)\]\s+\[(.*?)\]\s+\[(.*?)\]")


def may(kubernetes: Kubernetes, namespace: str, account: str, home: str = "") -> set[Grant]:
    """Return what an account may in a namespace, beside what everyone may: ask about oneself, and what there is."""
    told = kubernetes.kubectl(
        "auth", "can-i", "--list", "--no-headers", f"--namespace={namespace}", f"--as={account_name(home or namespace, account)}"
    )
    found: set[Grant] = set()
    for line in told.splitlines():
        row = ROW.fullmatch(line.rstrip())
        assert row is not None, line
        resource, urls, names, verbs = row.groups()
        found |= {(resource or url, name, verb) for url in urls.split() or [""] for name in names.split() or [""] for verb in verbs.split()}
    return {grant for grant in found if EVERYONE.fullmatch(grant[0]) is None}


def account_name(namespace: str, account: str) -> str:
    return f"system:serviceaccount:{namespace}:{account}"


@pytest.fixture(scope="module")
def settled(kubernetes: Kubernetes) -> Iterator[str]:
    """A namespace with all that the chart makes, and a submitter."""
    with a_namespace(kubernetes) as name:
        chart = helm.render({**LEAST, "submitters": [CI]}, namespace=name)
        objects = [*chart.values(), account_of("ci", name)]
        kubernetes.kubectl("create", "--filename=-", given={"apiVersion": "v1", "kind": "List", "items": objects})
        wait_until(lambda: bool(may(kubernetes, name, "ci") and may(kubernetes, name, "darkroom-driver")), 10)
        yield name


def account_of(name: str, namespace: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


@pytest.mark.parametrize("account", GOLDEN)
def test_an_account_may_do_this_and_nothing_else(kubernetes: Kubernetes, settled: str, account: str) -> None:
    assert may(kubernetes, settled, account) == GOLDEN[account]


@pytest.mark.parametrize("account", GOLDEN)
def test_an_account_may_do_nothing_in_another_namespace(kubernetes: Kubernetes, settled: str, account: str) -> None:
    for other in ("default", "kube-system"):
        assert may(kubernetes, other, account, home=settled) == set()


def test_every_account_of_the_chart_is_looked_at() -> None:
    accounts = {name for kind, name in helm.render(LEAST) if kind == "ServiceAccount"}
    assert accounts | {"ci"} == set(GOLDEN)


@pytest.mark.parametrize("account", GOLDEN)
def test_no_account_reads_secrets_or_enters_pods(kubernetes: Kubernetes, settled: str, account: str) -> None:
    """The golden list says so too; these are what it must never say."""
    forbidden = {"secrets", "pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers", "serviceaccounts/token", "*"}
    assert not {resource for resource, _, _ in may(kubernetes, settled, account)} & forbidden
    assert not [verb for _, _, verb in may(kubernetes, settled, account) if verb in ("*", "impersonate", "escalate", "bind")]


# --- verbs ------------------------------------------------------------------------------------


def create_job(api: Api) -> None:
    api.create_job(idle_job(f"made-{secrets.token_hex(3)}"))


def delete_job(api: Api) -> None:
    with suppress(Absent):
        api.delete_job("absent")


def idle_job(name: str) -> dict[str, Any]:
    """Return a Job that is there and starts nothing."""
    made = job(name, "none", "true")
    made["spec"]["suspend"] = True
    return made


def suspend_cron_job(api: Api) -> None:
    with suppress(Absent):
        api.suspend_cron_job("absent", suspended=True)


def delete_cron_job(api: Api) -> None:
    with suppress(Absent):
        api.delete_cron_job("absent")


def idle_cron_job(name: str) -> dict[str, Any]:
    """Return a CronJob that never fires."""
    spec = {"schedule": "0 3 29 2 *", "suspend": True, "jobTemplate": {"spec": idle_job(name)["spec"]}}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name}, "spec": spec}


Operation = Callable[[Api], object]
BOTH: Mapping[Grant, Operation] = {
    ("jobs.batch", "", "create"): create_job,
    ("jobs.batch", "", "get"): lambda api: api.read_job("there"),
    ("jobs.batch", "", "list"): lambda api: api.list_jobs(""),
    ("jobs.batch", "", "watch"): lambda api: next(iter(api.watch_jobs("", "0"))),
    ("jobs.batch", "", "delete"): delete_job,
    ("pods", "", "list"): lambda api: api.list_pods(""),
    ("pods", "", "watch"): lambda api: next(iter(api.watch_pods("", "0"))),
    ("events", "", "list"): lambda api: api.list_warnings(),
    ("events", "", "watch"): lambda api: next(iter(api.watch_warnings("0"))),
    ("configmaps", "darkroom-site", "get"): lambda api: api.read_configuration("darkroom-site"),
}
DRIVER_ONLY: Mapping[Grant, Operation] = {
    ("jobs.batch", "", "patch"): lambda api: api.patch_job("there", {"spec": {"parallelism": 1}}),
    ("pods/status", "", "patch"): lambda api: api.patch_pod_status("there", {"message": "seen"}),
}
SUBMITTER_ONLY: Mapping[Grant, Operation] = {
    ("cronjobs.batch", "", "create"): lambda api: api.apply_cron_job(idle_cron_job(f"made-{secrets.token_hex(3)}"), dry_run=True),
    ("cronjobs.batch", "", "patch"): suspend_cron_job,
    ("cronjobs.batch", "", "delete"): delete_cron_job,
    ("cronjobs.batch", "", "list"): lambda api: api.list_cron_jobs(""),
}
# What the code does with each verb of a Role. A verb that is in no row nobody needs.
USES: Mapping[str, Mapping[Grant, Operation]] = {
    "darkroom-driver": {**BOTH, **DRIVER_ONLY},
    "darkroom-submitter": {**BOTH, **SUBMITTER_ONLY},
}
CASES = [(role, grant) for role, uses in USES.items() for grant in uses]


@pytest.mark.parametrize("role", USES)
def test_each_verb_is_used_and_each_use_is_granted(role: str) -> None:
    assert USES[role].keys() == granted(helm.render(LEAST)["Role", role])


def granted(role: Mapping[str, Any]) -> set[Grant]:
    return {
        (f"{resource}.{group}" if group else resource, name, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
        for verb in rule["verbs"]
    }


def without(role: Mapping[str, Any], grant: Grant, name: str) -> list[dict[str, Any]]:
    """Return an account with a Role that lacks one verb."""
    resource, _, verb = grant
    metadata = {"name": name, "namespace": role["metadata"]["namespace"]}
    rules = [
        {**rule, "verbs": [one for one in rule["verbs"] if one != verb or f"{kind}.{group}".rstrip(".") != resource]}
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for kind in rule["resources"]
    ]
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", **metadata}],
    }
    lesser = {**role, "metadata": metadata, "rules": [rule for rule in rules if rule["verbs"]]}
    return [account_of(**metadata), lesser, binding]


@pytest.fixture(scope="module")
def lesser(kubernetes: Kubernetes, settled: str) -> str:
    """The namespace with something to find in it, and for each verb an account that lacks it."""
    waiting = pod_of(job("there", "none", "true"))
    waiting["spec"] |= {"nodeSelector": {"there": "is-none"}, "serviceAccountName": "ci"}
    warning = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "there"},
        "involvedObject": {"kind": "Job", "name": "there", "namespace": settled},
        "type": "Warning",
        "reason": "FailedCreate",
    }
    objects = [idle_job("there"), waiting, warning]
    expected = {}
    for number, (role, grant) in enumerate(CASES):
        made = helm.render(LEAST, namespace=settled)["Role", role]
        objects += without(made, grant, f"lesser-{number}")
        expected[f"lesser-{number}"] = granted(made) - {grant}
    kubernetes.kubectl("create", "--namespace", settled, "--filename=-", given={"apiVersion": "v1", "kind": "List", "items": objects})
    for account, grants_left in expected.items():  # the API server hears of new rights a little later
        wait_until(lambda account=account, left=grants_left: may(kubernetes, settled, account) == left, 10)  # type: ignore[misc]
    return settled


@pytest.fixture
def act_as(kubernetes: Kubernetes, lesser: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Api]:
    """Return our own client of the namespace, as one of its accounts."""
    monkeypatch.setenv("KUBECONFIG", kubernetes.environment["KUBECONFIG"])

    def connected(account: str) -> Api:
        api = connect(lesser)
        api._core.api_client.set_default_header("Impersonate-User", account_name(lesser, account))
        return api

    return connected


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{role[9:]}: {grant[2]} {grant[0]}" for role, grant in CASES])
def test_without_a_verb_what_needs_it_is_forbidden(act_as: Callable[[str], Api], number: int) -> None:
    role, grant = CASES[number]
    USES[role][grant](act_as({"darkroom-driver": "darkroom-driver", "darkroom-submitter": "ci"}[role]))
    with pytest.raises(ClusterRefused, match="forbids"):
        USES[role][grant](act_as(f"lesser-{number}"))
