"""The site: where things run. A site setting never changes a result."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from common.stage import Stage
from jobs import __version__

IMAGE = "darkroom-{stage}:{version}"


@dataclass(frozen=True)
class Site:
    """How stage processes are started and reach the store.

    `environment` is given to each of them. `cores` are shared out among a Job's processes on
    one machine; nought means that a pod's own CPU limit counts.
    """

    command: tuple[str, ...] = ("python", "-m", "jobs")
    environment: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""
    cores: int = 0

    def threads(self, stage: Stage, processes: int) -> int:
        """Return how many threads each of so many processes of a stage may use."""
        return max(1, self.cores // processes if self.cores else math.floor(float(stage.resources.cpu)))

    def image(self, stage: str) -> str:
        return IMAGE.format(stage=stage, version=__version__)


def this_machine(store_url: str) -> Site:
    """Return the site of the process launcher: this installation, this machine's cores."""
    passed = {name: os.environ[name] for name in ("DARKROOM_S3_ENDPOINT",) if os.environ.get(name)}
    return Site(
        command=(sys.executable, "-m", "jobs"),
        environment={"DARKROOM_STORE": store_url, **passed},
        cores=usable_cores(),
    )


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
