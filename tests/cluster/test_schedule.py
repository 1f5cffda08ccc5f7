"""Scheduled retraining on a real Kubernetes: what a firing finds, and what it then does."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from common.store import Store, open_store
from jobs.controller.firing import read_firings, schedule_key
from jobs.controller.schedule import name_of
from tests.cluster.cluster import Cluster
from tests.cluster.installed import RUN_S, SMALL, Installed
from tests.cluster.kubernetes import wait_until
from tests.support.command import sets
from tests.support.pictures import make_folder

NEVER = "0 3 29 2 *"
QUICK = ("scrape.shardPictures=12", "refine.backbone=gabor-layout", "train.cValues=[0.1,1]", "train.folds=2")


class Scheduled:
    """A dataset's schedule, fired by hand."""

    def __init__(self, installed: Installed, dataset: str) -> None:
        self.installed = installed
        self.dataset = dataset

    def kubectl(self, *words: str) -> str:
        return self.installed.kubernetes.kubectl("--namespace", self.installed.namespace, *words)

    def put(self, cron: str, *words: str) -> dict[str, Any]:
        document: dict[str, Any] = self.installed.run("schedule", self.dataset, "--cron", cron, *words)
        return document

    def fire(self, job: str) -> None:
        self.kubectl("create", "job", job, f"--from=cronjob/{name_of(self.dataset)}")

    def end(self, job: str, condition: str = "Complete", within_s: float = RUN_S) -> str:
        """Wait for a firing's Job to end; return what its last pod said."""
        self.installed.kubernetes.kubectl(
            "--namespace", self.installed.namespace, "wait", f"job/{job}", f"--for=condition={condition}", f"--timeout={within_s:.0f}s",
            timeout_s=within_s + 10,
        )  # fmt: skip
        return self.installed.kubernetes.logs("--namespace", self.installed.namespace, f"job/{job}")

    def firings(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.installed.run("schedule", self.dataset)["firings"]
        return found

    def stage_jobs(self, run: str) -> list[str]:
        return [name for name, job in self.installed.jobs(run).items() if job["metadata"]["labels"]["darkroom/stage"] != "driver"]

    def stages(self, run: str) -> dict[str, Any]:
        return {stage["name"]: stage for stage in self.installed.run("status", run)["stages"]}


@pytest.mark.long
def test_what_is_new_is_learnt_and_nothing_else_is_done(installed: Installed, ours: Cluster, store: Store, tmp_path: Path) -> None:
    pictures = open_store(f"{store.url}-pictures", ours.environment["DARKROOM_S3_ENDPOINT"])
    fill(pictures, make_folder(tmp_path / "pictures", {"bars": 12, "rows": 12}))
    mine = Scheduled(installed, "mine")
    words = ("--source", pictures.url, "--deadline", "10m", *sets(QUICK))
    assert mine.put("* * * * *", *words)["cron"] == "* * * * *"
    wait_until(lambda: bool(mine.firings()), 100)
    assert mine.put(NEVER, *words)["next"].startswith("2028-02-29T03:00")  # nothing fires by itself from here on

    (first,) = mine.firings()
    (driver,) = (name for name in installed.jobs(first["run"]) if name.startswith(name_of("mine")))
    mine.end(driver)
    document = installed.run("status", first["run"])
    assert document["state"] == "done", document
    assert document["reason"] == "promoted: it is the first model of this dataset"
    assert document["trigger"] == f"schedule, planned for {first['planned']}"
    assert first["planned"].endswith(":00+00:00")

    mine.fire("again")
    mine.end("again")
    second = mine.firings()[-1]
    assert second["reason"] == "nothing changed: this model serves already"
    assert all(stage["cached"] for stage in mine.stages(second["run"]).values())
    assert list(installed.jobs(second["run"])) == ["again"]

    fill(pictures, make_folder(tmp_path / "more", {"bars": 10, "rows": 10}, start=100))
    mine.fire("more")
    mine.end("more")
    third = mine.firings()[-1]
    assert third["state"] == "done"
    assert third["reason"].startswith(("promoted: ", "refused: "))
    stages = mine.stages(third["run"])
    assert stages["scrape"]["items"] == 44
    assert not stages["train"]["cached"]
    assert mine.stage_jobs(third["run"]) == []


def fill(store: Store, folder: Path) -> None:
    for path in folder.rglob("*.*"):
        store.put(path.relative_to(folder).as_posix(), path.read_bytes())


def test_a_stuck_run_ends_by_its_deadline_and_others_yield_meanwhile(installed: Installed, store: Store) -> None:
    textures = Scheduled(installed, "fashionTexture")
    data = json.loads(textures.kubectl("get", "configmap", "darkroom-site", "--output=json"))["data"]
    site = yaml.safe_load(data["site.yaml"])
    site["resources"]["scrape"] = {"requests": {"cpu": "1000"}}
    change = json.dumps({"data": {"site.yaml": yaml.safe_dump(site)}})
    textures.kubectl("patch", "configmap", "darkroom-site", "--patch", change)

    textures.put(NEVER, "--deadline", "40s", *sets(SMALL))
    textures.fire("stuck")
    wait_until(lambda: bool(textures.firings()), 120)
    (stuck,) = textures.firings()
    wait_until(lambda: bool(textures.stage_jobs(stuck["run"])), 120)

    textures.fire("meanwhile")
    assert "There is no run of fashionTexture this time: the firing stuck has the turn." in textures.end("meanwhile", within_s=30)
    assert (textures.firings()[-1]["run"], textures.firings()[-1]["reason"]) == (None, "the firing stuck has the turn.")

    textures.kubectl("wait", "job/stuck", "--for=condition=Failed", "--timeout=50s")
    document = installed.run("status", stuck["run"])
    assert (document["state"], document["reason"]) == ("failed", "It did not end by its deadline.")
    assert textures.stage_jobs(stuck["run"]) == []
    wait_until(lambda: not installed.pods(stuck["run"], "scrape"), 120)

    newer = b'{"schema":"schedule/2"}'
    store.put(schedule_key("fashionTexture"), newer[:-1] + b',"sum":"' + sha256(newer).hexdigest().encode() + b'"}')
    textures.fire("newer")
    assert "Upgrade" in textures.end("newer", "Failed", within_s=60)
    assert "Upgrade" in read_firings(store, "fashionTexture")[-1].reason
    assert json.loads(textures.kubectl("get", "job/newer", "--output=json"))["status"]["failed"] == 1  # nobody tried again

    said, _ = installed.start("schedule", "fashionTexture", "--remove").communicate(timeout=30)
    assert "scheduled no longer" in said
    assert json.loads(textures.kubectl("get", "cronjobs", "--output=json"))["items"] == []


@pytest.mark.parametrize("word", ["--suspend", "--unsuspend"])
def test_what_is_not_scheduled_cannot_rest(installed: Installed, word: str) -> None:
    process = installed.start("schedule", "mine", word)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, "mine is not scheduled" in err) == (3, True)
