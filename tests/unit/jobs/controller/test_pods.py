"""Statuses of Jobs and pods, as a real API server (1.34) writes them."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.controller import pods
from jobs.controller.pods import condition, held_back, indexes


def pod(state: dict[str, Any], **status: Any) -> dict[str, Any]:
    one = {"name": "stage", "ready": "running" in state, "state": state}
    limits = {"resources": {"limits": {"memory": "64Mi"}}}
    return {
        "metadata": {"uid": "u", "labels": {pods.INDEX: "3"}},
        "spec": {"containers": [{"name": "stage", **limits}]},
        "status": {"containerStatuses": [one], **status},
    }


@pytest.mark.parametrize(("text", "expected"), [("", set()), ("0", {0}), ("0-2,5", {0, 1, 2, 5}), ("1,3-4,10-11", {1, 3, 4, 10, 11})])
def test_indexes_are_read(text: str, expected: set[int]) -> None:
    assert indexes(text) == expected


def test_only_a_final_condition_counts() -> None:
    assert condition({"status": {"conditions": [{"type": "FailureTarget", "status": "True", "reason": "x"}]}}) == ("", "")
    assert condition({"status": {"conditions": [{"type": "Complete", "status": "True", "reason": "CompletionsReached"}]}}) == (
        "Complete",
        "",
    )
    assert condition({}) == ("", "")


def test_what_keeps_a_pod_from_starting_is_told() -> None:
    unscheduled = {"status": {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no gpu"}]}}
    assert held_back(unscheduled) == ("Unschedulable", "no gpu")
    assert held_back(pod({"waiting": {"reason": "ErrImagePull", "message": "not found"}})) == ("ErrImagePull", "not found")
    assert held_back(pod({"waiting": {"reason": "ContainerCreating"}})) == ("", "")
    assert held_back(pod({"waiting": {}})) == ("", "")
    assert held_back({}) == ("", "")


def test_going_over_the_memory_limit_is_evidence_and_a_bare_137_is_none() -> None:
    (oom,) = pods.endings([pod({"terminated": {"exitCode": 137, "reason": "OOMKilled"}})])
    assert (oom.index, oom.exit_code, oom.evidence) == (3, 137, "The kernel killed it (OOMKilled) at its memory limit of 64Mi.")
    (bare,) = pods.endings([pod({"terminated": {"exitCode": 137, "reason": "Error"}})])
    assert bare.evidence == ""


def test_a_node_that_is_silent_shows_in_what_it_no_longer_corrects() -> None:
    not_ready = [{"type": "Ready", "status": "False"}]
    assert pods.is_silent(pod({"running": {}}, conditions=not_ready))
    assert not pods.is_silent(pod({"terminated": {"exitCode": 0}}, conditions=not_ready))
    assert not pods.is_silent(pod({"running": {}}, conditions=[{"type": "Ready", "status": "True"}]))
