"""A long list of URLs on a rough web, by a run that is killed again and again: each has its row, and servers are asked about once."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import shards
from common.artifact import Artifact, find_sound
from common.dataset import rows_of
from common.store import Store, open_store
from jobs.controller import runs
from tests.support import command
from tests.support.servers import free_port
from tests.support.web import LOOPBACK

KILLS = 5
HOSTS, DEAD_HOSTS = 400, 20  # 5 %
NODES = 2
MOST_REQUESTS = 1.15  # a URL, where they are many
TRIED_AGAIN, LOST = (
    1.07,
    450,
)  # few: what goes wrong is asked for again, and what a process was just fetching and packing when it was killed
PATIENCE_S = 1500.0


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a rough web."""
    process = subprocess.Popen([sys.executable, "-m", "tests.support.rough_web"], cwd=command.ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def urls(count: int, port: int, closed: int) -> list[str]:
    """Return URLs spread over hosts; nobody listens at the dead ones."""
    found = []
    for number in range(count):
        host = number % HOSTS
        found.append(f"http://127.0.{host // 200 + 1}.{host % 200 + 1}:{closed if host < DEAD_HOSTS else port}/{number}.jpg")
    return found


def counted(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/count", timeout=30) as answer:
        return int(answer.read())


class Submitted:
    """A run of the list by the command, as often as it takes."""

    def __init__(self, store: Path, listed: Path, environment: dict[str, str]) -> None:
        self.store, self.listed, self.environment = store, listed, environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = ("submit", "many", "--source", str(self.listed), "--nodes", str(NODES), "--set", "refine.backbone=gabor-layout")
        with (self.store.parent / "log").open("ab") as log:
            environment = command.environment(self.store, **self.environment)
            self.process = subprocess.Popen([*command.MAIN, *words], env=environment, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        wait_until(lambda: not command.processes_of(self.store))

    def ended(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None


def wait_until(holds: object) -> None:
    until = time.monotonic() + PATIENCE_S
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < until, "it takes too long"
        time.sleep(0.1)


def snapshot(store: Store) -> Artifact | None:
    """Return the newest run's snapshot, when it has one."""
    names = runs.names(store)
    record = runs.sound_records(store, names[-1][1]).get("scrape/snapshot") if names else None
    if record is None or record.ref is None:
        return None
    found = find_sound(store, record.ref.step, record.ref.key)
    return Artifact(store, found) if found else None


@pytest.mark.parametrize("count", [4_000, pytest.param(100_000, marks=pytest.mark.full)])
def test_every_url_has_one_row_and_every_picture_is_kept_once(count: int, port: int, tmp_path: Path) -> None:
    closed = free_port()
    names = urls(count, port, closed)
    listed = tmp_path / "list.tsv"
    listed.write_text("".join(f"{'even' if number % 2 else 'odd'}\t{url}\n" for number, url in enumerate(names)))
    environment = {
        "DARKROOM_WEB_NETWORKS": LOOPBACK,
        "DARKROOM_WEB_PORTS": f"{port},{closed}",
        "DARKROOM_CONTACT": "tests@darkroom.example",
    }
    run = Submitted(tmp_path / "store", listed, environment)
    for kill in range(1, KILLS + 1):
        run.start()
        wait_until(lambda: counted(port) >= count * kill // (KILLS + 1) or run.ended())  # noqa: B023 - it is called at once
        assert not run.ended(), (tmp_path / "log").read_text()[-2000:]
        run.kill()
    run.start()
    store = open_store(run.store.as_uri())
    wait_until(lambda: snapshot(store) is not None or run.ended())
    run.kill()
    found = snapshot(store)
    assert found is not None, (tmp_path / "log").read_text()[-2000:]
    requests = counted(port)

    rows = rows_of(found)
    assert sorted(row.name for row in rows) == sorted(names)
    dead = [row for row in rows if f":{closed}/" in row.name]
    assert len(dead) == count * DEAD_HOSTS // HOSTS
    assert all(row.heals and not row.id for row in dead)
    failed = [row for row in rows if not row.id and f":{closed}/" not in row.name]
    assert len(failed) <= count * 0.002, {row.reason for row in failed}  # three misfortunes one after the other
    assert all(row.heals for row in failed)
    packed = [entry.id for unit in found.units for entry in shards.read_index(unit)]
    assert len(packed) == len(set(packed))
    assert set(packed) == {row.id for row in rows if row.id}
    print(f"{requests} requests for {count} URLs: {requests / count:.3f}")
    assert requests <= max(MOST_REQUESTS * count, TRIED_AGAIN * count + KILLS * NODES * LOST)
