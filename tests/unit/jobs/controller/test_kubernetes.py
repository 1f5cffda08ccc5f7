"""What the launcher for a cluster makes of the API server's answers. tests/cluster runs it on a real one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from common import records
from common.errors import DarkroomError
from common.records import Failure
from common.retry import Clock, Policy
from jobs.controller.kubernetes import (
    INDEX,
    SPEC,
    Absent,
    Api,
    ClusterRefused,
    ClusterUnavailable,
    KubernetesLauncher,
    Taken,
    _condition,
    _indexes,
    _meaning,
    _waiting,
    put_job,
)
from jobs.controller.launcher import Conflict, Ending
from jobs.controller.mirror import Gone, Resource

AT_ONCE = Policy(clock=Clock(sleep=lambda _: None))
WORDS = Failure(error="Damaged", message="a part is gone", exit_code=20, damaged=("refine", "k"))


def job(name: str = "j", **status: Any) -> dict[str, Any]:
    labels = {"darkroom/run": "r"}
    return {"metadata": {"name": name, "uid": f"uid-{name}", "labels": labels, "resourceVersion": "1"}, "status": status}


def pod(index: int, code: int, message: str = "", *, disrupted: bool = False, at: str = "1", of: str = "uid-j") -> dict[str, Any]:
    ended = {"exitCode": code, "message": message, "finishedAt": at}
    conditions = [{"type": "DisruptionTarget", "status": "True"}] if disrupted else []
    return {
        "metadata": {"uid": f"{index}-{at}", "labels": {INDEX: str(index)}, "ownerReferences": [{"uid": of}], "resourceVersion": "1"},
        "status": {"conditions": conditions, "containerStatuses": [{"name": "stage", "state": {"terminated": ended}}]},
    }


class Cluster(Api):
    """A namespace in memory. `lost` replies of creates never arrive."""

    def __init__(self, jobs: list[Resource], pods: list[Resource], lost: int = 0) -> None:
        self.namespace = "n"
        self.jobs = {one["metadata"]["name"]: one for one in jobs}
        self.pods = pods
        self.lost = lost
        self.asked = 0

    def create_job(self, job: Resource) -> Resource:
        name = job["metadata"]["name"]
        if name in self.jobs:
            raise Taken(name)
        self.jobs[name] = {**job, "metadata": {**job["metadata"], "uid": f"uid-{name}", "resourceVersion": "2"}}
        if self.lost:
            self.lost -= 1
            raise ClusterUnavailable("the reply was lost")
        return self.jobs[name]

    def read_job(self, name: str) -> Resource:
        if name not in self.jobs:
            raise Absent(name)
        return self.jobs[name]

    def delete_job(self, name: str) -> None:
        del self.jobs[name]

    def list_jobs(self, selector: str) -> tuple[list[Resource], str]:
        return list(self.jobs.values()), "1"

    def list_pods(self, selector: str) -> tuple[list[Resource], str]:
        self.asked += 1
        return self.pods, "1"

    def watch_jobs(self, selector: str, version: str) -> Iterator[Resource]:
        return iter(())

    def watch_pods(self, selector: str, version: str) -> Iterator[Resource]:
        return iter(())


def test_how_pods_ended_is_told_oldest_first_and_disruptions_do_not_count() -> None:
    pods: list[Resource] = [
        pod(0, 10, at="2"),
        pod(0, 20, records.encode(WORDS).decode(), at="3"),
        pod(1, 137, disrupted=True),
        pod(1, 0, "no words", at="1"),
        pod(0, 1, of="another"),
    ]
    cluster = Cluster([job(conditions=[{"type": "Failed", "status": "True", "reason": "FailedIndexes"}], failedIndexes="0")], pods)
    launcher = KubernetesLauncher(cluster, "r", policy=AT_ONCE)
    try:
        (status,) = launcher.observe("r")
        assert (status.condition, status.reason, status.failed) == ("Failed", "FailedIndexes", frozenset({0}))
        assert status.endings == (Ending(1, 0), Ending(0, 10), Ending(0, 20, WORDS))
        asked = cluster.asked
        launcher.observe("r")
        assert cluster.asked <= asked + 1  # how a Job's pods ended is asked for once; the mirror may list meanwhile
    finally:
        launcher.close()


def test_a_job_is_seen_as_soon_as_it_is_made_and_not_after_it_was_deleted() -> None:
    cluster = Cluster([], [])
    launcher = KubernetesLauncher(cluster, "r", policy=AT_ONCE)
    try:
        assert launcher.observe("r") == []
        launcher.create({"metadata": {"name": "new", "labels": {"darkroom/run": "r"}}})
        assert [status.name for status in launcher.observe("r")] == ["new"]
        launcher.delete("new")
        assert launcher.observe("r") == []
        launcher.delete("new")
    finally:
        launcher.close()


def test_a_lost_reply_is_made_good_by_adopting_what_was_made() -> None:
    cluster = Cluster([], [], lost=1)
    owner = {"kind": "Job", "name": "driver", "uid": "u"}
    made = put_job(cluster, {"metadata": {"name": "j", "labels": {}}}, owner, AT_ONCE)
    assert list(cluster.jobs) == ["j"]
    assert made["metadata"]["ownerReferences"] == [owner]
    assert made["metadata"]["annotations"][SPEC]


def test_another_job_of_the_name_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="another Job named j in the namespace n"):
        put_job(Cluster([job()], []), {"metadata": {"name": "j", "labels": {}}}, policy=AT_ONCE)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(0, ClusterUnavailable), (408, ClusterUnavailable), (429, ClusterUnavailable), (503, ClusterUnavailable), (410, Gone), (404, Absent),
     (409, Taken), (401, ClusterRefused), (403, ClusterRefused), (422, ClusterRefused)],
)  # fmt: skip
def test_a_status_means_what_helps(status: int, kind: type[Exception]) -> None:
    error = _meaning(status, json.dumps({"message": "said so"}))
    assert type(error) is kind
    assert "said so" in str(error)
    assert isinstance(error, DarkroomError | Gone)
    assert isinstance(_meaning(status, b"\xff not json"), kind)


@pytest.mark.parametrize(("text", "expected"), [("", set()), ("0", {0}), ("0-2,5", {0, 1, 2, 5}), ("1,3-4,10-11", {1, 3, 4, 10, 11})])
def test_indexes_are_read(text: str, expected: set[int]) -> None:
    assert _indexes(text) == expected


def test_only_a_final_condition_counts() -> None:
    assert _condition({"conditions": [{"type": "FailureTarget", "status": "True", "reason": "x"}]}) == ("", "")
    assert _condition({"conditions": [{"type": "Complete", "status": "True", "reason": "CompletionsReached"}]}) == ("Complete", "")


def test_what_keeps_a_pod_from_starting_is_told() -> None:
    unscheduled = {"status": {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no gpu"}]}}
    no_image = {
        "status": {"containerStatuses": [{"name": "stage", "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}]}
    }
    starting = {"status": {"containerStatuses": [{"name": "stage", "state": {"waiting": {"reason": "ContainerCreating"}}}]}}
    assert _waiting([starting, unscheduled]) == "Unschedulable: no gpu"
    assert _waiting([no_image]) == "ErrImagePull: not found"
    assert _waiting([starting, {}]) == ""
