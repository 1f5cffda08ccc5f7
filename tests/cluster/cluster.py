"""A real Kubernetes on this machine: etcd, API server, controller manager, scheduler, two nodes, and versitygw as S3.

Everything lies in one folder and hangs on one bridge; pods reach the API server and S3 at the
bridge's address. `down` leaves no process, mount or link (`remains.py` is the check).
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.certificates import Authority
from tests.cluster.node import BRIDGE, BRIDGE_ADDRESS, GATEWAY, NETWORK, PAUSE, Node
from tests.cluster.processes import Processes
from tests.support.servers import OUR_ENVIRONMENT, ROOT

NODES = 2
SERVER = f"https://{GATEWAY}:6443"
ETCD = "http://127.0.0.1:12379"
SERVICES = "10.96.0.0/16"
S3 = f"{GATEWAY}:7070"
ACCESS, SECRET, BUCKET = "test-access", "test-secret-key", "darkroom"
# The kubelet, kube-proxy and the bridge set these for the whole machine.
SYSCTLS = (
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/route_localnet",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)


def default_folder() -> Path:
    """Return where the cluster of this user lies: one at a time on a machine, for its addresses are fixed."""
    return Path(os.environ.get("DARKROOM_CLUSTER") or f"/tmp/darkroom-cluster-{os.getuid()}")


class NotOurs(Exception):
    """The cluster on this machine is another checkout's."""


