"""A dataset's runs: what they found, why their steps ran, how they differ, and how far one is that runs now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common import artifact, compare, edits, explain, pages, records, runs
from common.errors import BadInput, NotFound, Refused, UnknownRun
from common.records import Pointer, Progress
from common.runs import Known
from common.store import Store
from jobs.lighttable import sheet

REPORT = "report.html"
MOST_RUNS, MOST_COMPARED = 200, 6
MOST_STEPS = 100  # more than there are


def table(store: Store, dataset: str) -> dict[str, Any]:
    """Return the newest runs, oldest first; what cannot be read is left out."""
    serving = runs.read_sound(store, f"models/{dataset}/current.json", Pointer)
    known = [one for _, name in runs.names(store, dataset)[-MOST_RUNS:] if (one := _sound(store, dataset, name))]
    return {"runs": [_line(store, one, serving) for one in known]}


def detail(store: Store, dataset: str, run: str) -> dict[str, Any]:
    """Return one run with its steps, each with the reason why it ran or waits. Raises UnknownRun."""
    known = _read(store, dataset, run)
    before = runs.last_records(store, dataset, run, most=MOST_STEPS)
    reasons = explain.lines(known.records, before)
    steps = [
        {
            "step": step,
            "state": "cached" if record.cached else record.state,
            "seconds": round(record.seconds, 1),
            "items": record.items,
            "why": record.reason or reasons[step],
        }
        for step, record in known.records.items()
    ]
    running = [
        {"step": step, "state": "running", "seconds": None, "items": None, "why": words}
        for step, words in _moving(store, known).items()
        if step not in known.records
    ]
    return {**_line(store, known, None), "steps": [*steps, *running], "settings": known.run.settings}


def side_by_side(store: Store, dataset: str, names: Sequence[str]) -> dict[str, Any]:
    """Return the first run against each of the others. Raises UnknownRun, Refused."""
    if not 2 <= len(names) <= MOST_COMPARED:
        raise Refused(f"Two to {MOST_COMPARED} runs can be compared, not {len(names)}.")
    pairs = compare.compare(store, [_read(store, dataset, name) for name in names])
    found = compare.document(pairs)
    for pair, shown in zip(pairs, found["comparisons"], strict=True):
        shown["sentence"] = compare.sentence(pair)
    return found


def report(store: Store, dataset: str, run: str) -> bytes:
    """Return a run's report. Raises Refused where it has none."""
    record = _read(store, dataset, run).records.get(sheet.EVALUATE)
    if record is None or record.ref is None:
        raise Refused(f"Run {run} has no report: it did not come as far as evaluate.")
    return artifact.read_ref(store, record.ref).read(REPORT)


def _read(store: Store, dataset: str, run: str) -> Known:
    if (dataset, run) not in runs.names(store, dataset):
        raise UnknownRun(f"There is no run {run[:80]!r} of {dataset}.")
    return runs.read(store, run)


def _sound(store: Store, dataset: str, run: str) -> Known | None:
    try:
        return _read(store, dataset, run)
    except (BadInput, NotFound, UnknownRun):
        return None


def _line(store: Store, known: Known, serving: Pointer | None) -> dict[str, Any]:
    evaluated, version = known.records.get(sheet.EVALUATE), known.records.get(sheet.VERSION)
    trained = known.records.get(sheet.TRAIN)
    test = (evaluated.info.get("metrics") or {}).get("test") if evaluated else None
    return {
        "run": known.run.run,
        "state": known.condition,
        "reason": known.state.reason if known.state else "",
        "trigger": known.run.trigger,
        "created": known.run.created,
        "finished": known.state.finished if known.state else "",
        "test": test,
        "kept": version.info.get("kept") if version else None,
        "edits": edits.sentence(runs.edits_of(store, known.run.run)) if known.run.frozen.get("edits") else "",
        "serves": bool(serving and trained and trained.ref and trained.ref.digest == serving.model.digest),
        "report": bool(evaluated and evaluated.ref),
    }


def _moving(store: Store, known: Known) -> dict[str, str]:
    """Return step -> how far it is, or what it waits for, of a run that runs."""
    if known.condition != runs.RUNNING:
        return {}
    counts: dict[str, list[Progress]] = {}
    prefix = f"runs/{known.run.run}/progress/"
    for place in [one.key for one in store.list(prefix)]:
        progress = runs.read_sound(store, place, records.Progress)
        if progress is not None:
            counts.setdefault(place.removeprefix(prefix).partition("/")[0].replace(".", "/"), []).append(progress)
    found = {step: _far(parts) for step, parts in counts.items()}
    return found | {step: f"waits since {held.since}: {held.text}" for step, held in known.waiting.items()}


def _far(parts: Sequence[Progress]) -> str:
    done, total = sum(one.done for one in parts), sum(one.total for one in parts)
    return f"{done} of {total} {parts[0].note} ({pages.percent(done / total)})" if total else f"{done} {parts[0].note}"
