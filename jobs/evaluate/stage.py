"""The work of evaluate: score the pictures that training did not see, summarise, write the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from common import dataset, metrics, model, records
from common.artifact import Artifact
from common.dataset import HELD_OUT, HELD_OUT_IDS, LEAVE_ONE_GROUP_OUT, TEST, Entry, entries_of, vectors_of
from common.metrics import Scored, Summary
from common.model import CARD_FILE, MODEL_FILE, PROBABILITIES, Card, Model
from common.records import Value, canonical
from common.stage import StepFunction, Work
from common.tables import read_matrix, write_matrix, write_table
from jobs.evaluate import report

METRICS, SCORES, PROBABILITY_MATRIX = "metrics.json", "scores.parquet", "probabilities.npy"


class Score(Value, frozen=True, kw_only=True):
    """One scored picture. `confidence` is the probability of the predicted class."""

    id: str
    name: str
    group: str
    label: str
    predicted: str
    confidence: float
    correct: bool


def evaluate(work: Work) -> None:
    """Write the figures; content: metrics.json, scores.parquet, probabilities.npy; evidence: report.html."""
    version, source = work.inputs["dataset"], str(work.inputs["snapshot"].info["source"])
    card = records.decode(work.inputs["model"].read(CARD_FILE), Card, "the model's card")
    entries, probabilities = _score(work, card)
    scored = Scored(dataset.targets(entries, card.classes), probabilities, dataset.groups(entries))
    summary = metrics.summarise(scored, work.parameters.integer("evaluate.resamples"))
    scores = _scores(entries, scored, card.classes)
    work.out.write(METRICS, canonical(_document(summary, card.classes)))
    work.out.write(SCORES, write_table(scores, Score))
    work.out.write(PROBABILITY_MATRIX, write_matrix(probabilities.astype(np.float32)))
    work.out.info |= {
        "items": len(entries),
        "source": source,
        "scoring": version.info["scoring"],
        "metrics": {"test": _headline(summary)},
    }
    page = report.Page(
        source=source,
        scoring=str(version.info["scoring"]),
        card=card,
        model_digest=work.inputs["model"].manifest.digest,
        version=version.manifest,
        trials=msgspec.json.decode(work.inputs["model"].read("trials.json")),
        scored=scored,
        summary=summary,
        entries=entries,
        excluded=[entry for entry in entries_of(version) if not entry.kept],
        pictures=report.Pictures(work.inputs["snapshot"]),
    )
    work.out.write("report.html", report.render(page), evidence=True)


STEPS: Mapping[str, StepFunction] = {"evaluate": evaluate}


def _score(work: Work, card: Card) -> tuple[list[Entry], NDArray[np.float64]]:
    """Return the pictures to be judged and their probabilities, by a model that saw none of their group."""
    kept = [entry for entry in entries_of(work.inputs["dataset"]) if entry.kept]
    if work.inputs["dataset"].info["scoring"] == LEAVE_ONE_GROUP_OUT:
        return kept, _held_out(work.inputs["model"], kept)
    tests = [entry for entry in kept if entry.side == TEST]
    head = Model(model.cut_head(work.inputs["model"].read(MODEL_FILE), card.dimension))
    scores = head.run(dataset.matrix(tests, vectors_of(work.inputs["features"])), PROBABILITIES)
    return tests, scores.astype(np.float64)


def _held_out(trained: Artifact, kept: list[Entry]) -> NDArray[np.float64]:
    ids = msgspec.json.decode(trained.read(HELD_OUT_IDS), type=list[str])
    by_id = dict(zip(ids, read_matrix(trained.read(HELD_OUT)), strict=True))
    return np.stack([by_id[entry.id] for entry in kept]).astype(np.float64)


def _scores(entries: list[Entry], scored: Scored, classes: tuple[str, ...]) -> list[Score]:
    predicted = scored.predicted
    return [
        Score(
            id=entry.id,
            name=entry.name,
            group=entry.group,
            label=entry.label,
            predicted=classes[guess],
            confidence=float(scored.probabilities[row, guess]),
            correct=bool(guess == scored.truth[row]),
        )
        for row, (entry, guess) in enumerate(zip(entries, predicted, strict=True))
    ]


def _headline(summary: Summary) -> dict[str, Any]:
    return {
        "accuracy": msgspec.to_builtins(summary.accuracy),
        "class_average_accuracy": msgspec.to_builtins(summary.class_average_accuracy),
        "macro_f1": msgspec.to_builtins(summary.macro_f1),
        "auc": msgspec.to_builtins(summary.auc),
    }


def _document(summary: Summary, classes: tuple[str, ...]) -> dict[str, Any]:
    rows = zip(classes, summary.class_accuracy, summary.class_auc, strict=True)
    return {
        "test": _headline(summary),
        "classes": {name: {"accuracy": accuracy, "auc": auc} for name, accuracy, auc in rows},
        "confusion": {"classes": classes, "counts": summary.confusion},
    }
