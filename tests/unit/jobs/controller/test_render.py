"""From a plan to a Job: pure, deterministic, and within what a cluster and the process launcher accept."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from common.records import Plan, Recipe, Run, Task, digest_of
from common.stage import Resources
from jobs.controller import graph
from jobs.controller.processes import check_fields
from jobs.controller.render import driver_name, failure_rules, job_name, render, render_driver
from jobs.controller.site import Cluster, Gpu, Site
from tests.support.rooms import defaults

STEPS = graph.load()


def plan(step: str = "featurize", units: int = 3, run: str = "fashiontexture-20261124-101112-abcd", **changed: object) -> Plan:
    recipe = Recipe(step=step, parameters={}, inputs={}, code="c")
    tasks = tuple(Task(unit=f"u{number}", recipe=recipe, key=digest_of(number)) for number in range(units))
    fields: dict[str, object] = {
        "run": run,
        "step": step,
        "attempt": 1,
        "key": recipe.key,
        "inputs": {},
        "parameters": {},
        "tasks": tasks,
        "fan_out": "snapshot",
        "code": "c",
    }
    return Plan(**{**fields, **changed})  # type: ignore[arg-type]


def test_rendering_twice_gives_the_same() -> None:
    stage = STEPS.stage("featurize")
    assert render(stage, plan(), "k", 2, Site()) == render(stage, plan(), "k", 2, Site())


def test_a_stage_of_any_width_is_one_indexed_job() -> None:
    for units in (1, 3, 1000):
        spec = render(STEPS.stage("featurize"), plan(units=units), "k", 8, Site())["spec"]
        assert (spec["completions"], spec["parallelism"], spec["completionMode"]) == (units, min(8, units), "Indexed")


@pytest.mark.parametrize("name", [stage.name for stage in STEPS.stages])
def test_the_process_launcher_knows_every_field_of_every_stage(name: str) -> None:
    check_fields(render(STEPS.stage(name), plan(parameters=dict(defaults())), "k", 2, Site()))


@pytest.mark.parametrize(
    "run", ["a", "fashiontexture-20261124-101112-abcd", "a-very-long-dataset-name-that-goes-on-20261124-101112-abcd", "x" * 63]
)
@pytest.mark.parametrize("step", [step.name for _, step in STEPS.steps])
@pytest.mark.parametrize("repair", [False, True])
def test_names_are_dns_labels(run: str, step: str, repair: bool) -> None:
    name = job_name(plan(step, run=run, attempt=999, repair=repair))
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name)
    assert len(f"{name}-99999") <= 63  # of a pod


def test_different_work_has_different_names() -> None:
    long = "a-very-long-dataset-name-that-goes-on-and-on-20261124-101112-"
    names = {
        job_name(plan(step, run=run, attempt=attempt, repair=repair))
        for step in ("scrape/list", "scrape/snapshot", "featurize")
        for run in (f"{long}aaaa", f"{long}bbbb", "short")
        for attempt in (1, 2)
        for repair in (False, True)
    }
    assert len(names) == 3 * 3 * 2 * 2


def test_labels_are_valid_and_find_the_job_again() -> None:
    labels = render(STEPS.stage("scrape"), plan("scrape/fetch"), "k", 2, Site())["metadata"]["labels"]
    assert labels["darkroom/step"] == "scrape.fetch"
    assert all(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", value) for value in labels.values())


def test_a_pod_has_the_least_rights() -> None:
    pod = render(STEPS.stage("train"), plan("train"), "k", 1, Site())["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"] == container["resources"]["requests"]


def test_libraries_get_one_thread_each() -> None:
    environment = environment_of(plan("train", units=1), Site(cores=4))
    assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == "1"


def test_a_machine_s_cores_are_shared_out_among_the_processes_of_a_job() -> None:
    assert environment_of(plan("train", units=1), Site(cores=4))["DARKROOM_THREADS"] == "4"
    assert environment_of(plan(units=9), Site(cores=4))["DARKROOM_THREADS"] == "2"
    assert environment_of(plan(units=9), Site(cores=1))["DARKROOM_THREADS"] == "1"


def test_a_pod_has_as_many_threads_as_its_cpu_limit() -> None:
    assert environment_of(plan(), Site())["DARKROOM_THREADS"] == STEPS.stage("featurize").resources.cpu


def environment_of(one: Plan, site: Site) -> dict[str, str]:
    stage = STEPS.stage(one.step.partition("/")[0])
    (container,) = render(stage, one, "k", 2, site)["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry["value"] for entry in container["env"]}


def test_a_disruption_is_looked_at_before_any_exit_code() -> None:
    rules = failure_rules(shards=True)
    assert rules[0]["action"] == "Ignore"
    assert [rule["action"] for rule in rules[1:]] == ["FailIndex", "FailJob"]
    assert failure_rules(shards=False)[1]["action"] == "FailJob"


CLUSTER = Cluster(
    store="s3://b",
    secret="keys",
    images={"featurize": "r/f:1", "controller": "r/c:1"},
    pullPolicy="Never",
    serviceAccounts={"featurize": "darkroom-featurize"},
    driverServiceAccount="darkroom-driver",
    nodeSelector={"pool": "batch"},
    tolerations=({"key": "batch", "operator": "Exists"},),
    gpu=Gpu(nodeSelector={"gpu": "yes"}, tolerations=({"key": "nvidia.com/gpu", "operator": "Exists"},)),
    queue="q",
    topologySpread=True,
)


def test_a_cluster_s_settings_say_where_pods_run_and_as_whom() -> None:
    stage = dataclasses.replace(STEPS.stage("featurize"), resources=Resources(gpus=2))
    job = render(stage, plan(), "k", 2, Site(cluster=CLUSTER))
    pod = job["spec"]["template"]["spec"]
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "q"
    assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == ("darkroom-featurize", False)
    assert pod["nodeSelector"] == {"pool": "batch", "gpu": "yes"}
    assert {"batch", "nvidia.com/gpu"} <= {one["key"] for one in pod["tolerations"]}
    (container,) = pod["containers"]
    assert (container["image"], container["imagePullPolicy"]) == ("r/f:1", "Never")
    assert container["envFrom"] == [{"secretRef": {"name": "keys"}}]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 2
    assert pod["topologySpreadConstraints"][0]["labelSelector"] == {"matchLabels": {"darkroom/stage": "featurize"}}


def test_a_stage_that_needs_no_gpu_asks_for_none() -> None:
    (container,) = render(STEPS.stage("train"), plan("train", 1), "k", 1, Site(cluster=CLUSTER))["spec"]["template"]["spec"]["containers"]
    assert "nvidia.com/gpu" not in container["resources"]["limits"]


def test_only_the_driver_holds_a_token_and_it_is_started_again() -> None:
    nothing: dict[str, Any] = {"settings": {}, "origins": {}, "frozen": {}, "code": {}}
    run = Run(run="mine-1", dataset="mine", request="r", created="", version="", observation="", nodes=1, **nothing)
    job = render_driver(run, Site(environment={"DARKROOM_STORE": "s3://b"}, cluster=CLUSTER))
    pod = job["spec"]["template"]["spec"]
    assert job["metadata"]["name"] == driver_name("mine-1") == "mine-1-driver"
    assert pod["serviceAccountName"] == "darkroom-driver"
    assert "automountServiceAccountToken" not in pod
    assert job["spec"]["backoffLimit"] > 50
    assert {"name": "DARKROOM_DRIVER", "value": "mine-1-driver"} in pod["containers"][0]["env"]
    assert pod["containers"][0]["args"] == ["drive", "mine-1"]
