"""The site: where things run. A site setting never changes a result."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from common.errors import BadParameters
from common.records import Value
from common.stage import Resources
from jobs import __version__

SITE_MAP = "darkroom-site"
IMAGE = "darkroom-{stage}:{version}"
CONTACT, WEB_PORTS, WEB_NETWORKS = "DARKROOM_CONTACT", "DARKROOM_WEB_PORTS", "DARKROOM_WEB_NETWORKS"


class Gpu(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where pods go that wish for a GPU, and what they ask for."""

    resource: str = "nvidia.com/gpu"
    nodeSelector: dict[str, str] = msgspec.field(default_factory=dict)  # noqa: N815 - the names of site.yaml are Kubernetes'
    tolerations: tuple[dict[str, Any], ...] = ()


class Web(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How pods meet other people's servers: whom these may write to, and what is allowed beyond ports 80 and 443 and public addresses.

    `secret` names a Secret with providers' keys, `environment` holds what else scrape reads there (docs/operations.md).
    """

    contact: str = ""
    ports: tuple[int, ...] = ()
    networks: tuple[str, ...] = ()
    secret: str = ""
    environment: dict[str, str] = msgspec.field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        """Return the environment that says so to a stage."""
        told = {CONTACT: self.contact, WEB_PORTS: ",".join(map(str, self.ports)), WEB_NETWORKS: ",".join(self.networks)}
        return {**self.environment, **{name: value for name, value in told.items() if value}}


class Cluster(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`site.yaml` in the ConfigMap `darkroom-site`, which the chart makes.

    `secret` names the Secret with the store's credentials; `images` and `serviceAccounts` are by
    stage, `resources` by stage too, as Kubernetes writes requests and limits; `patience` in seconds
    by cause of trouble (jobs/controller/diagnose.py).
    """

    store: str
    endpoint: str = ""
    secret: str = ""
    images: dict[str, str] = msgspec.field(default_factory=dict)
    pullPolicy: str = ""  # noqa: N815
    serviceAccounts: dict[str, str] = msgspec.field(default_factory=dict)  # noqa: N815
    driverServiceAccount: str = ""  # noqa: N815
    nodeSelector: dict[str, str] = msgspec.field(default_factory=dict)  # noqa: N815
    tolerations: tuple[dict[str, Any], ...] = ()
    gpu: Gpu | None = None
    queue: str = ""
    topologySpread: bool = False  # noqa: N815
    resources: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    patience: dict[str, float] = msgspec.field(default_factory=dict)
    web: Web = Web()


@dataclass(frozen=True)
class Site:
    """How stage processes are started and reach the store.

    `environment` is given to each of them. `cores` are shared out among a Job's processes on
    one machine; nought means that a pod's own CPU limit counts. `cluster` is None on one machine.
    `owner` is the reference to what a driver's Job belongs to: it goes when that goes.
    """

    command: tuple[str, ...] = ("python3", "-m", "jobs")
    environment: Mapping[str, str] = field(default_factory=dict)
    cores: int = 0
    cluster: Cluster | None = None
    owner: Mapping[str, Any] | None = None

    def threads(self, stage: str, wishes: Resources, processes: int) -> int:
        """Return how many threads each of so many processes of a stage may use."""
        if self.cores:
            return max(1, self.cores // processes)
        own = self.cluster.resources.get(stage, {}) if self.cluster else {}
        limit = {**own.get("requests", {}), **own.get("limits", {})}.get("cpu", wishes.cpu)
        return max(1, math.floor(_cores_of(str(limit))))

    @property
    def patience_s(self) -> Mapping[str, float]:
        return self.cluster.patience if self.cluster else {}

    def image(self, stage: str) -> str:
        named = self.cluster.images.get(stage) if self.cluster else None
        return named or IMAGE.format(stage=stage, version=__version__)


def this_machine(store_url: str) -> Site:
    """Return the site of the process launcher: this installation, this machine's cores."""
    passed = {name: os.environ[name] for name in ("DARKROOM_S3_ENDPOINT",) if os.environ.get(name)}
    return Site(
        command=(sys.executable, "-m", "jobs"),
        environment={"DARKROOM_STORE": store_url, **passed},
        cores=usable_cores(),
    )


def _cores_of(quantity: str) -> float:
    """Read Kubernetes' way to write CPUs: `2`, `0.5` or `500m`."""
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def on_cluster(text: str, owner: Mapping[str, Any] | None = None) -> Site:
    """Return the site that a `site.yaml` describes.

    Raises:
        BadParameters: it is no such document.
    """
    try:
        cluster = msgspec.yaml.decode(text, type=Cluster)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadParameters(f"site.yaml of the ConfigMap darkroom-site cannot be used: {error}. Install or upgrade the chart.") from error
    endpoint = {"DARKROOM_S3_ENDPOINT": cluster.endpoint} if cluster.endpoint else {}
    return Site(environment={"DARKROOM_STORE": cluster.store, **endpoint}, cluster=cluster, owner=owner)


def usable_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many cores this process may use: its affinity, and the quota of its container if that is less."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for read in (_quota_v2, _quota_v1):
        with contextlib.suppress(OSError, ValueError):
            cores = min(cores, max(1, math.ceil(min(read(cgroup), cores))))
    return cores


def _quota_v2(cgroup: Path) -> float:
    quota, period = (cgroup / "cpu.max").read_text().split()
    return float(quota) / float(period)  # "max" is no number: no limit


def _quota_v1(cgroup: Path) -> float:
    quota, period = (float((cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
    return quota / period if quota > 0 else math.inf
