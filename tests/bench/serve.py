"""bench-serve: photographs over HTTP, against LitServe, a plain service of FastAPI and onnxruntime, and no service at all.

All answer the same 64 KB JPEGs (as a form with one file) with the same network, pattern-net with a linear classifier, and the same
preprocessing, on all cores of this machine; the clients run on these cores too. Sixteen clients each wait for their answer. LitServe
has a worker a core and batches of 8; the plain service runs requests in FastAPI's threads. *Pure* decodes, prepares and infers in
threads of one process, four pictures a call (as many as ours), with no HTTP at all. All are up all the time and take short turns,
in which the others are stopped: a machine that is now fast and now slow is so for all. What counts is all turns together. Overload is
four times the rate that the service reached, sent whether or not anything comes back.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import cv2
import msgspec
import numpy as np

from common import model, records
from common.images import Preprocessing, decode, preprocess
from common.model import CARD_FILE, MODEL_FILE, PROBABILITIES, Card
from common.records import Pointer, Ref
from common.store.local import LocalStore
from tests.bench import clients
from tests.bench.clients import Found
from tests.bench.photographs import photograph
from tests.bench.rows import Bench, Row, below, cores, emit, faster, machine, more, say
from tests.support.served import until
from tests.support.servers import free_port

PICTURES, CLIENTS, ROUNDS, PER_CALL, DATASET = 96, 16, 10, 4, "bench"
OURS, LITSERVE, PLAIN, PURE = "serve", "LitServe", "FastAPI + onnxruntime", "pure decode + inference"
ROOT = Path(__file__).resolve().parents[2]
BACKBONES = ROOT / "jobs/refine/backbones"

LIMITS = (
    "Beside decoding and the network a request costs HTTP, a form, and the pipe to the child that decodes. The clients take "
    "their share of the same cores too. A larger network makes both small; on cores of their own the clients would cost nothing."
)


def main() -> None:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder, "store"))
        card = publish(store, Path(folder, MODEL_FILE))
        requests = [clients.request(photograph(number).data) for number in range(PICTURES)]
        found = measure(store, card.preprocessing, Path(folder, MODEL_FILE), requests)
        overloaded, calm = overload(store, requests)
    emit(Bench("serve", machine(), tuple(rows_of(found, overloaded, calm))))


def rows_of(found: dict[str, Found], overloaded: Found, calm: Found) -> Iterator[Row]:
    """Yield what was found beside what it is held to."""
    rate = {name: one.rate for name, one in found.items()}
    p99 = {name: one.percentile(0.99) for name, one in found.items() if name != PURE}
    for peer, goal in ((LITSERVE, 1.0), (PLAIN, 1.0), (PURE, 0.85)):
        yield more(f"{CLIENTS} clients: throughput", rate[OURS], rate[peer], peer, "pictures/s", goal)
    better = min((LITSERVE, PLAIN), key=lambda name: p99[name])
    yield faster(f"{CLIENTS} clients: 99th percentile", p99[OURS], p99[better], better, 1.0)
    what = "four times too much: 99th percentile of the answers"
    yield below(what, overloaded.percentile(0.99), 2 * calm.percentile(0.99), f"twice that of {CLIENTS} clients", "s")
    others = sum(count for status, count in overloaded.statuses.items() if status not in (200, 429))
    yield Row("four times too much: replies that are neither 200 nor 429", others, 0, "none", "replies", 1.0, "within ±0")


def publish(store: LocalStore, file: Path) -> Card:
    """Let pattern-net with a linear classifier serve; its file is written for the peers too."""
    backbone = (BACKBONES / "pattern-net.onnx").read_bytes()
    known = records.decode((BACKBONES / "pattern-net.json").read_bytes(), Card, "pattern-net.json")
    random, width = np.random.default_rng(0), known.dimension
    weights = random.normal(0, 1, (8, width)).astype(np.float32)
    mean, scale = np.zeros(width, np.float32), np.ones(width, np.float32)
    head = model.Head(mean, scale, weights, np.zeros(8, np.float32), unit_length=True, temperature=1.0)
    data = model.attach_head(backbone, head)
    digest = sha256(data).hexdigest()
    classes = tuple(f"class {number}" for number in range(8))
    card = msgspec.structs.replace(known, kind="svm", onnx_sha256=digest, classes=classes)
    ref = Ref(step="train", key=digest, digest=digest)
    pointer = Pointer(dataset=DATASET, sequence=1, run="bench", snapshot=1, version=digest[:12], model=ref, gate=ref, writer="bench")
    store.put(f"models/{DATASET}/{digest[:12]}/{MODEL_FILE}", data)
    store.put(f"models/{DATASET}/{digest[:12]}/{CARD_FILE}", records.encode(card))
    store.put(f"models/{DATASET}/current.json", records.encode(pointer))
    file.write_bytes(data)
    return card


def measure(store: LocalStore, how: Preprocessing, file: Path, requests: list[bytes]) -> dict[str, Found]:
    """Let all take turns; return what each came to over all of them."""
    peer = [str(file), msgspec.json.encode(how).decode()]
    servers = {OURS: ours(store), LITSERVE: theirs("serving_litserve.py", peer), PLAIN: theirs("serving_fastapi.py", peer)}
    with contextlib.ExitStack() as up:
        running = {name: up.enter_context(server) for name, server in servers.items()}
        contenders: dict[str, Callable[[], Found]] = {name: partial(_round, server, requests) for name, server in running.items()}
        contenders[PURE] = pure(file, how)
        for server in running.values():
            clients.at_once(server.port, requests[:CLIENTS], CLIENTS)  # warm
            server.stop()
        found: dict[str, list[Found]] = {name: [] for name in contenders}
        for number in range(ROUNDS):
            names = list(contenders)
            for name in names if number % 2 == 0 else reversed(names):
                found[name].append(contenders[name]())
            rates = ", ".join(f"{name} {rounds[-1].rate:.1f}" for name, rounds in found.items())
            say(f"  round {number + 1} of {ROUNDS}, pictures/s: {rates}")
    return {name: _together(rounds) for name, rounds in found.items()}


def _round(server: Server, requests: list[bytes]) -> Found:
    server.go_on()
    found = clients.at_once(server.port, requests, CLIENTS)
    server.stop()
    assert found.statuses == {200: len(requests)}, found.statuses
    return found


def _together(rounds: list[Found]) -> Found:
    seconds = [one for found in rounds for one in found.seconds]
    return Found(seconds=seconds, whole_s=sum(found.whole_s for found in rounds))


def overload(store: LocalStore, requests: list[bytes]) -> tuple[Found, Found]:
    """Return what becomes of four times too much, and of sixteen clients just before it, at the same server."""
    with ours(store) as server:
        clients.at_once(server.port, requests[:CLIENTS], CLIENTS)
        calm = clients.at_once(server.port, requests, CLIENTS)
        many = clients.a_second(server.port, requests * 4, 4 * calm.rate)
    say(f"  overload: {dict(many.statuses)}, p99 {many.percentile(0.99):.2f} s after {calm.percentile(0.99):.2f} s")
    return many, calm


def pure(file: Path, how: Preprocessing) -> Callable[[], Found]:
    """Return what decodes, prepares and infers all pictures in threads, without a service."""
    network = model.Model(file.read_bytes())
    pictures = [photograph(number).data for number in range(PICTURES)]
    groups = [pictures[start : start + PER_CALL] for start in range(0, PICTURES, PER_CALL)]

    def answer(group: list[bytes]) -> None:
        network.run(np.stack([preprocess(decode(one), how) for one in group]), PROBABILITIES)

    def all_of_them() -> Found:
        with ThreadPoolExecutor(cores()) as pool:
            began = time.perf_counter()
            list(pool.map(answer, groups))
            return Found(seconds=[0.0] * PICTURES, whole_s=time.perf_counter() - began)

    return all_of_them


@dataclass(frozen=True)
class Server:
    """A server that answers at `port`, and the group of all its processes."""

    port: int
    group: int

    def stop(self) -> None:
        os.killpg(self.group, signal.SIGSTOP)

    def go_on(self) -> None:
        os.killpg(self.group, signal.SIGCONT)


@contextlib.contextmanager
def ours(store: LocalStore) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "jobs.serve", DATASET, "--port", str(port), "--linger-s", "0"]
    with _running(command, port, "/v2/health/ready", {"DARKROOM_STORE": store.url}) as server:
        yield server


@contextlib.contextmanager
def theirs(script: str, arguments: list[str]) -> Iterator[Server]:
    port = free_port()
    made = subprocess.run(
        ["tools/peer", Path(sys.executable).parent / "uv", "serving"], check=True, stdout=subprocess.PIPE, text=True, timeout=3600
    )
    command = [made.stdout.strip(), str(ROOT / "tests/bench/peers" / script), *arguments, str(port), str(cores())]
    with _running(command, port, "/health", {"PYTHONPATH": str(ROOT)}) as server:
        yield server


@contextlib.contextmanager
def _running(command: list[str], port: int, health: str, environment: dict[str, str]) -> Iterator[Server]:
    """Run a server until it is no longer needed, with all its processes."""
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    server = Server(port, process.pid)
    try:
        until(lambda: _answers(f"http://127.0.0.1:{port}{health}"), 180)
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.group, signal.SIGTERM)
            server.go_on()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.group, signal.SIGKILL)
            process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    main()