@dataclass(frozen=True)
class Cluster:
    folder: Path
    programs: Path

    @property
    def processes(self) -> Processes:
        return Processes(self.folder / "run")

    @property
    def authority(self) -> Authority:
        return Authority(self.folder / "certificates")

    @property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(Node(number, self.folder, self.programs) for number in range(1, NODES + 1))

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """Each request to the API server, a line of JSON."""
        return self.folder / "audit.log"

    @property
    def environment(self) -> dict[str, str]:
        """What points kubectl, helm and darkroom to this cluster and its S3."""
        return {
            "KUBECONFIG": str(self.kubeconfig),
            "DARKROOM_STORE": f"s3://{BUCKET}",
            "DARKROOM_S3_ENDPOINT": f"http://{S3}",
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "PATH": f"{self.programs}:{os.environ['PATH']}",
        }

    def kubectl(self, *words: str, input_text: str | None = None, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        command = [str(self.programs / "kubectl"), "--kubeconfig", str(self.kubeconfig), *words]
        return subprocess.run(command, input=input_text, capture_output=True, text=True, timeout=timeout_s, check=False)

    # --- up -----------------------------------------------------------------------------------

    def up(self) -> None:
        """Start what does not run yet, and return when both nodes are Ready. Raises NotOurs."""
        self.check_owner()
        self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)  # pods' own users look into their volumes
        self._owner.write_text(str(ROOT))
        for processes in self._all_processes():
            processes.forget_the_dead()
        self._keep_sysctls()
        self._make_bridge()
        if not self.authority.certificate.exists():
            self.authority.create()
            self.authority.kubeconfig(self.kubeconfig, SERVER, "admin", "/O=system:masters/CN=admin")
        self._start_s3()
        self._start_control_plane()
        pause = self._pause_archive()
        for node in self.nodes:
            node.start_containerd()
        for node in self.nodes:
            node.wait_for_containerd()
            node.load(pause)
            node.start(self.authority, SERVER)
        self._start_proxy()
        self._wait("both nodes", self.ready, 120)
        (self.folder / "environment").write_text("".join(f"export {name}='{value}'\n" for name, value in self.environment.items()))

    @property
    def _owner(self) -> Path:
        return self.folder / "owner"

    def check_owner(self) -> None:
        """Leave alone what another checkout brought up: its tests may be running. Raises NotOurs."""
        with contextlib.suppress(FileNotFoundError):
            if (owner := self._owner.read_text()) != str(ROOT):
                raise NotOurs(
                    f"The cluster in {self.folder} belongs to {owner}. There is one at a time: wait, or `make cluster-down` there."
                )

    def ready(self) -> bool:
        """Are all nodes there and Ready?"""
        return list(self.node_states().values()) == ["True"] * NODES

    def node_states(self) -> dict[str, str]:
        """Return each node's Ready condition: True, False or Unknown."""
        told = self.kubectl("get", "nodes", "--output", "json", "--request-timeout=5s")
        if told.returncode:
            return {}
        return {
            node["metadata"]["name"]: next((one["status"] for one in node["status"].get("conditions", []) if one["type"] == "Ready"), "")
            for node in json.loads(told.stdout)["items"]
        }

    def load(self, archive: Path) -> None:
        """Bring the images of an OCI archive to every node."""
        with ThreadPoolExecutor() as side_by_side:
            list(side_by_side.map(lambda node: node.load(archive), self.nodes))

    def _all_processes(self) -> tuple[Processes, ...]:
        return (self.processes, *(node.processes for node in self.nodes))

    def _keep_sysctls(self) -> None:
        kept = self.folder / "sysctls.json"
        if not kept.exists():
            kept.write_text(json.dumps({name: Path("/proc/sys", name).read_text().strip() for name in SYSCTLS}))

    def _make_bridge(self) -> None:
        """Make the bridge, with a hardware address of its own.

        Without one it takes the lowest of its ports', another one whenever such a pod comes or goes; the others
        then talk to the old one for up to a minute, and nobody hears them.
        """
        if not Path("/sys/class/net", BRIDGE).exists():
            for words in (["link", "add", BRIDGE, "address", BRIDGE_ADDRESS, "type", "bridge"], ["link", "set", BRIDGE, "up"]):
                subprocess.run(["ip", *words], check=True, timeout=20)
        subprocess.run(["ip", "address", "replace", f"{GATEWAY}/16", "dev", BRIDGE], check=True, timeout=20)

    def _start_s3(self) -> None:
        data, sidecar = self.folder / "s3" / "data", self.folder / "s3" / "meta"
        for folder in (data, sidecar):
            folder.mkdir(parents=True, exist_ok=True)
        server = _built("versitygw")
        self.processes.start("s3", server, "--access", ACCESS, "--secret", SECRET, "--port", S3, "posix", "--sidecar", sidecar, data)
        self._wait("S3", self._make_bucket, 30)

    def _make_bucket(self) -> bool:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        client = boto3.client(
            "s3", endpoint_url=f"http://{S3}", region_name="us-east-1", aws_access_key_id=ACCESS, aws_secret_access_key=SECRET
        )
        try:
            if BUCKET not in [bucket.get("Name") for bucket in client.list_buckets()["Buckets"]]:
                client.create_bucket(Bucket=BUCKET)
        except (BotoCoreError, ClientError):
            return False
        return True

    def _start_control_plane(self) -> None:
        peers = ETCD.replace("12379", "12380")
        where = ("--data-dir", self.folder / "etcd", "--listen-client-urls", ETCD, "--advertise-client-urls", ETCD)
        self._start("etcd", *where, "--listen-peer-urls", peers, "--unsafe-no-fsync")
        names = (f"IP:{GATEWAY}", "IP:10.96.0.1", "DNS:kubernetes", "DNS:kubernetes.default", "DNS:kubernetes.default.svc")
        certificate, key = self.authority.sign("api-server", "/CN=kube-apiserver", *names)
        client, client_key = self.authority.sign("api-server-client", "/O=system:masters/CN=kube-apiserver")
        accounts = self.authority.service_accounts_key
        self._start(
            "kube-apiserver",
            f"--etcd-servers={ETCD}",
            f"--bind-address={GATEWAY}",
            f"--advertise-address={GATEWAY}",
            f"--service-cluster-ip-range={SERVICES}",
            f"--client-ca-file={self.authority.certificate}",
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}",
            f"--kubelet-client-certificate={client}",
            f"--kubelet-client-key={client_key}",
            f"--kubelet-certificate-authority={self.authority.certificate}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.authority.service_accounts_public_key}",
            f"--service-account-signing-key-file={accounts}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--audit-policy-file={self._audit_policy()}",
            f"--audit-log-path={self.audit_log}",
        )
        self._wait("the API server", lambda: self.kubectl("get", "--raw", "/readyz").returncode == 0, 90)
        self._start(
            "kube-controller-manager",
            self._identity("kube-controller-manager"),
            f"--service-account-private-key-file={accounts}",
            f"--root-ca-file={self.authority.certificate}",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
        )
        self._start("kube-scheduler", self._identity("kube-scheduler"), "--leader-elect=false", "--bind-address=127.0.0.1")

    def _audit_policy(self) -> Path:
        """Write down what the API server is to tell of: who asked for what and when, but for leases that are renewed."""
        quiet = {"level": "None", "resources": [{"group": "coordination.k8s.io"}]}
        policy = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [quiet, {"level": "Metadata"}],
        }
        path = self.folder / "audit-policy.json"
        path.write_text(json.dumps(policy))
        return path

    def _start_proxy(self) -> None:
        """One is enough: the nodes share the machine's network, where it gives Services their addresses."""
        self._start(
            "kube-proxy",
            self._identity("kube-proxy", "/O=system:masters/CN=kube-proxy"),
            f"--cluster-cidr={NETWORK}",
            "--proxy-mode=iptables",
            "--hostname-override=node1",
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=0s",
            "--conntrack-tcp-timeout-close-wait=0s",
            "--healthz-bind-address=127.0.0.1:10256",
        )

    def _identity(self, name: str, subject: str = "") -> str:
        path = self.folder / f"{name}.kubeconfig"
        return f"--kubeconfig={self.authority.kubeconfig(path, SERVER, name, subject or f'/CN=system:{name}')}"

    def _start(self, program: str, *words: str | Path) -> None:
        self.processes.start(program, self.programs / program, *words)

    def _pause_archive(self) -> Path:
        """Return an image, as an OCI archive, of the program that holds a pod's network."""
        archive = self.folder / "pause.tar"
        if not archive.exists():
            with tempfile.TemporaryDirectory() as work:
                shutil.copy(self.programs / "pause", work)
                Path(work, "Containerfile").write_text('FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n')
                for words in (
                    ["build", "--quiet", "--isolation", "chroot", "--tag", PAUSE, work],
                    ["push", "--quiet", PAUSE, f"oci-archive:{archive}:{PAUSE}"],
                ):
                    subprocess.run(["buildah", *words], check=True, capture_output=True, timeout=120)
        return archive

    def _wait(self, what: str, condition: Callable[[], bool], within_s: float) -> None:
        until = time.monotonic() + within_s
        while not condition():
            for processes in self._all_processes():
                if dead := processes.dead():
                    raise RuntimeError(f"{dead} ended: {processes.log(dead).read_text()[-2000:]}")
            if time.monotonic() > until:
                raise TimeoutError(f"{what} did not become ready within {within_s:.0f} s; the logs are in {self.folder}/**/run/*.log")
            time.sleep(0.3)

    # --- down ---------------------------------------------------------------------------------

    def down(self) -> None:
        """End everything and remove the folder. Raises NotOurs."""
        self.check_owner()
        for node in self.nodes:
            node.stop()
        for name in ("kube-proxy", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd", "s3"):
            self.processes.stop(name)
        for mount in sorted(mounts_below(self.folder), reverse=True):
            subprocess.run(["umount", "--lazy", mount], timeout=20, check=False)
        if Path("/sys/class/net", BRIDGE).exists():
            remove_rules()
            subprocess.run(["ip", "link", "delete", BRIDGE], timeout=20, check=False)
        with contextlib.suppress(OSError, ValueError):
            for name, value in json.loads((self.folder / "sysctls.json").read_text()).items():
                Path("/proc/sys", name).write_text(value)
        shutil.rmtree(self.folder, ignore_errors=True)


def mounts_below(folder: Path) -> list[str]:
    return [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[1].startswith(f"{folder}/")]


def rules() -> list[tuple[str, str]]:
    """Return (table, rule or chain) of all that kube-proxy made for iptables."""
    told = subprocess.run(["iptables-save"], capture_output=True, text=True, timeout=20, check=True)
    found, table = [], ""
    for line in told.stdout.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(("-A", ":")) and "KUBE-" in line:
            found.append((table, line))
    return found


def remove_rules() -> None:
    """Remove them: kube-proxy's own cleaning forgets a chain."""
    made = rules()
    for table, rule in made:
        if rule.startswith("-A"):
            subprocess.run(["iptables", "-t", table, "-D", *shlex.split(rule)[1:]], timeout=20, check=False)
    for table, chain in made:
        if chain.startswith(":"):
            subprocess.run(["iptables", "-t", table, "-X", chain[1:].split()[0]], timeout=20, check=False)


def find() -> Cluster:
    """Return this user's cluster; its programs are built if they are not there yet."""
    return Cluster(default_folder(), _built("kubernetes"))


def _built(tool: str) -> Path:
    """Return what one of our tools builds once, with the environment that we were started in."""
    done = subprocess.run([ROOT / "tools" / tool], env=OUR_ENVIRONMENT, stdout=subprocess.PIPE, text=True, timeout=3600, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)  # it said why
    return Path(done.stdout.strip())
