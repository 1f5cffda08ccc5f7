"""What a person sees while a run goes on."""

from __future__ import annotations

import dataclasses
import io
import re

import pytest

from common import records
from common.records import Progress, Recipe, StageRecord, Task
from common.store.memory import MemoryStore
from jobs.controller import graph
from jobs.controller.launcher import JobStatus, Trouble
from jobs.controller.plan import Observed, StepState
from jobs.controller.view import CLEAR, Lines, LiveView, PlainView, counting, open_view

STEPS = graph.load()
RECIPE = Recipe(step="x", parameters={}, inputs={}, code="")


def seen(working: str = "", done: tuple[str, ...] = (), *, cached: bool = False, tasks: int = 2) -> Observed:
    states = []
    for stage, step in STEPS.steps:
        if step.name in done:
            record = StageRecord(step=step.name, state="done", cached=cached, ref=None, recipe=None, seconds=2.0, items=10, fresh=10)
            states.append(StepState(stage, step, record=record))
        elif step.name == working:
            job = JobStatus("j", {}, active=1, succeeded=frozenset({0}))
            every = tuple(Task(unit=str(number), recipe=RECIPE, key=str(number)) for number in range(tasks))
            states.append(StepState(stage, step, recipe=RECIPE, tasks=every, job=job))
        else:
            states.append(StepState(stage, step))
    return Observed(tuple(states))


def line(lines: Lines, observed: Observed, name: str) -> tuple[str, str]:
    found = next(one for one in lines(observed) if one.name == name)
    return found.state, found.detail


def test_a_stage_says_what_it_waits_for(memory: MemoryStore) -> None:
    lines = Lines(memory, "r", STEPS)
    assert line(lines, seen(), "train") == ("waiting", "for curate, dedup, featurize, refine")


def test_a_stage_whose_pods_cannot_start_says_why(memory: MemoryStore) -> None:
    observed = seen("featurize")
    steps = [
        dataclasses.replace(one, job=dataclasses.replace(one.job, trouble=Trouble("room", "no node has room"))) if one.job else one
        for one in observed.steps
    ]
    assert line(Lines(memory, "r", STEPS), Observed(tuple(steps)), "featurize")[1].endswith("(no node has room)")


def test_a_finished_stage_says_how_much_and_how_fast(memory: MemoryStore) -> None:
    lines = Lines(memory, "r", STEPS)
    assert line(lines, seen(done=("featurize",)), "featurize") == ("done", "10 in 2 s, 5/s")
    assert line(lines, seen(done=("featurize",), cached=True), "featurize") == ("cached", "")


def test_a_working_stage_says_how_far_how_fast_and_how_long_still(memory: MemoryStore) -> None:
    progress = Progress(done=30, total=50, note="pictures", elapsed_s=10.0)
    memory.put("runs/r/progress/featurize/00000.json", records.encode(progress))
    state, detail = line(Lines(memory, "r", STEPS), seen("featurize"), "featurize")
    assert state == "running"
    assert detail == "compute one vector for each picture: 30/100 pictures, 3/s, 23 s left"


def test_a_stage_without_progress_yet_counts_shards(memory: MemoryStore) -> None:
    assert line(Lines(memory, "r", STEPS), seen("featurize"), "featurize")[1].endswith("1/2 shards")


def test_damaged_progress_is_no_harm(memory: MemoryStore) -> None:
    memory.put("runs/r/progress/featurize/00000.json", b"not progress")
    assert line(Lines(memory, "r", STEPS), seen("featurize"), "featurize")[0] == "running"


def test_a_pipe_gets_a_line_for_each_change_and_no_more(memory: MemoryStore) -> None:
    out = io.StringIO()
    view = open_view(memory, "r", STEPS, out)
    assert isinstance(view, PlainView)
    for observed in (seen(), seen("featurize"), seen("featurize"), seen(done=("featurize",))):
        view(observed)
    view.close()
    assert [text.split()[:2] for text in out.getvalue().splitlines()] == [["featurize", "running:"], ["featurize", "done:"]]


def test_a_long_stage_speaks_up_now_and_then(memory: MemoryStore) -> None:
    out = io.StringIO()
    view = PlainView(Lines(memory, "r", STEPS), out, every_s=0.0)
    view(seen("featurize"))
    memory.put("runs/r/progress/featurize/00000.json", records.encode(Progress(done=1, total=2, elapsed_s=1.0)))
    view(seen("featurize"))
    assert len(out.getvalue().splitlines()) == 2


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_one_line_a_stage_even_a_narrow_one(memory: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    view = open_view(memory, "r", STEPS, out)
    assert isinstance(view, LiveView)
    view(seen("featurize"))
    view.close()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    assert all(stage.name in text for stage in STEPS.stages)
    assert max(len(line) for line in text.splitlines()) <= 30


def test_work_before_the_run_is_shown_with_rate_and_time_left_when_it_takes_longer() -> None:
    out, clock = Terminal(), [0.0]
    report = counting(out, lambda: clock[0])
    for done, at in ((1, 1.0), (40, 4.0), (41, 4.1), (80, 8.0)):
        clock[0] = at
        report(done, 80, "pictures sent")
    assert out.getvalue() == f"{CLEAR}40/80 pictures sent, 10/s, 4 s left{CLEAR}80/80 pictures sent, 10/s\n"


def test_a_pipe_gets_a_line_now_and_then_and_short_work_none() -> None:
    out, clock = io.StringIO(), [0.0]
    report = counting(out, lambda: clock[0])
    for done, at in ((1, 0.1), (4, 1.9)):
        clock[0] = at
        report(done, 4, "pictures listed")
    assert out.getvalue() == ""
    slow = counting(out, lambda: clock[0])
    for done in range(1, 5):
        clock[0] += 6.0
        slow(done, 4, "pictures listed")
    assert out.getvalue().splitlines() == [
        "1/4 pictures listed, 0/s, 18 s left",
        "3/4 pictures listed, 0/s, 6 s left",
        "4/4 pictures listed, 0/s",
    ]
