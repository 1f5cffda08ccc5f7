"""The process launcher: it runs the very dict a cluster would get, and nothing survives it."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from common.alive import process_start
from common.errors import BadInput
from jobs.controller.inprocess import Finished
from jobs.controller.launcher import Conflict
from jobs.controller.processes import ProcessLauncher, check_fields

ROOT = Path(__file__).resolve().parents[4]


def job(name: str = "j", completions: int = 1, command: list[str] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {"darkroom/run": "r"}},
        "spec": {
            "completions": completions,
            "parallelism": completions,
            "completionMode": "Indexed",
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "stage", "command": command or ["true"]}]}},
            **spec,
        },
    }


def until(condition: Callable[[], object], patience_s: float = 30.0) -> None:
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_a_field_that_would_be_dropped_in_silence_is_an_error() -> None:
    with pytest.raises(BadInput, match=r"spec.suspend, spec.template.spec.hostNetwork"):
        check_fields(
            {**job(suspend=True), "spec": {**job(suspend=True)["spec"], "template": {"spec": {"hostNetwork": True, "containers": [{}]}}}}
        )


def test_a_job_of_two_containers_or_without_indexes_is_refused() -> None:
    two = job()
    two["spec"]["template"]["spec"]["containers"] *= 2
    with pytest.raises(BadInput, match="one container"):
        check_fields(two)
    with pytest.raises(BadInput, match="Indexed"):
        check_fields(job(completionMode="NonIndexed"))


class Counting:
    """A spawn that counts and leaves the processes running until told."""

    def __init__(self) -> None:
        self.started: list[tuple[list[str], Mapping[str, str]]] = []
        self.code: int | None = None

    def __call__(self, command: list[str], environment: Mapping[str, str]) -> Any:
        self.started.append((command, environment))
        return Waiting(self)


class Waiting:
    def __init__(self, owner: Counting) -> None:
        self._owner = owner

    def poll(self) -> int | None:
        return self._owner.code

    def terminate(self) -> None:
        self._owner.code = -15

    def kill(self) -> None:
        self._owner.code = -9

    def wait(self) -> int:
        return -9


def test_the_same_job_is_adopted_and_another_under_its_name_is_a_conflict() -> None:
    spawn = Counting()
    launcher = ProcessLauncher(4, spawn)
    launcher.create(job())
    launcher.create(job())
    assert len(spawn.started) == 1
    with pytest.raises(Conflict, match="named j"):
        launcher.create(job(command=["false"]))
    launcher.close()


def test_no_more_processes_run_than_there_are_places() -> None:
    spawn = Counting()
    launcher = ProcessLauncher(3, spawn)
    launcher.create(job("a", completions=2))
    launcher.create(job("b", completions=5))
    assert len(spawn.started) == 3
    assert sum(status.active for status in launcher.observe("r")) == 3
    launcher.close()


def test_each_index_is_told_its_number() -> None:
    spawn = Counting()
    launcher = ProcessLauncher(8, spawn)
    launcher.create(job(completions=3))
    assert [environment["JOB_COMPLETION_INDEX"] for _, environment in spawn.started] == ["0", "1", "2"]
    launcher.close()


def test_runs_are_told_apart() -> None:
    launcher = ProcessLauncher(8, Counting())
    launcher.create(job())
    assert launcher.observe("another") == []
    launcher.close()


def test_a_retry_waits_a_little_longer_each_time() -> None:
    now = [0.0]
    started: list[float] = []

    def spawn(command: list[str], environment: Mapping[str, str]) -> Finished:
        started.append(now[0])
        return Finished(10)

    launcher = ProcessLauncher(1, spawn, now=lambda: now[0])
    launcher.create(job(backoffLimitPerIndex=3))
    while not launcher.observe("r")[0].condition:
        now[0] += 0.01
    assert [round(later - earlier, 1) for earlier, later in itertools.pairwise(started)] == [0.0, 1.0, 2.0]
    launcher.close()


def test_deleting_a_job_asks_its_processes_to_end_and_ends_those_that_do_not(tmp_path: Path) -> None:
    stubborn = f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open({str(tmp_path / 'up')!r}, 'w'); time.sleep(60)"
    launcher = ProcessLauncher(1)
    spec = job(command=[sys.executable, "-c", stubborn])
    spec["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 1
    launcher.create(spec)
    until((tmp_path / "up").exists)
    process = launcher._jobs["j"].running[0].process
    launcher.delete("j")
    assert process.poll() == -signal.SIGKILL
    assert launcher.observe("r") == []
    launcher.close()


def test_processes_die_with_a_killed_controller(tmp_path: Path) -> None:
    """The stage's own harness holds the lifeline; here a stand-in that holds it the same way."""
    worker = (
        "import os, time\n"
        "from jobs.harness import hold_lifeline\n"
        "hold_lifeline(os.environ)\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "time.sleep(60)\n"
    )
    controller = (
        "import sys, time\n"
        "from jobs.controller.processes import ProcessLauncher\n"
        "launcher = ProcessLauncher(1)\n"
        f"launcher.create({job(command=[sys.executable, '-c', worker])!r})\n"
        "time.sleep(60)\n"
    )
    running = subprocess.Popen([sys.executable, "-c", controller], env={**os.environ, "PYTHONPATH": str(ROOT)})
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    pid = int((tmp_path / "pid").read_text())
    running.kill()
    running.wait()
    until(lambda: not process_start(pid))


def test_what_killed_controllers_left_behind_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = tmp_path / f"darkroom-words-{2**22 + 1}-123-abc"
    dead.mkdir()
    (dead / "words").write_text("x")
    first = ProcessLauncher(1)
    assert not dead.exists()
    second = ProcessLauncher(1)
    assert len(list(tmp_path.iterdir())) == 2
    first.close()
    second.close()
    assert list(tmp_path.iterdir()) == []
