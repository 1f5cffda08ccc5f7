"""A namespace of a cluster in memory, as far as drivers and schedules ask it: Jobs, CronJobs, the site's ConfigMap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.controller.kubernetes import Absent, Api, ClusterRefused, Taken
from jobs.controller.mirror import Resource

SITE = "store: s3://bucket\nsecret: keys\nimages: {controller: 'r/c:1'}\ndriverServiceAccount: darkroom-driver\n"


class Namespace(Api):
    """Nothing in it moves by itself. `refuses` is what the API server says to a CronJob."""

    def __init__(self) -> None:
        self.namespace = "n"
        self.jobs: dict[str, dict[str, Any]] = {}
        self.cron_jobs: dict[str, dict[str, Any]] = {}
        self.refuses = ""

    def add_job(self, name: str, made: str = "2026-11-24T03:00:07Z", **more: Any) -> dict[str, Any]:
        metadata = {"name": name, "uid": f"uid-{name}", "resourceVersion": "1", "creationTimestamp": made, "labels": {}, "annotations": {}}
        self.jobs[name] = {"metadata": metadata, "spec": {"activeDeadlineSeconds": 60}, "status": {}, **more}
        return self.jobs[name]

    def end_job(self, name: str, condition: str = "Complete", reason: str = "") -> None:
        self.jobs[name]["status"] = {"conditions": [{"type": condition, "status": "True", "reason": reason}]}

    def create_job(self, job: Resource) -> Resource:
        name = job["metadata"]["name"]
        if name in self.jobs:
            raise Taken(name)
        self.jobs[name] = {**job, "metadata": {**job["metadata"], "uid": f"uid-{name}", "resourceVersion": "1"}}
        return self.jobs[name]

    def read_job(self, name: str) -> Resource:
        if name not in self.jobs:
            raise Absent(name)
        return self.jobs[name]

    def patch_job(self, name: str, change: Resource) -> Resource:
        """Understands labels."""
        job = self.jobs[name]
        job["metadata"] = {**job["metadata"], "labels": {**job["metadata"]["labels"], **change["metadata"]["labels"]}}
        return job

    def delete_job(self, name: str) -> None:
        self.read_job(name)
        del self.jobs[name]

    def list_jobs(self, selector: str) -> tuple[list[Resource], str]:
        return [job for job in self.jobs.values() if _matches(selector, job["metadata"].get("labels", {}))], "1"

    def list_pods(self, selector: str) -> tuple[list[Resource], str]:
        return [], "1"

    def watch_jobs(self, selector: str, version: str) -> Iterator[Resource]:
        return iter(())

    def watch_pods(self, selector: str, version: str) -> Iterator[Resource]:
        return iter(())

    def list_warnings(self) -> tuple[list[Resource], str]:
        return [], "1"

    def watch_warnings(self, version: str) -> Iterator[Resource]:
        return iter(())

    def read_configuration(self, name: str) -> Resource:
        return {"metadata": {"name": name, "uid": f"uid-{name}"}, "data": {"site.yaml": SITE}}

    def apply_cron_job(self, schedule: Resource, *, dry_run: bool) -> Resource:
        if self.refuses:
            raise ClusterRefused(self.refuses)
        name = schedule["metadata"]["name"]
        kept = {"suspend": self.cron_jobs[name]["spec"].get("suspend", False)} if name in self.cron_jobs else {}
        made = {**schedule, "spec": {**schedule["spec"], **kept}}
        self.cron_jobs |= {} if dry_run else {name: made}
        return made

    def suspend_cron_job(self, name: str, *, suspended: bool) -> None:
        if name not in self.cron_jobs:
            raise Absent(name)
        self.cron_jobs[name]["spec"]["suspend"] = suspended

    def delete_cron_job(self, name: str) -> None:
        if name not in self.cron_jobs:
            raise Absent(name)
        del self.cron_jobs[name]

    def list_cron_jobs(self, selector: str) -> list[Resource]:
        return [one for one in self.cron_jobs.values() if _matches(selector, one["metadata"]["labels"])]


def _matches(selector: str, labels: Mapping[str, str]) -> bool:
    """Understand `a=b`, `a!=b` and `a`."""
    for part in selector.split(","):
        name, unequal, value = part.partition("!=")
        if unequal:
            fits = labels.get(name) != value
        else:
            name, equal, value = part.partition("=")
            fits = labels.get(name) == value if equal else name in labels
        if not fits:
            return False
    return True
