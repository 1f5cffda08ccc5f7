"""A real node: a kubelet with a containerd, a cgroup and an address of its own, beside others on one machine."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.alive import process_start
from tests.cluster.certificates import Authority
from tests.cluster.processes import Processes, kill, living, wait_until_gone

CGROUPS = Path("/sys/fs/cgroup")
BRIDGE, NETWORK, GATEWAY = "darkroom0", "10.77.0.0/16", "10.77.0.1"
BRIDGE_ADDRESS = "0a:58:0a:4d:00:01"  # locally administered
PAUSE = "localhost/pause:1"


@dataclass(frozen=True)
class Node:
    """The node with this number (from 1). A frozen kubelet is a lost node: its pods go on, nobody hears of them."""

    number: int
    cluster_folder: Path
    programs: Path

    @property
    def name(self) -> str:
        return f"node{self.number}"

    @property
    def address(self) -> str:
        return f"10.77.0.{10 + self.number}"

    @property
    def folder(self) -> Path:
        return self.cluster_folder / self.name

    @property
    def processes(self) -> Processes:
        return Processes(self.folder / "run")

    @property
    def cgroup(self) -> str:
        return f"darkroom-{self.name}"

    @property
    def socket(self) -> Path:
        return self.folder / "containerd.sock"

    # --- up -----------------------------------------------------------------------------------

    def start_containerd(self) -> None:
        """Start what holds the node's containers, with the network that it gives them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_network()
        (self.folder / "containerd.toml").write_text(self._containerd_settings())
        self.processes.start("containerd", "containerd", "--config", self.folder / "containerd.toml")

    def start(self, authority: Authority, server: str) -> None:
        """Start the kubelet, at an address and under a name of its own; containerd and the API server must be there."""
        subprocess.run(["ip", "address", "replace", f"{self.address}/16", "dev", BRIDGE], check=True, timeout=20)
        self._make_cgroup()
        names = (f"IP:{self.address}", f"DNS:{self.name}")
        subject = f"/O=system:nodes/CN=system:node:{self.name}"
        authority.kubeconfig(self.folder / "kubeconfig", server, self.name, subject, *names)
        (self.folder / "kubelet.json").write_text(json.dumps(self._kubelet_settings(authority), indent=2))
        self.start_kubelet()

    def start_kubelet(self) -> None:
        """Start the kubelet, or wake a frozen one."""
        if self.processes.signal("kubelet", signal.SIGCONT):
            return
        where = ("--root-dir", self.folder / "kubelet", "--kubeconfig", self.folder / "kubeconfig")
        who = ("--hostname-override", self.name, "--node-ip", self.address)
        self.processes.start("kubelet", self.programs / "kubelet", "--config", self.folder / "kubelet.json", *where, *who)

    def freeze(self) -> bool:
        """Lose the node: its kubelet stops in the middle of whatever it does. False if it does not run."""
        return self.processes.signal("kubelet", signal.SIGSTOP)

    def load(self, archive: Path) -> None:
        """Bring the images of an OCI archive to this node."""
        done = self._ctr("images", "import", str(archive), timeout_s=600)
        if done.returncode:
            raise RuntimeError(f"{self.name} does not take {archive}: {done.stderr}")

    def wait_for_containerd(self, within_s: float = 30) -> None:
        until = time.monotonic() + within_s
        while self._ctr("version").returncode:
            if time.monotonic() > until:
                raise TimeoutError(f"{self.name}: containerd does not answer; see {self.processes.log('containerd')}")
            time.sleep(0.2)

    def _ctr(self, *words: str, timeout_s: float = 20) -> subprocess.CompletedProcess[str]:
        command = ["ctr", "--address", str(self.socket), "--namespace", "k8s.io", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)

    # --- down ---------------------------------------------------------------------------------

    def stop(self) -> None:
        """End the node with everything that runs on it."""
        self.processes.stop("kubelet")
        pods = list(self._pods())
        for pid, _ in pods:
            kill(pid)
        wait_until_gone(pods, 10)
        shims = list(self._shims())
        wait_until_gone(shims, 3)  # a shim goes by itself once containerd took note of its container's end
        self.processes.stop("containerd")
        for pid, _ in shims:
            kill(pid)
        wait_until_gone(shims, 10)
        for folder in _controllers():
            _remove_tree_of_cgroups(folder / self.cgroup)
        for link in Path("/var/log/containers").glob("*"):  # the kubelet knows no other place for these
            if link.is_symlink() and link.readlink().is_relative_to(self.folder):
                link.unlink()

    def _pods(self) -> Iterator[tuple[int, str]]:
        """Yield each process in the node's cgroup."""
        pids: set[int] = set()
        for folder in _controllers():
            for file in (folder / self.cgroup).rglob("cgroup.procs"):
                with contextlib.suppress(OSError):
                    pids |= {int(word) for word in file.read_text().split()}
        yield from ((pid, process_start(pid)) for pid in sorted(pids))

    def _shims(self) -> Iterator[tuple[int, str]]:
        """Yield the processes through which this node's containerd holds its containers."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                    if b"containerd-shim" in words[0] and str(self.socket).encode() in words:
                        started = process_start(int(entry.name))
                        if living(int(entry.name), started):
                            yield int(entry.name), started

    # --- settings -----------------------------------------------------------------------------

    def _make_cgroup(self) -> None:
        """Make the cgroup that holds the node's pods, under every controller of version 1 or in the one tree of version 2."""
        if (CGROUPS / "cgroup.controllers").exists():
            _delegate(CGROUPS)
        for folder in _controllers():
            own = folder / self.cgroup
            own.mkdir(exist_ok=True)
            for name in ("cpuset.cpus", "cpuset.mems"):
                if (folder / name).exists() and not (own / name).read_text().strip():
                    (own / name).write_text((folder / name).read_text())
        if (CGROUPS / "cgroup.controllers").exists():
            _delegate(CGROUPS / self.cgroup)

    def _write_network(self) -> None:
        addresses = [
            [{"subnet": NETWORK, "rangeStart": f"10.77.{self.number}.1", "rangeEnd": f"10.77.{self.number}.254", "gateway": GATEWAY}]
        ]
        leases = {"type": "host-local", "dataDir": str(self.folder / "addresses"), "ranges": addresses, "routes": [{"dst": "0.0.0.0/0"}]}
        bridge = {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "hairpinMode": True, "ipam": leases}
        (self.folder / "cni").mkdir(exist_ok=True)
        network = {"cniVersion": "0.4.0", "name": self.name, "plugins": [bridge]}
        (self.folder / "cni" / "10-bridge.conflist").write_text(json.dumps(network, indent=2))

    def _containerd_settings(self) -> str:
        """Everything below the node's folder. A machine's root may not be allowed to lower a process's oom score."""
        return f"""\
version = 2
root = "{self.folder}/containerd/root"
state = "{self.folder}/containerd/state"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "{self.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "{self.folder}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  Root = "{self.folder}/runc"
  SystemdCgroup = false
"""

    def _kubelet_settings(self, authority: Authority) -> dict[str, object]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.address,
            "port": 10250,
            "healthzBindAddress": self.address,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(authority.certificate)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(authority.folder / f"{self.name}.crt"),
            "tlsPrivateKeyFile": str(authority.folder / f"{self.name}.key"),
            "containerRuntimeEndpoint": f"unix://{self.socket}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.cgroup}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "makeIPTablesUtilChains": False,
            "podLogsDir": str(self.folder / "logs"),
            "volumePluginDir": str(self.folder / "plugins"),
            # The disk is the machine's own and shared by all nodes: pods are not put out for what others keep on it.
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "imageGCHighThresholdPercent": 100,
        }


def _controllers() -> list[Path]:
    """Return the root of each cgroup tree: one for each controller of version 1, one in all of version 2."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [folder for folder in sorted(CGROUPS.iterdir()) if folder.is_dir() and not folder.is_symlink()]


def _delegate(folder: Path) -> None:
    wanted = {"cpu", "cpuset", "memory", "pids", "io", "hugetlb"} & set((folder / "cgroup.controllers").read_text().split())
    for name in sorted(wanted):
        with contextlib.suppress(OSError):
            (folder / "cgroup.subtree_control").write_text(f"+{name}")


def _remove_tree_of_cgroups(folder: Path) -> None:
    if folder.is_dir():
        for inner in sorted(folder.iterdir()):
            if inner.is_dir():
                _remove_tree_of_cgroups(inner)
        with contextlib.suppress(OSError):
            folder.rmdir()
