"""The site: where things run. A site setting never changes a result."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs import __version__

IMAGE = "darkroom-{stage}:{version}"


@dataclass(frozen=True)
class Site:
    """How stage processes are started and reach the store.

    `environment` is given to each of them; `threads` is the CPU limit that a stage sees.
    """

    command: tuple[str, ...] = ("python", "-m", "jobs")
    environment: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""
    threads: int = 1

    def image(self, stage: str) -> str:
        return IMAGE.format(stage=stage, version=__version__)


def this_machine(store_url: str, nodes: int) -> Site:
    """Return the site of the process launcher: this installation, its share of this machine's cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    passed = {name: os.environ[name] for name in ("DARKROOM_S3_ENDPOINT",) if os.environ.get(name)}
    return Site(
        command=(sys.executable, "-m", "jobs"),
        environment={"DARKROOM_STORE": store_url, **passed},
        threads=max(1, cores // max(1, nodes)),
    )


def default_nodes() -> int:
    """Return how many processes this machine runs side by side."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
