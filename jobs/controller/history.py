"""What a run did, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from common import artifact, edits
from common.model import version_of
from common.records import StageRecord
from common.stage import Stage
from common.store import Store
from jobs.controller import graph, pointer, runs, snapshots
from jobs.controller.runs import Known

REPORT, ATTRIBUTION = "report.html", "ATTRIBUTION.html"
WAITING, NOT_RUN = "waiting", "not run"
LIST = "scrape/list"
SNAPSHOT, VERSION, CURATION, TRAIN, EVALUATE, GATE = snapshots.STEP, "dedup/dataset", "curate", "train", "evaluate", "gate"
TABLE, PREDICTIONS = "predict/table", {"parquet": "predictions.parquet", "csv": "predictions.csv"}


def document(store: Store, known: Known) -> dict[str, Any]:
    """Return the run as JSON (design §6): stable keys, fractions, null for what is not there yet."""
    evaluated, trained = known.records.get(EVALUATE), known.records.get(TRAIN)
    done = evaluated is not None and evaluated.state == runs.DONE
    info: Mapping[str, Any] = evaluated.info if evaluated is not None and done else {}
    return {
        "run": known.run.run,
        "dataset": known.run.dataset,
        "state": known.condition,
        "reason": known.state.reason if known.state else "",
        "trigger": known.run.trigger,
        "created": known.run.created,
        "finished": known.state.finished if known.state else "",
        "metrics": info.get("metrics", {"test": None}),
        "source": info.get("source"),
        "scoring": info.get("scoring"),
        "warnings": _warnings(known),
        "stages": [stage_document(stage, known) for stage in graph.load(known.run.goal).stages],
        "model": _model(known, trained),
        "report": part_url(store, evaluated, REPORT) if done else None,
        "predictions": _predictions(store, known.records.get(TABLE)),
        "attribution": part_url(store, known.records.get(SNAPSHOT), ATTRIBUTION),
        "edits": _edits(store, known),
        "settings": known.run.settings,
    }


def _edits(store: Store, known: Known) -> dict[str, Any]:
    """Return how many edits the run uses, and in words those of them that the run before it did not."""
    used = runs.edits_of(store, known.run.run) if known.run.frozen.get("edits") else []
    before = runs.before(store, known.run.dataset, known.run.run) if used else []
    return {"used": len(used), "new": edits.sentence(used[len(runs.edits_of(store, before[0])) if before else 0 :])}


def stage_document(stage: Stage, known: Known) -> dict[str, Any]:
    """Return one stage of a run; its steps taken together."""
    found = [known.records[step.name] for step in stage.steps if step.name in known.records]
    last = known.records.get(stage.steps[-1].name)
    seconds = round(sum(record.seconds for record in found), 3)
    fresh = max((record.fresh for record in found), default=0)
    return {
        "name": stage.name,
        "state": _state(stage, found, known.condition),
        "cached": len(found) == len(stage.steps) and all(record.cached for record in found),
        "seconds": seconds,
        "items": max((record.items for record in found), default=0),
        "items_per_s": round(fresh / seconds, 3) if seconds > 0 and fresh else None,
        "retries": sum(record.retries for record in found),
        "reason": next((record.reason for record in found if record.reason), _waits_for(stage, known)),
        "content_digest": last.ref.digest if last and last.ref else None,
    }


def _waits_for(stage: Stage, known: Known) -> str:
    return next((known.waiting[step.name].text for step in stage.steps if step.name in known.waiting), "")


def _state(stage: Stage, found: list[StageRecord], condition: str) -> str:
    if any(record.state == runs.FAILED for record in found):
        return runs.FAILED
    if len(found) == len(stage.steps):
        return runs.DONE
    if condition == runs.RUNNING:
        return runs.RUNNING if found else WAITING
    return NOT_RUN


def _warnings(known: Known) -> list[str]:
    version, listed, curation = (known.records.get(step) for step in (VERSION, LIST, CURATION))
    notes = list(listed.info.get("notes", [])) if listed else []
    return [*notes, *(warning for one in (version, curation) if one for warning in one.info.get("warnings", []))]


def _model(known: Known, trained: StageRecord | None) -> dict[str, Any] | None:
    made = trained.ref if trained is not None else known.run.frozen.get("model")
    if made is None:
        return None
    return {
        "digest": made.digest,
        "version": version_of(made),
        "promoted": known.state.promoted if known.state else None,
        "reason": known.state.reason if known.state else "",
    }


def part_url(store: Store, made: StageRecord | None, name: str) -> str | None:
    """Return where a part of what a run made lies, such as its report: a path for a folder store, else a URL."""
    if made is None or made.ref is None:
        return None
    manifest = artifact.find_sound(store, made.ref.step, made.ref.key)
    parts = [part.key for part in (*manifest.content, *manifest.evidence) if part.name == name] if manifest else []
    return f"{store.url.removeprefix('file://')}/{parts[0]}" if parts else None


def _predictions(store: Store, made: StageRecord | None) -> dict[str, Any] | None:
    """Return what a prediction found and where its table lies; None where there is none."""
    if made is None or made.ref is None:
        return None
    found = {name: made.info[name] for name in ("pictures", "unknown", "refused", "labels")}
    return {**found, **{form: part_url(store, made, name) for form, name in PREDICTIONS.items()}}


def pace(store: Store, dataset: str, most_runs: int = 5) -> dict[str, float]:
    """Return seconds for each item of each step, from the newest runs that computed any."""
    found: dict[str, float] = {}
    for _, name in reversed(runs.names(store, dataset)[-most_runs:]):
        for step, record in runs.sound_records(store, name).items():
            if step not in found and record.fresh and record.seconds:
                found[step] = record.seconds / record.fresh
    return found


def table(store: Store, documents: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return rows for `darkroom runs`: run, what made it, state, accuracy with interval, trend, whether its model serves, reason.

    The trend sets the accuracy against the dataset's measured run before: a bar from 0 to 100 % and the change in points.
    """
    serving: dict[str, str] = {}
    before: dict[str, float] = {}
    rows: list[tuple[str, ...]] = []
    for one in documents:
        test = one["metrics"]["test"]
        accuracy = percent_interval(test["accuracy"]) if test else ""
        if one["dataset"] not in serving:
            held = pointer.read(store, one["dataset"]).pointer
            serving[one["dataset"]] = held.model.digest if held else ""
        trend = _trend(test["accuracy"]["value"], before.get(one["dataset"])) if test else ""
        if test:
            before[one["dataset"]] = test["accuracy"]["value"]
        serves = "serves" if one["model"] and one["model"]["digest"] == serving[one["dataset"]] else ""
        rows.append((one["run"], one["trigger"].partition(",")[0], one["state"], accuracy, trend, serves, one["reason"]))
    return rows


def percent_interval(figure: Mapping[str, float]) -> str:
    """Write a figure as `91.4 % (85.1-96.0)`."""
    return f"{100 * figure['value']:.1f} % ({100 * figure['low']:.1f}-{100 * figure['high']:.1f})"


def _trend(value: float, before: float | None) -> str:
    """Draw a share as one of eight bars, with the change since the run before in points."""
    bar = "▁▂▃▄▅▆▇█"[min(7, int(value * 8))]
    return bar if before is None else f"{bar} {100 * (value - before):+.1f}"
