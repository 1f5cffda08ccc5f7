"""A list of URLs, fetched by the pods of an Indexed Job: each server is one pod's."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import artifact, records
from common.dataset import rows_of
from common.records import Plan
from common.store import Store
from jobs.controller import runs
from tests.cluster.cluster import Cluster
from tests.cluster.installed import Installed, install
from tests.cluster.kubernetes import Kubernetes
from tests.cluster.node import BRIDGE, GATEWAY
from tests.support.command import sets
from tests.support.pictures import drawing, encode
from tests.support.web import Web, serve

PODS = 4
HOSTS = [f"10.77.250.{number}" for number in range(1, 9)]
SETTINGS = ("scrape.rangeUrls=6", "scrape.shardPictures=12", "refine.backbone=gabor-layout", "train.cValues=[0.1,1]")


@pytest.fixture
def web(ours: Cluster) -> Iterator[Web]:
    """Eight servers that pods reach; they go with the bridge, or here."""
    for host in HOSTS:
        subprocess.run(["ip", "address", "replace", f"{host}/32", "dev", BRIDGE], check=True, timeout=20)
    try:
        with serve() as found:
            yield found
    finally:
        for host in HOSTS:
            subprocess.run(["ip", "address", "del", f"{host}/32", "dev", BRIDGE], check=False, timeout=20)


@pytest.fixture
def allowed(kubernetes: Kubernetes, ours: Cluster, namespace: str, store: Store, tmp_path: Path, web: Web) -> Iterator[Installed]:
    """Darkroom on a site that may fetch from these servers, and from no other private address."""
    settings = {"contact": "tests@darkroom.example", "ports": [web.port, 6443], "networks": ["10.77.250.0/24"]}
    with install(kubernetes, ours, namespace, store, tmp_path, {"web": settings}) as found:
        yield found


@pytest.mark.full
def test_four_pods_fetch_a_list_and_no_two_of_them_ask_one_server(allowed: Installed, store: Store, web: Web, tmp_path: Path) -> None:
    lines = []
    for number, host in enumerate(HOSTS * 3):
        for label in ("bars", "rows"):
            path = f"/{label}/{number}.png"
            web.put(path, encode(drawing(label, number)))
            lines.append(f"{label}\t{web.url(path, host)}\n")
    forbidden = f"https://{GATEWAY}:6443/secret.jpg"
    listed = tmp_path / "list.tsv"
    listed.write_text("".join([*lines, f"bars\t{forbidden}\n"]))
    words = ("submit", "web", "--source", str(listed), "--on", "kubernetes", "--nodes", str(PODS), *sets(SETTINGS))
    document = allowed.run(*words)
    assert document["state"] == "done", document

    record = runs.read(store, document["run"]).records["scrape/snapshot"]
    assert record.ref is not None
    rows = {row.name: row for row in rows_of(artifact.read_ref(store, record.ref))}
    assert len(rows) == len(lines) + 1
    assert sum(1 for row in rows.values() if row.id) == len(lines)
    assert "not public" in rows[forbidden].reason
    plans = [records.decode(store.get(one.key).data, Plan, one.key) for one in store.list("artifacts/scrape.fetch/") if "/plan-" in one.key]
    assert max(len(plan.tasks) for plan in plans) >= PODS
    assert set(web.clients) == set(HOSTS)
    assert all(len(pods) == 1 for pods in web.clients.values())
    assert len(set.union(*web.clients.values())) >= PODS
