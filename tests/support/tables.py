"""Light tables: a store with a run in it, and the service as a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from common import records, runs, shards
from common.artifact import Draft
from common.dataset import TEST, TRAIN, VERSION, Entry
from common.images import image_id
from common.records import Progress, Recipe, Ref, Run, StageRecord, State
from common.store import Store
from common.suspects import SUSPECTS, Suspect, suspect
from common.tables import write_table
from tests.support.pictures import drawing, encode

NOW = "2026-01-01T00:00:00+00:00"
TOKEN = "a-token-for-tests"
NAME = "{label}/{number:05d}.jpg"
CLASSES = ("bars", "rows", "spots")


@dataclass
class Service:
    """A light table that answers at `url`."""

    process: subprocess.Popen[str]
    url: str

    @property
    def door(self) -> str:
        return f"{self.url}/?token={TOKEN}"

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=20)


@contextlib.contextmanager
def serve(store: Store, dataset: str = "mine") -> Iterator[Service]:
    """Start a light table at a free port."""
    environment = {**os.environ, "DARKROOM_STORE": store.url, "DARKROOM_LIGHTTABLE_TOKEN": TOKEN}
    command = [sys.executable, "-m", "jobs.lighttable", dataset, "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.endswith("/?token=$DARKROOM_LIGHTTABLE_TOKEN\n"), line
            yield Service(process, line.rpartition(" ")[2].partition("/?")[0])
        finally:
            process.kill()


def fill(
    store: Store,
    count: int,
    dataset: str = "mine",
    *,
    classes: Sequence[str] = CLASSES,
    side: int = 64,
    name: str = NAME,
) -> list[Entry]:
    """Put a run into the store that has `count` pictures on the table; returns its rows."""
    drawn = {label: [encode(drawing(label, seed, side), "JPEG", quality=85) for seed in range(8)] for label in classes}
    draft = Draft(store, Recipe(step="scrape/snapshot", parameters={"count": count, "dataset": dataset}, inputs={}, code=""))
    entries, waiting = [], []
    for number in range(count):
        label = classes[number % len(classes)]
        data = drawn[label][number % 8] + b"\0" + number.to_bytes(4, "big")  # what follows a JPEG's end is not looked at
        waiting.append(shards.Picture(image_id(data), "jpg", data, side, side))
        entries.append(
            Entry(
                id=image_id(data),
                name=name.format(label=label, number=number),
                label=label,
                source_label=label,
                group=f"g{number}",
                side=TEST if number % 4 == 0 else TRAIN,
                kept=True,
                reason="",
                first=1,
                licence="CC BY 4.0",
            )
        )
        if len(waiting) == 512 or number == count - 1:
            draft.write_unit(f"shard-{number:06d}", shards.pack(waiting))
            waiting = []
    version = Draft(store, Recipe(step="dedup/dataset", parameters={"count": count, "dataset": dataset}, inputs={}, code=""))
    version.write(VERSION, write_table(entries, Entry))
    finish(store, dataset, {"scrape/snapshot": draft.commit().ref, "dedup/dataset": version.commit().ref})
    return entries


def curate(store: Store, entries: Sequence[Entry], suspects: int, crowd: int, dataset: str = "mine") -> str:
    """Let a run have found the first rows suspicious: crowds of `crowd`, each second crowd with a class to go to; returns its name."""
    labels = sorted({entry.label for entry in entries})
    rows = [
        suspect(
            entry,
            score=0.99 - 0.4 * place / suspects if place < suspects else 0.005,
            suspicious=place < suspects,
            reason="it looks like nothing else here",
            suggested=labels[labels.index(entry.label) - 1] if place < suspects and place // crowd % 2 else "",
            seen_as="a bouquet",
            alike=f"crowd {place // crowd}" if place < suspects else "",
            left_out=place < suspects and entry.side == TRAIN,
        )
        for place, entry in enumerate(entries)
    ]
    draft = Draft(store, Recipe(step="curate", parameters={"dataset": dataset}, inputs={}, code=""))
    draft.write(SUSPECTS, write_table(rows, Suspect))
    return finish(store, dataset, {"curate": draft.commit().ref})


def finish(store: Store, dataset: str, made: dict[str, Ref]) -> str:
    """Write the documents of a run that made these artifacts; returns its name."""
    run = f"{dataset}-20260101-000000-000000"
    for step, ref in made.items():
        record = StageRecord(step=step, state=runs.DONE, cached=False, ref=ref, recipe=None)
        store.put(runs.record_key(run, step), records.encode(record))
    _enter(store, dataset, run, State(state=runs.DONE, driver=None, started=NOW, writer="w"))
    return run


def begin(store: Store, dataset: str, step: str, done: int, total: int) -> str:
    """Write the documents of a run that this very process drives; returns its name."""
    run = f"{dataset}-29990101-000000-000000"
    progress = Progress(done=done, total=total, note="pictures")
    store.put(f"runs/{run}/progress/{step.replace('/', '.')}/00000.json", records.encode(progress))
    _enter(store, dataset, run, State(state=runs.RUNNING, driver=runs.me(), started=NOW, writer="w"))
    return run


def _enter(store: Store, dataset: str, run: str, state: State) -> None:
    request = Run(
        run=run,
        dataset=dataset,
        request="r",
        created=NOW,
        version="0",
        settings={},
        origins={},
        frozen={},
        observation="",
        code={},
        nodes=1,
    )
    store.put(runs.run_key(run), records.encode(request))
    store.put(runs.state_key(run), records.encode(state))
    store.put(runs.index_key(dataset, run), b"")
