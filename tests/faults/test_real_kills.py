"""Real kills of real processes: controllers and stages, at whatever they were doing."""

from __future__ import annotations

import functools
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import command
from tests.support.pictures import make_folder
from tests.support.whole import SMALL

PATIENCE_S = 60.0
pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="stage processes are found through /proc")


def objects(store: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(store / "artifacts"))  # which folders may leave while it looks


def wait_for(condition: Callable[[], object], what: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.01)


def newest_run(store: Path) -> str:
    found = sorted((store / "datasets" / "mine" / "runs").iterdir()) if (store / "datasets" / "mine" / "runs").exists() else []
    return found[-1].name if found else ""


def digests(store: Path) -> dict[str, str]:
    done = command.run(store, "status", newest_run(store), "--json")
    document = json.loads(done.stdout)
    assert document["state"] == "done", document
    return {stage["name"]: stage["content_digest"] for stage in document["stages"]}


def begin(store: Path, source: Path, log: Path) -> subprocess.Popen[bytes]:
    run = newest_run(store)
    if run:
        return command.start(store, "resume", run, log=log)
    return command.start(store, "submit", "mine", "--source", str(source), *command.sets(SMALL), log=log)


@pytest.mark.parametrize("count", [4, pytest.param(20, marks=pytest.mark.full)])
def test_kills_change_nothing(tmp_path: Path, count: int) -> None:
    source = make_folder(tmp_path / "pictures", {"bars": 12, "rows": 12})
    clean = tmp_path / "clean"
    done = command.run(clean, "submit", "mine", "--source", str(source), *command.sets(SMALL))
    assert done.returncode == 0, done.stderr
    expected = digests(clean)
    dice = random.Random(count)
    kills, rounds = {"controller": 0, "stage": 0}, 0
    while sum(kills.values()) < count:
        rounds += 1
        store, log = tmp_path / f"store-{rounds}", tmp_path / f"log-{rounds}"
        while True:
            running = begin(store, source, log)
            if sum(kills.values()) < count:
                _kill_something(running, store, kills, dice)
            if running.wait(timeout=PATIENCE_S) == 0:
                break
            assert running.returncode == -signal.SIGKILL, log.read_text()
            wait_for(functools.partial(_none_left, store), "stage processes outlived their controller")
        assert digests(store) == expected, log.read_text()
        assert len(list((store / "snapshots" / "mine").iterdir())) == 1
        assert command.processes_of(store) == []
    assert sum(kills.values()) == count
    assert min(kills.values()) >= count // 4


def _none_left(store: Path) -> bool:
    return not command.processes_of(store)


def _kill_something(running: subprocess.Popen[bytes], store: Path, kills: dict[str, int], dice: random.Random) -> None:
    """Wait until the run has moved on by a few objects, then kill its controller or one of its processes."""
    goal = objects(store) + dice.randint(1, 8)
    wait_for(lambda: running.poll() is not None or objects(store) >= goal, "the run does not move")
    if running.poll() is not None:
        return
    stages = command.processes_of(store)
    if stages and kills["stage"] <= kills["controller"]:
        victim, kind = dice.choice(stages), "stage"
    else:
        victim, kind = running.pid, "controller"
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        return
    kills[kind] += 1
