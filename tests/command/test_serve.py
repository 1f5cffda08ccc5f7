"""`darkroom serve` as a process: what it says, how it ends."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from common.store.local import LocalStore
from tests.support import served
from tests.support.served import DATASET


@contextlib.contextmanager
def process(store: LocalStore, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield a service's process and its address."""
    command = [sys.executable, "-m", "jobs.controller", "serve", DATASET, "--port", "0", "--workers", "1", *options]
    environment = {**os.environ, "DARKROOM_STORE": store.url}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stderr is not None
            said = iter(child.stderr.readline, "")
            url = next(found[0] for line in said if (found := re.search(r"http://\S+", line)))
            yield child, url
        finally:
            child.kill()


def ask(url: str, data: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, data, {"Content-Type": "image/jpeg"} if data else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, dict(reply.headers), reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def test_told_to_end_it_is_not_ready_answers_for_a_while_then_those_inside_and_ends_well(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    version = served.publish(store)
    with process(store, "--linger-s", "3") as (child, url):
        assert json.loads(ask(f"{url}classify", served.picture())[2])["version"] == version
        stop = threading.Event()
        statuses: list[int] = []

        def go_on() -> None:
            while not stop.is_set():
                try:
                    statuses.append(ask(f"{url}classify", served.picture())[0])
                except http.client.RemoteDisconnected:
                    statuses.append(0)  # taken in, and then left without an answer
                except (urllib.error.URLError, ConnectionResetError):
                    return  # the port is closed, and whoever still stood in the kernel's queue before it was sent away

        threads = [threading.Thread(target=go_on) for _ in range(3)]
        for thread in threads:
            thread.start()
        child.send_signal(signal.SIGTERM)
        served.until(lambda: ask(f"{url}v2/health/ready")[0] == 503)
        status, headers, _ = ask(f"{url}classify", served.picture())
        assert (status, headers.get("connection", headers.get("Connection"))) == (200, "close")
        assert child.wait(60) == 0
        stop.set()
        for thread in threads:
            thread.join(60)
        assert set(statuses) == {200}


def test_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    served.publish(store)
    with process(store, "--linger-s", "3600") as (child, _):
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 0


def test_without_a_model_it_says_what_makes_one(tmp_path: Path) -> None:
    environment = {**os.environ, "DARKROOM_STORE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "jobs.serve", DATASET], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 3
    assert f"make submit DATASET={DATASET}" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_follows_a_store_that_another_process_writes(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    served.publish(store, 1)
    with process(store, "--poll-s", "0.1") as (_, url):
        newer = served.publish(store, 2)
        served.until(lambda: json.loads(ask(f"{url}classify", served.picture())[2])["version"] == newer)
