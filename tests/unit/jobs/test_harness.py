"""The harness: exceptions become exit codes, words reach the store, nothing outlives its parent."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common import artifact, log, records
from common.errors import BadInput, Damaged, OtherCode, StoreUnavailable
from common.progress import silent
from common.records import Failure, Plan, Recipe, Task
from common.store import open_store
from common.store.memory import MemoryStore
from jobs import harness
from jobs.controller import graph
from tests.support import command


def plan_for_refine(store: object, *, code: str = "", backbone: str = "gabor-layout") -> str:
    """Write a plan for the shortest stage; returns its key."""
    stage = graph.load().stage("refine")
    parameters = {"refine.backbone": backbone, "refine.inputResolution": 0}
    recipe = Recipe(step="refine", parameters=parameters, inputs={}, code=code or graph.load().code()["refine"])
    plan = Plan(
        run="r",
        step="refine",
        attempt=1,
        key=recipe.key,
        inputs={},
        parameters=parameters,
        tasks=(Task(unit="", recipe=recipe, key=recipe.key),),
        code=recipe.code,
    )
    store.put("plans/p.json", records.encode(plan))  # type: ignore[attr-defined]
    assert stage.name == "refine"
    return "plans/p.json"


def test_a_task_commits_its_artifact_with_where_it_came_from(memory: MemoryStore) -> None:
    made = harness.run_task(memory, "refine", plan_for_refine(memory), 0, silent)
    assert made is not None
    assert made == artifact.find(memory, "refine", made.key)
    assert made.plan == "plans/p.json"
    assert set(made.provenance) == {"host", "python", "image", "run", "seconds"}


def test_a_task_whose_artifact_is_there_does_nothing(memory: MemoryStore) -> None:
    key = plan_for_refine(memory)
    harness.run_task(memory, "refine", key, 0, silent)
    before = memory.snapshot()
    assert harness.run_task(memory, "refine", key, 0, silent) is None
    assert memory.snapshot() == before


def test_an_image_of_other_code_refuses_the_plan(memory: MemoryStore) -> None:
    with pytest.raises(OtherCode, match="Build the images again"):
        harness.run_task(memory, "refine", plan_for_refine(memory, code="0" * 64), 0, silent)


def test_an_index_beyond_the_plan_is_an_error(memory: MemoryStore) -> None:
    with pytest.raises(BadInput, match="has 1 tasks"):
        harness.run_task(memory, "refine", plan_for_refine(memory), 1, silent)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput("no"), 20),
        (StoreUnavailable("no"), 10),
        (Damaged("gone", step="s", key="k"), 20),
        (MemoryError(), 10),
        (OSError("disk"), 10),
        (ZeroDivisionError(), 20),
    ],
)
def test_last_words_say_the_error_and_its_exit_code(error: Exception, code: int, tmp_path: Path) -> None:
    harness.leave_last_words(error, str(tmp_path / "words"))
    words = records.decode((tmp_path / "words").read_bytes(), Failure, "words")
    assert (words.error, words.exit_code) == (type(error).__name__, code)
    assert words.damaged == (("s", "k") if isinstance(error, Damaged) else None)


def test_last_words_fit_into_a_pod_s_message(tmp_path: Path) -> None:
    harness.leave_last_words(BadInput("x" * 100_000), str(tmp_path / "words"))
    assert (tmp_path / "words").stat().st_size < 4096


def run(store: Path, key: str) -> subprocess.CompletedProcess[bytes]:
    words = {harness.LAST_WORDS: str(store.parent / "words")}
    return subprocess.run(
        [sys.executable, "-m", "jobs", "refine", "--plan", key],
        env=command.environment(store, **words),
        stdout=subprocess.PIPE,
        cwd=command.ROOT,
        timeout=60,
        check=False,
    )


def test_a_real_process_does_its_task(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    assert run(tmp_path / "store", plan_for_refine(store)).returncode == 0
    assert next(store.list("artifacts/refine/")).key.endswith("manifest.json")


def test_a_failing_process_ends_with_its_code_its_words_and_its_log(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    assert run(tmp_path / "store", plan_for_refine(store, backbone="nothing")).returncode == 20
    assert "There is no backbone 'nothing'" in records.decode((tmp_path / "words").read_bytes(), Failure, "words").message
    ((index, text),) = log.read(store, "r", "refine")
    assert index == 0
    assert b"There is no backbone 'nothing'" in text
    assert b"Traceback" not in text


def test_a_process_without_a_plan_says_so(tmp_path: Path) -> None:
    done = run(tmp_path / "store", "plans/none.json")
    assert done.returncode == 20
    assert b"plans/none.json" in done.stdout


def test_the_log_survives_a_worker_that_is_killed(tmp_path: Path) -> None:
    """The worker says a line and waits; it is killed with -9, and its line is in the store."""
    overseen = (
        "import os, sys, time\n"
        "from jobs import harness\n"
        "def work(*_):\n"
        "    print('last line before the end', flush=True)\n"
        f"    open({str(tmp_path / 'worker')!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(60)\n"
        "harness.run_task = work\n"
        "sys.exit(harness.main(sys.argv[1:]))\n"
    )
    store = open_store(str(tmp_path / "store"))
    key = plan_for_refine(store)
    environment = {**command.environment(tmp_path / "store"), harness.LAST_WORDS: str(tmp_path / "words")}
    overseer = subprocess.Popen([sys.executable, "-c", overseen, "refine", "--plan", key], env=environment, stdout=subprocess.DEVNULL)
    worker = _pid_in(tmp_path / "worker")
    os.kill(worker, signal.SIGKILL)
    assert overseer.wait(timeout=60) == 137
    assert log.read(store, "r", "refine") == [(0, b"last line before the end\n")]
    words = records.decode((tmp_path / "words").read_bytes(), Failure, "words")
    assert re.fullmatch(r"The worker was ended by SIGKILL; its memory had peaked at \d+ MiB\.", words.message)


def _pid_in(path: Path) -> int:
    until = time.monotonic() + 60
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return int(path.read_text())
