"""What a person sees of a running run: one live line a stage in a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import IO, Any, Protocol

from common import records
from common.errors import DarkroomError
from common.progress import Reporter, Throttled, duration, rate_and_left
from common.records import Progress
from common.store import Store
from jobs.controller.graph import Graph
from jobs.controller.plan import Observed, StepState

PIPE_EVERY_S, LIVE_EVERY_S = 10.0, 0.2
QUIET_S = 2.0  # what is over so soon needs no figures
CLEAR = "\r\x1b[2K"
MARKS = {"done": "✓", "cached": "✓", "running": "▸", "waiting": "·", "failed": "✗"}


@dataclass(frozen=True)
class StageLine:
    """A stage at one moment, in words. `detail` is progress, or what it waits for."""

    name: str
    state: str
    detail: str = ""


class View(Protocol):
    """Shows a run as it goes."""

    def __call__(self, seen: Observed) -> None:
        """Show what was observed."""

    def close(self) -> None:
        """Stop showing."""


def open_view(store: Store, run: str, steps: Graph, stream: IO[str] | None = None) -> View:
    """Return the view that fits where the output goes."""
    out = stream or sys.stderr
    lines = Lines(store, run, steps)
    return LiveView(lines, out) if out.isatty() else PlainView(lines, out)


class Lines:
    """From what was observed to one line for each stage."""

    def __init__(self, store: Store, run: str, steps: Graph) -> None:
        self._store = store
        self._run = run
        self._graph = steps

    def __call__(self, seen: Observed) -> list[StageLine]:
        return [self._line(stage.name, [state for state in seen.steps if state.stage.name == stage.name]) for stage in self._graph.stages]

    def _line(self, name: str, states: list[StepState]) -> StageLine:
        found = [state.record for state in states if state.record is not None]
        if len(found) == len(states):
            if all(record.cached for record in found):
                return StageLine(name, "cached")
            seconds = sum(record.seconds for record in found)
            items = max(record.fresh for record in found)
            speed = f", {items / seconds:.0f}/s" if seconds > 0 and items > 1 else ""
            return StageLine(name, "done", f"{items} in {duration(seconds)}{speed}")
        working = next((state for state in states if state.job is not None and not state.job.condition and state.record is None), None)
        if working is not None:
            held = f" ({working.job.trouble.text})" if working.job is not None and working.job.trouble is not None else ""
            return StageLine(name, "running", f"{working.step.summary}: {self._progress(working)}{held}")
        waiting = next(state for state in states if state.record is None)
        return StageLine(name, "running" if found else "waiting", "" if waiting.recipe else _waits_for(waiting))

    def _progress(self, state: StepState) -> str:
        """Say n/N, rate and time left over all indexes of a step."""
        assert state.job is not None  # noqa: S101 - only called for a working step
        tasks = max(1, len(state.tasks) or len(state.job.succeeded) + state.job.active)
        known = [progress for progress in self._read(state.step.name) if progress.total]
        if not known:
            return f"{len(state.job.succeeded)}/{tasks} shards" if state.step.fan_out else "working"
        done, total = sum(one.done for one in known), sum(one.total for one in known) * max(tasks, len(known)) // len(known)
        elapsed = max(one.elapsed_s for one in known) * max(1, len(known) / max(1, state.job.active + 1))
        speed, left = rate_and_left(done, total, elapsed)
        tail = f", {duration(left)} left" if left is not None else ""
        return f"{done}/{total} {known[-1].note or 'items'}, {speed:.0f}/s{tail}"

    def _read(self, step: str) -> list[Progress]:
        prefix = f"runs/{self._run}/progress/{step.replace('/', '.')}/"
        try:
            return [records.decode(self._store.get(one.key).data, Progress, one.key) for one in self._store.list(prefix)]
        except DarkroomError:  # progress is a courtesy; the run does not depend on it
            return []


def counting(stream: IO[str] | None = None, now: Callable[[], float] = time.monotonic) -> Reporter:
    """Return what shows, before there is a run, how far a longer piece of work is: n/N, rate and time left."""
    out = stream or sys.stderr
    live, started, shown = out.isatty(), now(), False

    def show(done: int, total: int, note: str = "") -> None:
        nonlocal shown
        elapsed = now() - started
        if elapsed < QUIET_S and not shown:
            return
        shown = True
        speed, left = rate_and_left(done, total, elapsed)
        tail = f", {duration(left)} left" if left is not None and done < total else ""
        end = "\n" if done == total or not live else ""
        print(f"{CLEAR if live else ''}{done}/{total} {note}, {speed:.0f}/s{tail}", end=end, file=out, flush=True)

    return Throttled(show, LIVE_EVERY_S if live else PIPE_EVERY_S, now)


class PlainView:
    """A line when a stage changes its state, and one now and then while it works."""

    def __init__(self, lines: Lines, out: IO[str], every_s: float = PIPE_EVERY_S) -> None:
        self._lines = lines
        self._out = out
        self._every_s = every_s
        self._shown: dict[str, StageLine] = {}
        self._last = time.monotonic()

    def __call__(self, seen: Observed) -> None:
        again = time.monotonic() - self._last >= self._every_s
        for line in self._lines(seen):
            before = self._shown.get(line.name)
            changed = before is None or before.state != line.state
            if line.state != "waiting" and (changed or (again and before != line)):
                print(f"{line.name:10} {line.state}{': ' if line.detail else ''}{line.detail}", file=self._out, flush=True)
                self._last = time.monotonic()
            self._shown[line.name] = line

    def close(self) -> None:
        """Nothing is held."""


class LiveView:
    """One line a stage, drawn over itself."""

    def __init__(self, lines: Lines, out: IO[str]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._lines = lines
        self._live = Live(console=Console(file=out), auto_refresh=False, transient=False)
        self._live.start()

    def __call__(self, seen: Observed) -> None:
        self._live.update(_drawn(self._lines(seen)), refresh=True)

    def close(self) -> None:
        self._live.stop()


def _drawn(lines: Iterable[StageLine]) -> Any:
    """Return the lines for a terminal; what does not fit is cut off at the end, where it matters least."""
    from rich.console import Group
    from rich.text import Text

    styles = {"done": "green", "cached": "green", "running": "bold", "failed": "red", "waiting": "dim"}
    return Group(
        *(
            Text(
                f"{MARKS.get(line.state, ' ')} {line.name:10} {line.state:8} {line.detail}",
                style=styles.get(line.state, ""),
                no_wrap=True,
                overflow="ellipsis",
            )
            for line in lines
        )
    )


def _waits_for(state: StepState) -> str:
    sources = [one.source.partition("/")[0] for one in state.step.inputs if not one.optional]
    others = sorted({source for source in sources if source != state.stage.name})
    return f"for {', '.join(others)}" if others else ""
