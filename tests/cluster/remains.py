"""What a cluster may leave on a machine: processes, mounts, links, cgroups, rules, files outside its folder."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from tests.cluster.cluster import Cluster, mounts_below, rules
from tests.cluster.node import BRIDGE, CGROUPS


def look(cluster: Cluster) -> str:
    """Return one line for each thing of this cluster's that is on the machine."""
    found = [
        *(f"process {line}" for line in _processes(cluster)),
        *(f"mount {path}" for path in mounts_below(cluster.folder)),
        *(f"link {path.name}" for path in Path("/sys/class/net").iterdir() if path.name == BRIDGE or _is_on_bridge(path)),
        *(f"cgroup {path}" for path in CGROUPS.glob("**/darkroom-node*") if path.is_dir()),
        *(f"rule {table} {rule}" for table, rule in rules()),
        *(f"file {path}" for path in [cluster.folder, *Path("/var/log/containers").glob("*")] if path.exists() or path.is_symlink()),
    ]
    return "\n".join(found)


def machine() -> dict[str, set[str]]:
    """Return all mounts, links and rules there are, whoever made them, to compare before with after.

    Of cgroups those of nodes and pods: others come and go with whatever else a machine does.
    """
    return {
        "mounts": {" ".join(line.split()[:3]) for line in Path("/proc/self/mounts").read_text().splitlines()},
        "links": {path.name for path in Path("/sys/class/net").iterdir()},
        "namespaces": {path.name for path in Path("/run/netns").glob("*")},
        "rules": {f"{table} {rule}" for table, rule in rules()},
        "cgroups": {str(path) for kind in ("darkroom-node*", "kubepods*") for path in CGROUPS.glob(f"**/{kind}") if path.is_dir()},
    }


def _processes(cluster: Cluster) -> list[str]:
    """Processes that our folder or our programs are named in, and those in our nodes' cgroups."""
    lines = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            if str(cluster.folder) in words or str(cluster.programs) in words or "/darkroom-node" in (entry / "cgroup").read_text():
                lines.append(f"{entry.name} {words[:100]}")
    return lines


def _is_on_bridge(link: Path) -> bool:
    with contextlib.suppress(OSError):
        return (link / "master").resolve().name == BRIDGE
    return False
