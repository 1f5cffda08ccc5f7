"""The work of evaluate: score the pictures that training did not see, summarise, write the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from common import dataset, metrics, model, records
from common.artifact import Artifact
from common.dataset import HELD_OUT, HELD_OUT_IDS, LEAVE_ONE_GROUP_OUT, SCORES, TEST, TEST_SIDE, Entry, Score, entries_of
from common.features import matrix, vectors_of
from common.metrics import Scored, Summary
from common.model import CARD_FILE, MODEL_FILE, PROBABILITIES, Card, Model
from common.records import canonical
from common.stage import StepFunction, Work
from common.suspects import FROM_ALL, Suspect, copies_of, suspects_of, suspicious_of
from common.tables import read_matrix, write_matrix, write_table
from jobs.evaluate import report
from jobs.evaluate.curated import Curated
from jobs.evaluate.gallery import Gallery

METRICS, PROBABILITY_MATRIX = "metrics.json", "probabilities.npy"


def evaluate(work: Work) -> None:
    """Write the figures; content: metrics.json, scores.parquet, probabilities.npy; evidence: report.html."""
    version, model_artifact = work.inputs["dataset"], work.inputs["model"]
    card = records.decode(model_artifact.read(CARD_FILE), Card, "the model's card")
    everything = entries_of(version)
    kept = [entry for entry in everything if entry.kept]
    vectors = vectors_of(work.inputs["features"])
    suspects = suspects_of(work.inputs["curation"])
    tested = _Tested.of(work, card, suspects, *_score(work, card, kept, vectors))
    with threadpool_limits(1):  # results may not depend on the number of cores
        summary = metrics.summarise(tested.counted.scored, work.parameters.integer("evaluate.resamples"))
        others = {name: _figures(work, part, tested.counted, summary) for name, part in tested.parts.items()}
    entries, scored = tested.counted.entries, tested.counted.scored
    headlines = {"test": _headline(summary), **{name: None if one is None else _headline(one) for name, one in others.items()}}
    work.out.write(METRICS, canonical(_document(summary, card.classes) | headlines))
    work.out.write(SCORES, write_table(_scores(entries, scored, card.classes), Score))
    work.out.write(PROBABILITY_MATRIX, write_matrix(scored.probabilities.astype(np.float32)))
    source, scoring = str(work.inputs["snapshot"].info["source"]), LEAVE_ONE_GROUP_OUT if _left_out(model_artifact) else TEST_SIDE
    work.out.info |= {"items": len(entries), "source": source, "scoring": scoring, "metrics": headlines}
    page = report.Page(
        source=source,
        scoring=scoring,
        card=card,
        model_digest=model_artifact.manifest.digest,
        version=version.manifest,
        trials=records.read_json(model_artifact.read("trials.json"), list[Any], "trials.json"),
        scored=scored,
        summary=summary,
        entries=entries,
        excluded=[entry for entry in everything if not entry.kept],
        gallery=Gallery(work.inputs["snapshot"], kept, vectors, across_sides=scoring == LEAVE_ONE_GROUP_OUT),
        curated=Curated(
            policy=work.parameters.text("curate"),
            suspects=suspects,
            copies=copies_of(work.inputs["curation"]),
            warnings=work.inputs["curation"].info["warnings"],
            expected_share=float(work.inputs["curation"].info["expected_share"]),
            parts={name: (len(part.entries), others[name]) for name, part in tested.parts.items()},
        ),
    )
    work.out.write("report.html", report.render(page), evidence=True)


STEPS: Mapping[str, StepFunction] = {"evaluate": evaluate}


@dataclass(frozen=True)
class _Part:
    """Test pictures and what the model says of them."""

    entries: list[Entry]
    scored: Scored

    def only(self, which: NDArray[np.bool_]) -> _Part:
        truth, probabilities, groups = self.scored.truth[which], self.scored.probabilities[which], self.scored.groups[which]
        compact = np.unique(groups, return_inverse=True)[1].reshape(-1).astype(np.int64)
        return _Part([one for one, stays in zip(self.entries, which, strict=True) if stays], Scored(truth, probabilities, compact))


@dataclass(frozen=True)
class _Tested:
    """All test pictures, the unsuspicious ones, and those of the two that count: all, unless the policy says otherwise."""

    parts: Mapping[str, _Part]
    counted: _Part

    @classmethod
    def of(cls, work: Work, card: Card, suspects: Iterable[Suspect], entries: list[Entry], probabilities: NDArray[np.float64]) -> _Tested:
        everyone = _Part(entries, Scored(dataset.targets(entries, card.classes), probabilities, dataset.groups(entries)))
        suspicious = suspicious_of(suspects)
        clean = everyone.only(np.asarray([(entry.id, entry.label) not in suspicious for entry in entries]))
        fewer = work.parameters.text("curate") == FROM_ALL and _has_all_classes(clean, everyone)
        return cls({"all": everyone, "unsuspicious": clean}, clean if fewer else everyone)


def _has_all_classes(part: _Part, whole: _Part) -> bool:
    return len(np.unique(part.scored.truth)) == len(np.unique(whole.scored.truth))


def _figures(work: Work, part: _Part, counted: _Part, summary: Summary) -> Summary | None:
    """Return a part's figures; None where a class is not in it, for then they compare with nothing."""
    if len(part.entries) == len(counted.entries):
        return summary
    if not _has_all_classes(part, counted):
        return None
    return metrics.summarise(part.scored, work.parameters.integer("evaluate.resamples"))


def _score(
    work: Work, card: Card, kept: list[Entry], vectors: Mapping[str, NDArray[np.float32]]
) -> tuple[list[Entry], NDArray[np.float64]]:
    """Return the pictures to be judged and their probabilities, by a model that saw none of their group."""
    if _left_out(work.inputs["model"]):
        return kept, _held_out(work.inputs["model"], kept)
    tests = [entry for entry in kept if entry.side == TEST]
    head = Model(model.cut_head(work.inputs["model"].read(MODEL_FILE), card.dimension))
    return tests, head.run(matrix((entry.id for entry in tests), vectors), PROBABILITIES).astype(np.float64)


def _left_out(trained: Artifact) -> bool:
    """Say whether training scored each group by a model without it; a refined network cannot be (docs/decisions/0024)."""
    return HELD_OUT in trained.names()


def _held_out(trained: Artifact, kept: list[Entry]) -> NDArray[np.float64]:
    ids = records.read_json(trained.read(HELD_OUT_IDS), list[str], HELD_OUT_IDS)
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
    names = ("accuracy", "class_average_accuracy", "macro_f1", "auc")
    return {name: msgspec.to_builtins(getattr(summary, name)) for name in names}


def _document(summary: Summary, classes: tuple[str, ...]) -> dict[str, Any]:
    """Return all figures; those of classes by name, the confusion matrix also as shares of each true class."""
    everything: dict[str, Any] = msgspec.to_builtins(summary)
    by_class = {
        name.removeprefix("class_"): everything.pop(name) for name in ("class_accuracy", "class_f1", "class_auc", "class_precision")
    }
    counts = everything.pop("confusion")
    shares = [[count / max(1, sum(row)) for count in row] for row in counts]
    return {
        "test": _headline(summary),
        "figures": everything,
        "classes": {label: {name: values[index] for name, values in by_class.items()} for index, label in enumerate(classes)},
        "confusion": {"classes": classes, "counts": counts, "shares": shares},
    }
