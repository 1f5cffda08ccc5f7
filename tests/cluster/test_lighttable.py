"""The chart's light table on a real cluster: nothing without the token, and an edit outlives its pod."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common import edits
from common.dataset import Entry
from common.store import Store
from tests.cluster.cluster import Cluster
from tests.cluster.installed import Installed, install
from tests.cluster.kubernetes import Kubernetes, job, wait_until
from tests.support import tables

DEPLOYMENT = "darkroom-lighttable-mine"
SELECTOR = "--selector=darkroom/lighttable=mine"
VISIT = """
import http.client, json, sys
where, token, edit = sys.argv[1:]
def ask(method, address, body=None, **headers):
    connection = http.client.HTTPConnection(where, timeout=60)
    connection.request(method, address, body, headers)
    reply = connection.getresponse()
    return reply.status, dict(reply.getheaders()), reply.read()
cookie = ask("GET", "/?token=" + token)[1].get("set-cookie", "").partition(";")[0]
mine, other = {"cookie": cookie, "origin": "http://" + where}, {"cookie": cookie, "origin": "http://elsewhere.example"}
said = {"strange": ask("GET", "/api/sheet")[0], "wrong": ask("GET", "/?token=wrong")[0], "page": ask("GET", "/", cookie=cookie)[0]}
said["rows"] = len(json.loads(ask("GET", "/api/sheet", cookie=cookie)[2])["ids"])
said["elsewhere"] = ask("POST", "/api/edits", edit, **other)[0]
said["ours"] = ask("POST", "/api/edits", edit, **mine)[0]
print(json.dumps(said))
"""


@pytest.fixture
def rows(store: Store) -> list[Entry]:
    return tables.fill(store, 12)


@pytest.fixture
def laid(kubernetes: Kubernetes, ours: Cluster, namespace: str, store: Store, rows: list[Entry], tmp_path: Path) -> Iterator[Installed]:
    """The chart with one light table, over twelve pictures."""
    token = f"--from-literal=DARKROOM_LIGHTTABLE_TOKEN={tables.TOKEN}"
    kubernetes.kubectl("create", "secret", "generic", "the-token", "--namespace", namespace, token)
    table = {"name": "mine", "dataset": "mine", "tokenSecret": "the-token"}
    with install(kubernetes, ours, namespace, store, tmp_path, {"lightTables": [table]}) as found:
        yield found


def visit(installed: Installed, name: str, edit: dict[str, object]) -> Any:
    """Visit the table from a pod, through the Service's address."""
    service = installed.kubernetes.get("--namespace", installed.namespace, "service", DEPLOYMENT)
    words = ("python3", "-c", VISIT, service["spec"]["clusterIP"], tables.TOKEN, json.dumps(edit))
    done = installed.kubernetes.finish(installed.namespace, job(name, installed.kubernetes.image("lighttable"), *words))
    return json.loads(done["log"].splitlines()[-1])


def test_a_table_shows_itself_to_who_has_the_token_and_keeps_what_was_said(laid: Installed, store: Store, rows: list[Entry]) -> None:
    def ready() -> bool:
        found = laid.kubernetes.get("--namespace", laid.namespace, "deployment", DEPLOYMENT)["status"]
        return bool(found.get("readyReplicas")) and not found.get("unavailableReplicas")

    def pods() -> set[str]:
        return {pod["metadata"]["name"] for pod in laid.kubernetes.get("--namespace", laid.namespace, "pods", SELECTOR)["items"]}

    wait_until(ready, 120)
    said = visit(laid, "first", {"images": [rows[0].id], "action": "exclude", "by": "Ana"})
    assert said == {"strange": 401, "wrong": 401, "page": 200, "rows": 12, "elsewhere": 403, "ours": 200}
    assert tables.TOKEN not in laid.kubernetes.logs("--namespace", laid.namespace, f"deployment/{DEPLOYMENT}")
    (before,) = pods()
    laid.kubernetes.kubectl("delete", "pod", before, "--namespace", laid.namespace, "--grace-period=0", "--force")
    wait_until(lambda: before not in pods() and ready(), 120)
    assert visit(laid, "again", {"images": [rows[1].id], "action": "label", "label": "rows", "by": "Ben"})["ours"] == 200
    told = edits.fold(edits.read(store, "mine"))
    assert (told[rows[0].id].action, told[rows[1].id].label) == ("exclude", "rows")
    laid.kubernetes.kubectl("scale", f"deployment/{DEPLOYMENT}", "--replicas=0", "--namespace", laid.namespace)
    wait_until(lambda: not pods(), 60)
