"""The work of train: choose and fit on the training side, calibrate, write one ONNX file with its card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from common import dataset, model, records, refined
from common.artifact import Artifact
from common.dataset import HELD_OUT, HELD_OUT_IDS, LEAVE_ONE_GROUP_OUT, TRAIN, Entry, entries_of
from common.features import matrix, vectors_of
from common.model import CARD_FILE, MODEL_FILE, Card, Head
from common.records import canonical
from common.stage import StepFunction, Work
from common.suspects import left_out_of
from common.tables import write_matrix
from jobs.train import prior, svm

TRIALS = "trials.json"


def train(work: Work) -> None:
    """Fit the classifier; content: model.onnx, card.json, the trials, and held-out scores where groups are few."""
    given = _Given.of(work)
    with threadpool_limits(1):  # results may not depend on the number of cores
        match work.parameters.get("classifier", "svm"):
            case "svm":
                _fixed(work, given)
            case "dnn":
                _own_head(work, given)
            case _:
                _on_refined(work, given)


STEPS: Mapping[str, StepFunction] = {"train": train}


@dataclass(frozen=True)
class _Given:
    """What is fitted to: kept rows, each picture's vector, and the backbone with what it knows of the classes by itself."""

    kept: list[Entry]
    vectors: Mapping[str, NDArray[np.float32]]
    classes: tuple[str, ...]
    backbone: Artifact
    card: Card
    known: svm.Floats | None
    left_out: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, work: Work) -> _Given:
        version, backbone = work.inputs["dataset"], work.inputs["backbone"]
        classes = tuple(version.info["classes"])
        card = records.decode(backbone.read(CARD_FILE), Card, "the backbone's card")
        kept = [entry for entry in entries_of(version) if entry.kept]
        known = prior.matrix(classes, card.names, card.dimension)
        left_out = left_out_of(work.inputs["curation"]) if "curation" in work.inputs else frozenset()
        return cls(kept, vectors_of(work.inputs["features"]), classes, backbone, card, known, left_out)

    @property
    def inside(self) -> list[Entry]:
        """Return the training side, without what curation leaves out."""
        return [entry for entry in self.kept if entry.side == TRAIN and self.trains(entry)]

    def trains(self, entry: Entry) -> bool:
        return (entry.id, entry.label) not in self.left_out

    def counting(self, share: float) -> NDArray[np.float32] | None:
        """Return what turns features into a share of what the backbone knows of each class, (k, d); None where it does not know all."""
        return None if self.known is None else (share * self.known).astype(np.float32)

    def data(self, entries: list[Entry]) -> svm.Data:
        features = matrix((entry.id for entry in entries), self.vectors).astype(np.float64)
        return svm.Data(
            features=features,
            targets=dataset.targets(entries, self.classes),
            groups=dataset.groups(entries),
            classes=len(self.classes),
            known=None if self.known is None else features @ self.known.T,
        )


def _options(work: Work) -> svm.Options:
    return svm.Options(
        c_values=work.parameters.numbers("train.cValues"),
        folds=work.parameters.integer("train.folds") if "train.folds" in work.parameters else 0,
        unit_length=work.parameters.flag("train.l2Normalize"),
    )


def _fixed(work: Work, given: _Given) -> None:
    """Fit an SVM to a fixed network's features, its C chosen by cross-validation; score by leaving groups out where they are few."""
    options, inside = _options(work), given.data(given.inside)
    chosen = svm.choose(inside, options, work.threads)
    if work.inputs["dataset"].info["scoring"] == LEAVE_ONE_GROUP_OUT:
        work.log("few groups: scoring by leaving out one group at a time")
        fitted = np.asarray([given.trains(entry) for entry in given.kept])
        scores = svm.leave_groups_out(given.data(given.kept), options, work.threads, work.progress, fitted)
        work.out.write(HELD_OUT, write_matrix(scores.astype(np.float32)))
        work.out.write(HELD_OUT_IDS, canonical([entry.id for entry in given.kept]))
    _write_svm(work, given, inside, chosen, options)


def _on_refined(work: Work, given: _Given) -> None:
    """Fit an SVM to a refined network's features. Those that it was refined on are separated already, so the others choose C."""
    options, others = _options(work), refined.validation_of(given.backbone)
    seen = given.data([entry for entry in given.inside if entry.id not in others])
    unseen = given.data([entry for entry in given.inside if entry.id in others])
    _write_svm(work, given, given.data(given.inside), svm.choose_on(seen, unseen, options), options)


def _own_head(work: Work, given: _Given) -> None:
    """Take the head that the network was refined with; temperature and the prior's share come from pictures that it was not refined on."""
    weights, bias = refined.head_of(given.backbone)
    others = refined.validation_of(given.backbone)
    unseen = given.data([entry for entry in given.inside if entry.id in others])
    logits = unseen.features @ weights.T.astype(np.float64) + bias
    nothing, one = np.zeros(weights.shape[1], np.float32), np.ones(weights.shape[1], np.float32)
    found = svm.calibrated(unseen, logits)
    head = Head(nothing, one, weights, bias, unit_length=False, temperature=found.temperature, known=given.counting(found.share))
    _write_model(work, given, head, "its own head", {"priorShare": found.share})
    work.out.write(TRIALS, canonical([]))
    work.out.info |= {"items": len(given.inside), "validation_class_average_accuracy": found.accuracy}
    _say_share(work, given, found.share)


def _write_svm(work: Work, given: _Given, inside: svm.Data, chosen: svm.Chosen, options: svm.Options) -> None:
    """Fit with the chosen C to the whole training side, and write what that gives."""
    fitted, best = svm.fit(inside, chosen.best.c, unit_length=options.unit_length, threads=work.threads), chosen.best
    head = Head(
        mean=fitted.mean.astype(np.float32),
        scale=fitted.scale.astype(np.float32),
        weights=fitted.weights.astype(np.float32),
        bias=fitted.bias.astype(np.float32),
        unit_length=fitted.unit_length,
        temperature=best.temperature,
        known=given.counting(best.share),
    )
    _write_model(work, given, head, "linear SVM", {"c": best.c, "priorShare": best.share})
    work.out.write(TRIALS, canonical([{"c": trial.c, "classAverageAccuracy": trial.accuracy} for trial in chosen.trials]))
    work.out.info |= {"items": len(inside.targets), "c": best.c, "cv_class_average_accuracy": best.accuracy}
    _say_share(work, given, best.share)


def _say_share(work: Work, given: _Given, share: float) -> None:
    if given.known is not None:
        work.out.info["prior_share"] = share
        work.log(f"the backbone knows these classes by name: its own opinion counts {share:.2f}")


def _write_model(work: Work, given: _Given, head: Head, words: str, found: Mapping[str, Any]) -> None:
    """Write the backbone with its head as one file, and the card."""
    card = given.card
    refinement = {"refined": card.training["refined"]} if "refined" in card.training else {}
    data = model.attach_head(given.backbone.read(MODEL_FILE), head)
    work.out.write(MODEL_FILE, data)
    work.out.write(
        CARD_FILE,
        records.encode(
            Card(
                name=f"{card.name} + {words}",
                kind="classifier",
                onnx_sha256=sha256(data).hexdigest(),
                preprocessing=card.preprocessing,
                dimension=card.dimension,
                classes=given.classes,
                backbone=given.backbone.manifest.digest,
                temperature=head.temperature,
                training={**found, **work.parameters, **refinement},
                source=card.source,
                licence=card.licence,
            )
        ),
    )
