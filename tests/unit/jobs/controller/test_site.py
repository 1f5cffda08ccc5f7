"""Where things run: how many cores, and what stage processes are told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from common.errors import BadParameters
from jobs.controller import graph
from jobs.controller.site import Site, on_cluster, this_machine, usable_cores

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def test_a_machine_without_quotas_gives_all_its_cores(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == CORES


@pytest.mark.parametrize(("quota", "expected"), [("max 100000", CORES), ("50000 100000", 1), ("100000000 100000", CORES)])
def test_a_container_s_quota_is_kept(quota: str, expected: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert usable_cores(tmp_path) == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", CORES), ("20000", 1)])
def test_the_older_form_of_a_quota_is_kept_too(quota: str, expected: int, tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert usable_cores(tmp_path) == expected


def test_stage_processes_are_told_where_the_store_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_S3_ENDPOINT", "http://127.0.0.1:1")
    site = this_machine("s3://b")
    assert site.cores == usable_cores()
    assert site.environment == {"DARKROOM_STORE": "s3://b", "DARKROOM_S3_ENDPOINT": "http://127.0.0.1:1"}


def test_an_image_is_named_by_its_stage_and_version() -> None:
    from jobs import __version__

    assert Site().image("train") == f"darkroom-train:{__version__}"


def test_a_cluster_s_site_is_read_from_what_the_chart_writes() -> None:
    site = on_cluster("store: s3://b/p\nendpoint: http://s3:9000\nimages: {train: r/t@sha256:1}\ngpu: {nodeSelector: {a: b}}\n")
    assert site.environment == {"DARKROOM_STORE": "s3://b/p", "DARKROOM_S3_ENDPOINT": "http://s3:9000"}
    assert site.image("train") == "r/t@sha256:1"
    assert site.cluster is not None
    assert site.cluster.gpu is not None
    assert site.cluster.gpu.resource == "nvidia.com/gpu"


@pytest.mark.parametrize(("limit", "threads"), [("4", 4), (2, 2), ("2500m", 2), ("500m", 1), ("0.4", 1)])
def test_a_pod_s_threads_come_from_its_cpu_limit(limit: object, threads: int) -> None:
    site = on_cluster(f"store: s3://b\nresources: {{featurize: {{limits: {{cpu: {limit}}}}}}}\n")
    assert site.threads("featurize", graph.load().stage("featurize").resources, 4) == threads


@pytest.mark.parametrize("text", ["", "stor: s3://b", "store: 3", "store: s3://b\nimages: [a]", "store: &a [*a]", "a: " + "[" * 5000])
def test_another_document_is_refused(text: str) -> None:
    with pytest.raises(BadParameters, match="darkroom-site"):
        on_cluster(text)
