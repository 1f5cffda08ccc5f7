"""`darkroom predict`: from a wish to a run that ends with the stage `predict` (docs/decisions/0029).

Which model scores is chosen once, and frozen in the run by its content.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common import artifact, records
from common.errors import Refused, UnknownName, Usage, did_you_mean
from common.model import version_of
from common.progress import Reporter, silent
from common.records import Pointer, Ref
from common.store import Store
from common.store.asking import exists
from jobs.controller import graph, history, pointer, preflight, runs, settings
from jobs.controller.forecast import Forecast, Line
from jobs.controller.runs import Known
from jobs.controller.submission import Frozen, Prepared
from jobs.scrape.sources import Offer, Reach, kind_of

LIST = "predict."  # of a dataset's predictions; no dataset has a name with a dot


@dataclass(frozen=True)
class Wish:
    """What is to be scored, and by which model: the one that serves `dataset`, or `model`, a run or a version. Both may be empty."""

    source: str
    dataset: str = ""
    model: str = ""
    assignments: Sequence[str] = ()


@dataclass(frozen=True)
class Candidate:
    """A model that may score, and the dataset that it knows."""

    dataset: str
    model: Ref


def prepare(store: Store, wish: Wish, progress: Reporter = silent, environment: Mapping[str, str] = os.environ) -> Prepared:
    """Choose the model and look at the source; writes nothing but the probe's verdict on the store.

    Raises:
        Refused, UnknownName, Usage, BadParameters: there is a reason not to start.
    """
    kind = kind_of(wish.source)
    if not kind.listed:
        raise Usage(f"{wish.source!r} is not scored: give a folder, s3://bucket/prefix, or a list of URLs (.tsv, .csv, .parquet).")
    steps = graph.load(graph.PREDICTION)
    resolved = settings.read_plain(steps, wish.assignments, wish.source)
    source = resolved.values.text("source")
    preflight.check_store(store)
    chosen = choose(store, wish.dataset, wish.model)
    reach = Reach(source, values=resolved.values, environment=environment, labelled=False)
    found = preflight.look_unlabelled(kind, reach, progress)
    return Prepared(
        dataset=f"{LIST}{chosen.dataset}",
        resolved=resolved,
        code=steps.code(),
        listing=Frozen("run/listing", runs.LISTING, records.canonical(Offer(source=kind.name, items=found.items))),
        edits=None,
        asked=None,
        observation="",
        previous=None,
        number=0,
        locator=source,
        model=chosen.model,
        goal=graph.PREDICTION,
    )


def forecast(store: Store, prepared: Prepared) -> list[Line]:
    """Say what a prediction would do; writes nothing."""
    steps, before = graph.load(graph.PREDICTION), prepared.dataset
    return Forecast(store, steps, prepared, runs.last_records(store, before, most=len(steps.steps)), history.pace(store, before))()


def choose(store: Store, dataset: str = "", model: str = "") -> Candidate:
    """Return the model that is meant.

    Raises:
        Refused, UnknownName: there is none.
        Usage: there are several, and none is named.
    """
    found = _named(store, dataset, model) if model else _serving(store, dataset)
    manifest = artifact.find_sound(store, found.model.step, found.model.key)
    if manifest is None or artifact.missing(store, manifest):
        raise Refused(
            f"Model {version_of(found.model)} of {found.dataset} is no longer whole in {store.url}. Choose another, or submit again."
        )
    return found


def write(store: Store, known: Known, folder: Path) -> list[Path]:
    """Write a finished prediction's table to a folder, as Parquet and as CSV; return where. Raises Refused where it has none."""
    record = known.records.get(history.TABLE)
    if record is None or record.ref is None:
        raise Refused(f"Run {known.run.run} has no predictions: it did not come so far.")
    made = artifact.read_ref(store, record.ref)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in history.PREDICTIONS.values()]
    for path in paths:
        path.write_bytes(made.read(path.name))
    return paths


def _serving(store: Store, dataset: str) -> Candidate:
    served = [one.key.split("/")[1] for one in store.list("models/") if one.key.endswith("/current.json")]
    if not dataset and len(served) > 1:
        raise Usage(f"There are models of {', '.join(served)}. Say whose is to score: --dataset {served[0]}, or --model RUN.")
    chosen = dataset or (served[0] if served else "")
    held = pointer.read(store, chosen).pointer if chosen in served else None
    if held is None:
        whose = f"of {dataset} " if dataset else ""
        raise Refused(
            f"No model {whose}serves in {store.url}.{did_you_mean(dataset, served)} `darkroom submit` makes one, or name a --model."
        )
    return Candidate(chosen, held.model)


def _named(store: Store, dataset: str, model: str) -> Candidate:
    if exists(store, runs.run_key(model)):
        return _of_run(store, dataset, model)
    known: dict[str, Candidate] = {}
    for one in _candidates(store, dataset):
        version = version_of(one.model)
        if version == model:
            return one
        known[version] = one
    whose = f" of {dataset}" if dataset else ""
    raise UnknownName(
        f"There is no run or version {model!r}{whose} in {store.url}.{did_you_mean(model, known)} `darkroom runs` lists runs."
    )


def _of_run(store: Store, dataset: str, run: str) -> Candidate:
    known = runs.read(store, run)
    trained = known.records.get(history.TRAIN)
    if trained is None or trained.ref is None:
        raise Refused(f"Run {run} has no model; it did not come as far as train.")
    if dataset and known.run.dataset != dataset:
        raise Usage(f"Run {run} is one of {known.run.dataset}, not of {dataset}. Leave out --dataset.")
    return Candidate(known.run.dataset, trained.ref)


def _candidates(store: Store, dataset: str) -> Iterator[Candidate]:
    """Yield the models that serve or served, then those that runs made; the same one perhaps twice."""
    for one in store.list(f"models/{dataset}/" if dataset else "models/"):
        if one.key.endswith(".json") and not one.key.endswith("/card.json"):
            held = records.decode(store.get(one.key).data, Pointer, one.key)
            yield Candidate(held.dataset, held.model)
    for name, run in reversed(runs.names(store, dataset)):
        trained = runs.sound_records(store, run).get(history.TRAIN)
        if trained is not None and trained.ref is not None:
            yield Candidate(name, trained.ref)
