"""The worker in CNTK's interpreter: whatever happens to it is an error that says so, and it never outlives who started it."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.cntk import interpreter
from common.cntk.interpreter import Failed, Worker
from common.errors import BadInput, Retryable


@pytest.fixture
def worker(cntk: None) -> Iterator[Worker]:
    with Worker("training", seconds=60) as started:
        yield started


def test_where_cntk_is_not_set_up_the_error_says_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(interpreter.HOME, str(tmp_path))
    with pytest.raises(BadInput, match="make cntk"):
        Worker("training")
    assert not interpreter.is_there()


def test_each_version_has_its_own_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(interpreter.HOME, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert interpreter.place().parent == tmp_path / "darkroom"
    assert interpreter.place().name.startswith("cntk-")


def test_a_question_that_it_does_not_know_is_answered(worker: Worker) -> None:
    with pytest.raises(Failed, match="nothing_of_the_kind"):
        worker.ask("nothing_of_the_kind")
    with pytest.raises(Failed):
        worker.fetch("state")


@pytest.mark.parametrize(("how", "says"), [(signal.SIGSEGV, "SIGSEGV"), (signal.SIGKILL, "memory is short")])
def test_a_crash_is_an_error_with_the_last_words(worker: Worker, how: signal.Signals, says: str) -> None:
    with worker._errors.open("ab") as errors:
        errors.write(b"an assertion failed in the library")
    worker._process.send_signal(how)
    with pytest.raises(Retryable, match=f"(?s){says}.*an assertion failed"):
        worker.ask("state")
    assert not worker._folder.exists()


def test_a_worker_that_hangs_is_ended(worker: Worker) -> None:
    worker._seconds = 0.2
    worker._process.send_signal(signal.SIGSTOP)
    with pytest.raises(Retryable, match="in time"):
        worker.fetch("state")
    assert worker._process.returncode == -signal.SIGKILL


def test_it_dies_with_who_started_it_even_stopped_in_the_middle(cntk: None) -> None:
    code = """
import os, sys
from common.cntk.interpreter import Worker
worker = Worker("training")
print(worker._process.pid, worker._folder, flush=True)
sys.stdin.read()
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, folder = parent.stdout.readline().split()
    ended = os.pidfd_open(int(pid))
    os.kill(int(pid), signal.SIGSTOP)
    parent.kill()
    parent.communicate()
    assert select.select([ended], [], [], 30)[0]
    os.close(ended)
    assert Path(folder).exists()  # nobody was left to remove it
    shutil.rmtree(folder)
