"""The launcher for a cluster, on a namespace in memory. tests/cluster runs it on a real one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from common import records
from common.records import Failure
from common.retry import Clock, Policy
from jobs.controller.cluster import SPEC, KubernetesLauncher, put_job
from jobs.controller.kubernetes import Absent, Api, ClusterRefused, ClusterUnavailable, Taken
from jobs.controller.launcher import Conflict, Ending
from jobs.controller.mirror import Resource
from jobs.controller.pods import INDEX

AT_ONCE = Policy(clock=Clock(sleep=lambda _: None))
WORDS = Failure(error="Damaged", message="a part is gone", exit_code=20, damaged=("refine", "k"))


def job(name: str = "j", **status: Any) -> dict[str, Any]:
    labels = {"darkroom/run": "r"}
    return {"metadata": {"name": name, "uid": f"uid-{name}", "labels": labels, "resourceVersion": "1"}, "spec": {}, "status": status}


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
        self.events: list[Resource] | None = []
        self.patched: list[tuple[str, str, str]] = []

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

    def list_warnings(self) -> tuple[list[Resource], str]:
        if self.events is None:
            raise ClusterRefused("events are not for everybody")
        return self.events, "1"

    def watch_warnings(self, version: str) -> Iterator[Resource]:
        return iter(())

    def patch_job(self, name: str, change: Resource) -> Resource:
        self.jobs[name] = {**self.read_job(name), "spec": {**self.jobs[name]["spec"], **change["spec"]}}
        return self.jobs[name]

    def patch_pod_status(self, name: str, change: Resource) -> Resource:
        self.patched.append((name, change["phase"], change["conditions"][0]["type"]))
        return {}


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
        launcher.create({"metadata": {"name": "new", "labels": {"darkroom/run": "r"}}, "spec": {}})
        assert [status.name for status in launcher.observe("r")] == ["new"]
        launcher.delete("new")
        assert launcher.observe("r") == []
        launcher.delete("new")
    finally:
        launcher.close()


def test_a_lost_reply_is_made_good_by_adopting_what_was_made() -> None:
    cluster = Cluster([], [], lost=1)
    owner = {"kind": "Job", "name": "driver", "uid": "u"}
    made = put_job(cluster, {"metadata": {"name": "j", "labels": {}}, "spec": {}}, owner, AT_ONCE)
    assert list(cluster.jobs) == ["j"]
    assert made["metadata"]["ownerReferences"] == [owner]
    assert made["metadata"]["annotations"][SPEC]


def test_another_job_of_the_name_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="another Job named j in the namespace n"):
        put_job(Cluster([job()], []), {"metadata": {"name": "j", "labels": {}}, "spec": {}}, policy=AT_ONCE)


def test_a_job_that_was_scaled_meanwhile_is_still_the_same() -> None:
    cluster = Cluster([], [])
    one: dict[str, Any] = {"metadata": {"name": "j", "labels": {}}, "spec": {"completions": 8, "parallelism": 4}}
    first = put_job(cluster, one, policy=AT_ONCE)
    cluster.patch_job("j", {"spec": {"parallelism": 8}})
    assert put_job(cluster, one, policy=AT_ONCE)["metadata"]["uid"] == first["metadata"]["uid"]
    with pytest.raises(Conflict):
        put_job(cluster, {**one, "spec": {"completions": 9, "parallelism": 4}}, policy=AT_ONCE)


def leaving(name: str, *, silent: bool, phase: str = "Running") -> dict[str, Any]:
    ready = [{"type": "Ready", "status": "False" if silent else "True"}]
    return {
        "metadata": {"name": name, "uid": name, "labels": {}, "deletionTimestamp": "now", "deletionGracePeriodSeconds": 30},
        "spec": {"nodeName": "node1"},
        "status": {"phase": phase, "conditions": ready, "containerStatuses": [{"name": "stage", "ready": True, "state": {"running": {}}}]},
    }


def test_pods_of_a_silent_node_are_given_up_and_others_after_their_grace() -> None:
    cluster = Cluster([], [leaving("silent", silent=True), leaving("slow", silent=False), leaving("over", silent=True, phase="Failed")])
    clock = [0.0]
    launcher = KubernetesLauncher(cluster, "r", owner={"uid": "driver"}, policy=AT_ONCE, now=lambda: clock[0])
    try:
        launcher.observe("r")
        assert cluster.patched == [("silent", "Failed", "DisruptionTarget")]
        clock[0] = 44.0
        launcher.observe("r")
        assert "slow" not in {name for name, _, _ in cluster.patched}
        clock[0] = 46.0
        launcher.observe("r")
        assert cluster.patched[-1] == ("slow", "Failed", "DisruptionTarget")
    finally:
        launcher.close()


def test_who_only_watches_gives_no_pod_up() -> None:
    cluster = Cluster([], [leaving("silent", silent=True)])
    launcher = KubernetesLauncher(cluster, "r", policy=AT_ONCE)
    try:
        launcher.observe("r")
        assert cluster.patched == []
    finally:
        launcher.close()


def held_up(name: str = "p", reason: str = "ErrImagePull", *, running: bool = False) -> dict[str, Any]:
    state = {"running": {}} if running else {"waiting": {"reason": reason, "message": "not found"}}
    return {
        "metadata": {"name": name, "uid": name, "labels": {}, "ownerReferences": [{"uid": "uid-j"}]},
        "spec": {"containers": [{"name": "stage", "image": "i:1"}]},
        "status": {"phase": "Running" if running else "Pending", "containerStatuses": [{"name": "stage", "state": state}]},
    }


def test_patience_counts_while_nothing_of_a_job_runs() -> None:
    cluster, clock = Cluster([job()], [held_up()]), [0.0]
    launcher = KubernetesLauncher(cluster, "r", patience_s={"image": 50}, policy=AT_ONCE, now=lambda: clock[0])

    def held_s() -> float:
        (status,) = launcher.observe("r")
        assert status.trouble is not None
        assert status.trouble.is_over_patience == (status.trouble.held_s >= 50)
        return status.trouble.held_s

    try:
        assert held_s() == 0
        clock[0] = 20.0
        assert held_s() == 20
        with launcher._pods._lock:  # what a watch would have told
            launcher._pods._objects["other"] = held_up("other", running=True)
        clock[0] = 40.0
        assert held_s() == 0
        with launcher._pods._lock:
            del launcher._pods._objects["other"]
        clock[0] = 60.0
        assert held_s() == 20
        clock[0] = 200.0
        assert held_s() == 0  # the cause had been away for longer than it takes to be another
        clock[0] = 229.0
        assert held_s() == 29
    finally:
        launcher.close()


def test_who_may_not_read_events_learns_the_rest() -> None:
    cluster = Cluster([job()], [held_up()])
    cluster.events = None
    launcher = KubernetesLauncher(cluster, "r", policy=AT_ONCE)
    try:
        (status,) = launcher.observe("r")
        assert status.trouble is not None
    finally:
        launcher.close()


def test_a_driver_is_told_apart_from_what_it_drives() -> None:
    driver = job("d")
    driver["metadata"]["labels"]["darkroom/stage"] = "driver"
    launcher = KubernetesLauncher(Cluster([driver, job()], []), "r", policy=AT_ONCE)
    try:
        assert [status.name for status in launcher.observe("r")] == ["j"]
        found = launcher.driver()
        assert found is not None
        assert found.name == "d"
    finally:
        launcher.close()
