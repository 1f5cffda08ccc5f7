"""Whole runs in memory: the real driver, launcher and stages, without processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.records import Run
from common.store import Store
from jobs.controller import graph, runs, settings, submission
from jobs.controller.drive import Drive
from jobs.controller.inprocess import spawn_in
from jobs.controller.processes import ProcessLauncher, Spawn
from jobs.controller.runs import Known
from jobs.controller.site import Site
from jobs.controller.submission import Prepared

# A run that is small in every dimension.
SMALL = (
    "refine.backbone=gabor-layout",
    "train.cValues=[0.1,1]",
    "train.folds=2",
    "evaluate.resamples=100",
    "gate.resamples=100",
    "scrape.shardPictures=8",
)
# The same with fewer processes, for whom it does not matter how many there are.
ONE_SHARD = (*SMALL[:-1], "scrape.shardPictures=32")


def prepare(store: Store, source: Path | str, sets: Sequence[str] = SMALL, dataset: str = "mine") -> Prepared:
    """Look at a source as a submit does."""
    steps = graph.load()
    resolved = settings.read(steps, dataset, sets, str(source))
    return submission.prepare(store, steps, dataset, resolved)


def request(store: Store, source: Path | str, sets: Sequence[str] = SMALL, dataset: str = "mine", nodes: int = 1) -> Run:
    """Submit without driving; returns the run."""
    return submission.create(store, prepare(store, source, sets, dataset), nodes)


def drive(store: Store, run: Run, spawn: Spawn | None = None) -> Known:
    """Drive a run to its end in this process."""
    launcher = ProcessLauncher(slots=run.nodes, spawn=spawn or spawn_in(store))
    try:
        Drive(store, launcher, run, Site())()
    finally:
        launcher.close()
    return runs.read(store, run.run)


def resume(store: Store, run: Run) -> Known:
    """Go on with a run that ended before its end, as `darkroom resume` does."""
    for step, record in runs.read(store, run.run).records.items():
        if record.state != runs.DONE:
            store.delete(runs.record_key(run.run, step))
    return drive(store, run)


def submit(store: Store, source: Path | str, sets: Sequence[str] = SMALL, dataset: str = "mine", nodes: int = 1) -> Known:
    """Run a request to its end in this process."""
    return drive(store, request(store, source, sets, dataset, nodes))


def digests(known: Known) -> dict[str, str]:
    """Return each step's content digest."""
    return {step: record.ref.digest for step, record in known.records.items() if record.ref}
