"""Schedules: the CronJob as it is rendered, what is frozen, what a person may ask for."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import records
from common.errors import Refused, Usage
from common.records import Firing, Run
from common.store.memory import MemoryStore
from jobs.controller import firing, remote, schedule
from jobs.controller.kubernetes import ClusterRefused
from jobs.controller.render import render_driver
from jobs.controller.schedule import name_of, read_duration, read_timing, render_schedule
from jobs.controller.site import Site
from tests.support import whole
from tests.support.namespace import Namespace

TIMING = read_timing("0 3 * * 1", "Europe/Madrid", "6h", "1h")
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", fullmatch=True)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def namespace() -> Namespace:
    return Namespace()


def site(namespace: Namespace) -> Site:
    return remote.read_site(namespace)


def put(namespace: Namespace, store: MemoryStore, *sets: str, source: str = "digits", nodes: int | None = None) -> str:
    return schedule.put(namespace, site(namespace), store, "mine", source, [*whole.SMALL, *sets], nodes, TIMING)


# --- the CronJob ------------------------------------------------------------------------------


def test_a_schedule_says_when_how_late_and_how_long(namespace: Namespace) -> None:
    made = render_schedule("mine", TIMING, site(namespace))
    assert made == render_schedule("mine", TIMING, site(namespace))
    spec = made["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == ("0 3 * * 1", "Europe/Madrid", "Forbid")
    assert spec["startingDeadlineSeconds"] == 3600
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 6 * 3600
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (3, 3)
    assert "suspend" not in spec
    assert made["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "darkroom-site", "uid": "uid-darkroom-site"}
    ]


def test_its_driver_is_the_one_that_a_submit_starts_but_for_its_task_and_its_name(namespace: Namespace) -> None:
    nothing: dict[str, Any] = {"settings": {}, "origins": {}, "frozen": {}, "code": {}}
    run = Run(run="mine-1", dataset="mine", request="r", created="", version="", observation="", nodes=1, **nothing)
    submitted = render_driver(run, site(namespace))["spec"]
    scheduled = render_schedule("mine", TIMING, site(namespace))["spec"]["jobTemplate"]["spec"]
    (theirs,), (ours,) = (one["template"]["spec"]["containers"] for one in (submitted, scheduled))
    assert ours["args"] == ["drive-scheduled", "mine"]
    assert ours["env"][-1]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/job-name']"}}
    assert ours["env"][-1]["name"] == theirs["env"][-1]["name"] == "DARKROOM_DRIVER"
    ours |= {"args": theirs["args"], "env": theirs["env"]}
    scheduled["template"]["metadata"]["labels"] |= {"darkroom/run": "mine-1"}
    del scheduled["activeDeadlineSeconds"], submitted["ttlSecondsAfterFinished"]  # the CronJob keeps its newest Jobs
    assert scheduled == submitted


@given(NAMES, NAMES)
def test_names_are_dns_labels_that_leave_room_for_a_job_s_and_differ(one: str, other: str) -> None:
    for dataset in (one, other):
        assert len(name_of(dataset)) <= 52
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name_of(dataset))
    assert (name_of(one) == name_of(other)) == (one == other)


def test_names_that_differ_in_case_only_differ() -> None:
    assert name_of("mine") == "darkroom-mine"
    assert len({name_of(name) for name in ("mine", "Mine", "mine-", "mi_ne", "mi-ne", "x" * 63, "x" * 62)}) == 7


# --- what a person writes ----------------------------------------------------------------------


@pytest.mark.parametrize(("text", "seconds"), [("6h", 21600), ("1h30m", 5400), ("90s", 90), ("2d", 172800)])
def test_durations_are_read(text: str, seconds: int) -> None:
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "6", "h", "-1h", "5s", "1m1h", "0h"])
def test_what_is_no_duration_or_too_short_is_refused(text: str) -> None:
    with pytest.raises(Usage, match="30 seconds or more"):
        read_duration(text)


@pytest.mark.parametrize("wrong", [("0 3 * *", "Etc/UTC"), ("0 3 * * 1", "Mars/Base")])
def test_a_wrong_time_or_zone_is_found_before_anything_is_asked_for(wrong: tuple[str, str]) -> None:
    with pytest.raises(Usage):
        read_timing(*wrong, "6h", "1h")


# --- making, changing, ending ------------------------------------------------------------------


def test_settings_are_frozen_and_scheduling_again_replaces_both(namespace: Namespace, memory: MemoryStore) -> None:
    said = put(namespace, memory, nodes=3)
    assert said.startswith("mine runs at '0 3 * * 1' in Europe/Madrid, next at 20")
    first = firing.read_schedule(memory, "mine")
    assert (first.settings["source"], first.settings["train.folds"], first.nodes) == ("digits", 2, 3)
    put(namespace, memory, "train.folds=4")
    second = firing.read_schedule(memory, "mine")
    assert (second.settings["train.folds"], second.nodes) == (4, 2)
    assert list(namespace.cron_jobs) == ["darkroom-mine"]


def test_what_the_api_server_refuses_changes_nothing(namespace: Namespace, memory: MemoryStore) -> None:
    put(namespace, memory)
    before, made = memory.snapshot(), dict(namespace.cron_jobs)
    namespace.refuses = "The API server refuses it: spec.schedule: Invalid value."
    with pytest.raises(ClusterRefused, match="Invalid value"):
        put(namespace, memory, "train.folds=4")
    assert (memory.snapshot(), namespace.cron_jobs) == (before, made)


def test_a_folder_of_this_machine_is_refused_by_name(namespace: Namespace, memory: MemoryStore, folder: Path) -> None:
    with pytest.raises(Refused, match=rf"Pods cannot read {folder}, .*Schedule s3://bucket/prefix"):
        put(namespace, memory, source=str(folder))
    assert (memory.snapshot(), namespace.cron_jobs) == ({}, {})


def test_a_suspended_schedule_stays_so_when_it_is_changed(namespace: Namespace, memory: MemoryStore) -> None:
    put(namespace, memory)
    assert "does not run until" in schedule.suspend(namespace, "mine", suspended=True)
    assert put(namespace, memory).endswith("but is suspended.")
    assert schedule.documents(namespace)[0]["next"] is None
    schedule.suspend(namespace, "mine", suspended=False)
    assert schedule.documents(namespace)[0]["suspended"] is False


def test_a_schedule_ends_with_its_settings_and_only_once(namespace: Namespace, memory: MemoryStore) -> None:
    put(namespace, memory)
    schedule.remove(namespace, memory, "mine")
    assert (memory.snapshot(), namespace.cron_jobs) == ({}, {})
    with pytest.raises(Refused, match="mine is not scheduled"):
        schedule.remove(namespace, memory, "mine")
    with pytest.raises(Refused, match="mine is not scheduled"):
        schedule.suspend(namespace, "mine", suspended=True)
    with pytest.raises(Refused, match="mine is not scheduled"):
        schedule.detail(namespace, memory, "mine")


def test_half_a_schedule_can_be_ended(namespace: Namespace, memory: MemoryStore) -> None:
    put(namespace, memory)
    namespace.cron_jobs.clear()
    schedule.remove(namespace, memory, "mine")
    assert memory.snapshot() == {}


# --- showing ------------------------------------------------------------------------------------


def test_a_schedule_is_told_with_its_last_and_next_time(namespace: Namespace) -> None:
    made = render_schedule("Mine", TIMING, site(namespace))
    one = schedule.document({**made, "status": {"lastScheduleTime": "2026-11-23T02:00:00Z", "active": [{"name": "j"}]}}, NOW)
    assert one == {
        "dataset": "Mine",
        "name": name_of("Mine"),
        "cron": "0 3 * * 1",
        "time_zone": "Europe/Madrid",
        "suspended": False,
        "last": "2026-11-23T02:00:00Z",
        "next": "2026-11-30T02:00:00Z",
        "active": ["j"],
    }


def test_one_s_newest_firings_are_told_with_what_became_of_their_runs(namespace: Namespace, memory: MemoryStore, folder: Path) -> None:
    put(namespace, memory)
    run = whole.submit(memory, folder)
    for number, fields in enumerate([{"reason": "mine-1 is still running."}, {"run": run.run.run}]):
        one = Firing(dataset="mine", planned=f"2026-11-{10 + number}T03:00:00+00:00", job="j", **fields)
        memory.put(f"{firing.firings_prefix('mine')}2026111{number}", records.encode(one))
    found = schedule.detail(namespace, memory, "mine")
    assert found["settings"]["source"] == "digits"
    assert [(one["run"], one["state"]) for one in found["firings"]] == [(None, None), (run.run.run, "done")]
    assert found["firings"][0]["reason"] == "mine-1 is still running."
    assert found["firings"][1]["reason"].startswith("promoted")
