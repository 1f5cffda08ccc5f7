"""What a pod said is in the store however it ends: at most five seconds of it are lost."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from common import artifact, log, records
from common.records import Plan
from common.store import Store
from jobs.controller.kubernetes import Api
from tests.cluster.cluster import Cluster
from tests.cluster.kubernetes import Kubernetes, job, wait_until
from tests.support.command import workers_among

MOST_LOST_S = 5.0
SPEAKS_S = 7.0

# The harness as every pod has it, around work that says the time ten times a second; `greedy` takes memory until it is killed.
SPEAKER = """
import sys, time
from jobs import harness
greedy = "greedy" in sys.argv
def work(*_):
    held, started = [], time.time()
    while True:
        print(f"at {time.time():.3f}", flush=True)
        time.sleep(0.1)
        if greedy and time.time() - started > 6:
            held.append(b"x" * 2**24)
harness.run_task = work
sys.argv = [one for one in sys.argv if one != "greedy"]
sys.exit(harness.main(sys.argv[1:]))
"""


def start(kubernetes: Kubernetes, ours: Cluster, api: Api, store: Store, words: str) -> str:
    """Start a pod that speaks; return its run."""
    run = f"logs-{secrets.token_hex(3)}"
    plan = Plan(run=run, step="refine", attempt=1, key="k", inputs={}, parameters={}, tasks=(), code="")
    key = f"{artifact.folder('refine', 'k')}/plan-{run}-a001.json"
    store.put(key, records.encode(plan))
    environment = {key: value for key, value in ours.environment.items() if key.startswith("AWS_")}
    environment |= {"DARKROOM_STORE": store.url, "DARKROOM_S3_ENDPOINT": ours.environment["DARKROOM_S3_ENDPOINT"], "SPEAKER": run}
    command = ("python3", "-c", SPEAKER, *words.split(), "refine", "--plan", key)
    speaker = job(run, kubernetes.image("controller"), *command, environment=environment, memory="256Mi")
    kubernetes.kubectl("create", "--namespace", api.namespace, "--filename=-", given=speaker)
    return run


def said(store: Store, run: str) -> list[float]:
    """Return the times that the store knows the pod to have said."""
    text = b"".join(chunk for _, chunk in log.read(store, run, "refine")).decode()
    return [float(found) for found in re.findall(r"^at ([\d.]+)$", text, re.MULTILINE)]


def processes_of(run: str) -> list[int]:
    """Return the processes of a speaking pod, which are this machine's."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"SPEAKER={run}".encode() in (path / "environ").read_bytes().split(b"\0"):
                found.append(int(path.name))
    return found


def kill_all(kubernetes: Kubernetes, namespace: str, run: str) -> None:
    for pid in processes_of(run):
        os.kill(pid, signal.SIGKILL)


def kill_worker(kubernetes: Kubernetes, namespace: str, run: str) -> None:
    (worker,) = workers_among(processes_of(run))
    os.kill(worker, signal.SIGKILL)


def delete(kubernetes: Kubernetes, namespace: str, run: str) -> None:
    kubernetes.kubectl("delete", "pod", "--namespace", namespace, f"--selector=job-name={run}", "--force", "--grace-period=0")


def nothing(*_: Any) -> None:
    """It ends by itself."""


@pytest.mark.parametrize(
    ("words", "end"),
    [("", kill_all), ("", kill_worker), ("", delete), ("greedy", nothing)],
    ids=["killed", "worker killed", "deleted", "out of memory"],
)
def test_at_most_five_seconds_are_lost(words: str, end: Any, kubernetes: Kubernetes, ours: Cluster, api: Api, store: Store) -> None:
    run = start(kubernetes, ours, api, store, words)
    wait_until(lambda: bool(said(store, run)) and said(store, run)[-1] - said(store, run)[0] > SPEAKS_S - 5, 60)
    running = time.time()
    end(kubernetes, api.namespace, run)
    ended = time.time()
    while processes_of(run):
        ended = time.time()
        assert ended - running < 60
    last = ended if end is not nothing else max(ended - 1, running)
    lost = last - said(store, run)[-1]
    print(f"{lost:.1f} s lost of what was said")
    assert lost <= MOST_LOST_S
    steps = [after - before for before, after in zip(said(store, run), said(store, run)[1:], strict=False)]
    assert max(steps) < 2.0, "a hole in the middle"
