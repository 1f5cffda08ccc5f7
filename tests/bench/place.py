"""The place of the benches that need a cluster: our own two nodes, a namespace with the chart in it, an empty store."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.store import Store, open_store
from jobs.controller.site import Site, on_cluster
from tests.bench.rows import say
from tests.cluster import cluster
from tests.cluster.cluster import Cluster
from tests.cluster.installed import Installed, a_namespace, at_hand, install
from tests.cluster.kubernetes import Kubernetes


@dataclass(frozen=True)
class Place:
    ours: Cluster
    installed: Installed
    store: Store

    @property
    def kubernetes(self) -> Kubernetes:
        return self.installed.kubernetes

    @property
    def namespace(self) -> str:
        return self.installed.namespace

    def site(self) -> Site:
        """Return the site's settings as the driver reads them."""
        found = self.kubernetes.get("--namespace", self.namespace, "configmap", "darkroom-site")
        return on_cluster(found["data"]["site.yaml"])


@contextlib.contextmanager
def prepared(values: Mapping[str, Any]) -> Iterator[Place]:
    """Yield the place, with what the bench sets of the chart's values; it goes afterwards."""
    say("a cluster, with our images")
    with at_hand() as kubernetes, tempfile.TemporaryDirectory() as folder:
        if not kubernetes.is_ours:
            raise SystemExit("This bench measures two nodes whose every request it can see: unset KUBECONFIG.")
        ours = cluster.find()
        os.environ |= ours.environment
        store = open_store(f"{ours.environment['DARKROOM_STORE']}/{secrets.token_hex(4)}", ours.environment["DARKROOM_S3_ENDPOINT"])
        with a_namespace(kubernetes) as namespace, install(kubernetes, ours, namespace, store, Path(folder), values) as installed:
            yield Place(ours, installed, store)
