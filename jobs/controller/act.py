"""What the commands do, without how they look."""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from common import artifact, records
from common import explain as explaining
from common.errors import Refused, UnknownName, did_you_mean
from common.model import version_of
from common.records import Cancel, Plan, Pointer, Run, Scale
from common.store import Store
from jobs.controller import graph, history, pointer, runs, settings, submission
from jobs.controller.drive import Drive
from jobs.controller.forecast import Forecast, Line
from jobs.controller.processes import ProcessLauncher
from jobs.controller.render import render
from jobs.controller.runs import Known
from jobs.controller.site import Site, this_machine, usable_cores
from jobs.controller.submission import Prepared
from jobs.controller.view import counting, open_view

FOLLOW_EVERY_S = 1.0
CANCEL_PATIENCE_S = 40.0


def submit(store: Store, dataset: str, source: str, assignments: Sequence[str], nodes: int | None, again: Mapping[str, bool]) -> Known:
    """Run a request on this machine to its end, or follow the run that answers it already.

    `again` says what a source's servers are to be asked again (the fields of Asked).
    """
    steps = graph.load()
    resolved = settings.read(steps, dataset, assignments, source)
    ask = submission.ask_again(resolved.values.text("source"), **again)
    return run_here(store, submission.prepare(store, steps, dataset, resolved, counting(), ask=ask), nodes)


def run_here(store: Store, prepared: Prepared, nodes: int | None) -> Known:
    """Run what may start on this machine to its end, or follow the run that answers it already."""
    run, new = submission.attach_or_create(store, prepared, nodes or usable_cores())
    if not new:
        return follow(store, run.run)
    return _drive(store, run)


def resume(store: Store, known: Known) -> Known:
    """Go on with a run that has not come to its end.

    Raises:
        Refused: the code has changed since; a new submit finds all that was finished.
    """
    if known.condition == runs.DONE:
        return known
    if known.condition == runs.RUNNING:
        return follow(store, known.run.run)
    _reopen(store, known)
    if known.run.namespace:
        from jobs.controller import remote

        return remote.resume(store, known)
    return _drive(store, known.run)


def _reopen(store: Store, known: Known) -> None:
    """Forget how a run ended, so that it can go on. Raises Refused where the code has changed."""
    if graph.load(known.run.goal).code() != known.run.code:
        raise Refused(
            f"Darkroom's code has changed since {known.run.run} was submitted. Submit again: what did not change is found, not redone."
        )
    store.delete(runs.cancel_key(known.run.run))
    for step, record in known.records.items():
        if record.state != runs.DONE:
            store.delete(runs.record_key(known.run.run, step))


def _drive(store: Store, run: Run) -> Known:
    steps = graph.load(run.goal)
    view = open_view(store, run.run, steps)
    launcher = ProcessLauncher(slots=run.nodes)
    drive = Drive(store, launcher, run, this_machine(store.url), watch=view)
    try:
        with _cancel_on_interrupt(store, run.run):
            drive()
    finally:
        launcher.close()
        view.close()
    return runs.read(store, run.run)


@contextmanager
def _cancel_on_interrupt(store: Store, run: str) -> Iterator[None]:
    """Let Ctrl-C (or SIGTERM) cancel the run in order; a second one ends at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = threading.Event()

    def on_signal(number: int, _: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        _ask_to_cancel(store, run, signal.Signals(number).name)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def follow(store: Store, run: str) -> Known:
    """Wait for a run that another process drives."""
    while True:
        known = runs.read(store, run)
        if known.condition != runs.RUNNING:
            return known
        time.sleep(FOLLOW_EVERY_S)


def forecast(
    store: Store, dataset: str, source: str, assignments: Sequence[str], environment: Mapping[str, str] = os.environ
) -> list[Line]:
    """Say what a submit would do; writes nothing."""
    steps = graph.load()
    resolved = settings.read(steps, dataset, assignments, source)
    prepared = submission.prepare(store, steps, dataset, resolved, environment=environment)
    return Forecast(store, steps, prepared, runs.last_records(store, dataset, most=len(steps.steps)), history.pace(store, dataset))()


def explain(store: Store, known: Known, stage: str) -> dict[str, str]:
    """Return step -> why it ran or was cached."""
    steps = graph.load(known.run.goal)
    wanted = {step.name for one in ([steps.stage(stage)] if stage else steps.stages) for step in one.steps}
    before = runs.last_records(store, known.run.dataset, known.run.run, most=len(steps.steps))
    found = explaining.lines(known.records, before)
    found |= {name: f"waits since {held.since}: {held.text}" for name, held in known.waiting.items()}
    return {step.name: found.get(step.name, "it has not run") for _, step in steps.steps if step.name in wanted}


def cancel(store: Store, known: Known) -> str:
    """End a run: its driver does it, or we do where the driver is gone. Returns a sentence."""
    name = known.run.run
    if known.condition in (runs.DONE, runs.FAILED, runs.CANCELLED):
        return f"{name} has ended already ({known.condition})."
    _ask_to_cancel(store, name, "darkroom cancel")
    until = time.monotonic() + CANCEL_PATIENCE_S
    while runs.read(store, name).condition == runs.RUNNING and time.monotonic() < until:
        time.sleep(0.2)
    if runs.read(store, name).condition == runs.INTERRUPTED:
        _end_for_dead_driver(store, known.run)
    return f"{name} is {runs.read(store, name).condition}."


def _ask_to_cancel(store: Store, run: str, by: str) -> None:
    store.put(runs.cancel_key(run), records.encode(Cancel(asked=runs.now_text(), by=by)))


def _end_for_dead_driver(store: Store, run: Run) -> None:
    """A dead driver's processes died with it, its Jobs may not have; the state is left to write."""
    if run.namespace:
        from jobs.controller import remote
        from jobs.controller.kubernetes import connect

        remote.clear(connect(run.namespace), run.run)
    runs.end(store, run.run, runs.CANCELLED, "cancelled by a person", writer="cancel")


def scale(store: Store, known: Known, nodes: int) -> str:
    """Let a run work with so many processes or pods at once from now on. Returns a sentence."""
    name = known.run.run
    if known.condition != runs.RUNNING:
        raise Refused(f"{name} does not run ({known.condition}); only a running run can be scaled.")
    store.put(runs.scale_key(name), records.encode(Scale(nodes=nodes, asked=runs.now_text(), by="darkroom scale")))
    return f"{name} works with up to {nodes} {'pods' if known.run.namespace else 'processes'} at once from now on."


def promote(store: Store, known: Known, *, pin: bool) -> str:
    """Let a run's model serve because a person says so. Returns a sentence; raises Refused where the run has no model."""
    trained, gate = known.records.get(history.TRAIN), known.records.get(history.GATE)
    made = known.records.get(history.SNAPSHOT)
    if trained is None or trained.ref is None or gate is None or gate.ref is None or made is None:
        raise Refused(f"Run {known.run.run} has no model that was measured; it did not come as far as the gate.")
    candidate = Pointer(
        dataset=known.run.dataset,
        sequence=0,
        run=known.run.run,
        snapshot=int(made.info["snapshot"]),
        version=version_of(trained.ref),
        model=trained.ref,
        gate=gate.ref,
        writer=secrets.token_hex(8),
    )
    return _served(pointer.promote(store, candidate, pin=pin))


def pin(store: Store, dataset: str, *, pinned: bool) -> str:
    """Pin or unpin what serves. Returns a sentence."""
    return _served(pointer.pin(store, dataset, secrets.token_hex(8), pinned=pinned))


def roll_back(store: Store, dataset: str) -> str:
    """Go back to the model that served before, and pin it. Returns a sentence."""
    return _served(pointer.roll_back(store, dataset, secrets.token_hex(8)))


def _served(now: Pointer) -> str:
    how = "pinned: no run replaces it until it is unpinned" if now.pinned else "not pinned: the next run that passes the gate replaces it"
    return f"{now.dataset} is served by model {now.version} of run {now.run} ({how})."


def fetch_report(store: Store, known: Known, output: str | None) -> str:
    """Return the path of a run's report, written to `output` or a temporary file where the store is no folder."""
    record = known.records.get(history.EVALUATE)
    url = history.part_url(store, record, history.REPORT)
    if url is None or record is None or record.ref is None:
        raise Refused(f"Run {known.run.run} has no report: it did not come as far as evaluate.")
    data = artifact.read_ref(store, record.ref).read(history.REPORT)
    if output is None and Path(url).is_file():
        return url
    path = Path(output) if output else Path(tempfile.mkdtemp(prefix="darkroom-report-")) / f"{known.run.run}.html"
    path.write_bytes(data)
    return str(path)


def fetch_files(store: Store, known: Known, stage: str, folder: str) -> tuple[Path, int]:
    """Write a stage's files to a folder; units get folders of their own. Returns the folder and the count."""
    target = Path(folder or f"{known.run.run}-{stage}")
    count = 0
    for step in graph.load(known.run.goal).stage(stage).steps:
        record = known.records.get(step.name)
        if record is None or record.ref is None:
            raise Refused(f"Run {known.run.run} has not finished {step.name}; there is nothing to get yet.")
        found = artifact.read_ref(store, record.ref)
        place = target / step.name.partition("/")[2]
        for reader, base in [(found, place), *((unit, place / unit.name) for unit in found.units)]:
            base.mkdir(parents=True, exist_ok=True)
            for name in reader.names():
                (base / name).write_bytes(reader.read(name))
                count += 1
    return target, count


def rendered(store: Store, known: Known, stage: str) -> list[dict[str, Any]]:
    """Return the Jobs of a run, for a cluster: one for each plan that it wrote."""
    steps = graph.load(known.run.goal)
    jobs = []
    for one in [steps.stage(stage)] if stage else steps.stages:
        for step in one.steps:
            record = known.records.get(step.name)
            if record is None or record.recipe is None:
                continue
            prefix = f"{artifact.folder(step.name, record.recipe.key)}/plan-{known.run.run}-"
            for found in store.list(prefix):
                plan = records.decode(store.get(found.key).data, Plan, found.key)
                jobs.append(render(one, plan, found.key, known.run.nodes, Site()))
    return jobs


def parameters(name: str) -> list[dict[str, Any]]:
    """Return all declared settings, or one by name or alias. Raises UnknownName."""
    steps = graph.rooms()
    found = [
        {
            "stage": stage.name,
            "name": one.name,
            "default": one.default,
            "unit": one.unit,
            "kind": one.kind,
            "low": one.low,
            "high": one.high,
            "choices": list(one.choices),
            "aliases": list(one.aliases),
            "help": one.help,
        }
        for stage in steps.stages
        for one in stage.parameters
    ]
    if not name:
        return found
    chosen = [one for one in found if name == one["name"] or name in one["aliases"]]
    if not chosen:
        names = [known for one in found for known in (one["name"], *one["aliases"])]
        raise UnknownName(f"There is no parameter {name!r}.{did_you_mean(name, names)}")
    return chosen
