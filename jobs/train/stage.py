"""The work of train: choose C on the training side, fit, calibrate, write one ONNX file with its card."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from common import dataset, model, records
from common.dataset import HELD_OUT, HELD_OUT_IDS, LEAVE_ONE_GROUP_OUT, TRAIN, Entry, entries_of
from common.features import matrix, vectors_of
from common.model import CARD_FILE, MODEL_FILE, Card, Head
from common.records import canonical
from common.stage import StepFunction, Work
from common.tables import write_matrix
from jobs.train import prior, svm

TRIALS = "trials.json"


def train(work: Work) -> None:
    """Fit the classifier; content: model.onnx, card.json, the trials, and held-out scores where groups are few."""
    version = work.inputs["dataset"]
    classes = tuple(version.info["classes"])
    kept = [entry for entry in entries_of(version) if entry.kept]
    vectors = vectors_of(work.inputs["features"])
    card = records.decode(work.inputs["backbone"].read(CARD_FILE), Card, "the backbone's card")
    known = prior.matrix(classes, card.names, card.dimension)
    inside = _data([entry for entry in kept if entry.side == TRAIN], vectors, classes, known)
    options = _options(work)
    with threadpool_limits(1):  # results may not depend on the number of cores
        chosen = svm.choose(inside, options, work.threads)
        fitted = svm.fit(inside, chosen.best.c, unit_length=options.unit_length, threads=work.threads)
        if version.info["scoring"] == LEAVE_ONE_GROUP_OUT:
            work.log("few groups: scoring by leaving out one group at a time")
            scores = svm.leave_groups_out(_data(kept, vectors, classes, known), options, work.threads, work.progress)
            work.out.write(HELD_OUT, write_matrix(scores.astype(np.float32)))
            work.out.write(HELD_OUT_IDS, canonical([entry.id for entry in kept]))
    _write_model(work, card, classes, _head(fitted, chosen.best, known), chosen.best)
    work.out.write(TRIALS, canonical([{"c": trial.c, "classAverageAccuracy": trial.accuracy} for trial in chosen.trials]))
    work.out.info |= {"items": len(inside.targets), "c": chosen.best.c, "cv_class_average_accuracy": chosen.best.accuracy}
    if known is not None:
        work.out.info["prior_share"] = chosen.best.share
        work.log(f"the backbone knows these classes by name: its own opinion counts {chosen.best.share:.2f}")


STEPS: Mapping[str, StepFunction] = {"train": train}


def _options(work: Work) -> svm.Options:
    return svm.Options(
        c_values=work.parameters.numbers("train.cValues"),
        folds=work.parameters.integer("train.folds"),
        unit_length=work.parameters.flag("train.l2Normalize"),
    )


def _data(entries: list[Entry], vectors: Mapping[str, NDArray[np.float32]], classes: tuple[str, ...], known: svm.Floats | None) -> svm.Data:
    features = matrix((entry.id for entry in entries), vectors).astype(np.float64)
    return svm.Data(
        features=features,
        targets=dataset.targets(entries, classes),
        groups=dataset.groups(entries),
        classes=len(classes),
        known=None if known is None else features @ known.T,
    )


def _head(fitted: svm.Classifier, best: svm.Trial, known: svm.Floats | None) -> Head:
    return Head(
        mean=fitted.mean.astype(np.float32),
        scale=fitted.scale.astype(np.float32),
        weights=fitted.weights.astype(np.float32),
        bias=fitted.bias.astype(np.float32),
        unit_length=fitted.unit_length,
        temperature=best.temperature,
        known=None if known is None else (best.share * known).astype(np.float32),
    )


def _write_model(work: Work, card: Card, classes: tuple[str, ...], head: Head, best: svm.Trial) -> None:
    backbone = work.inputs["backbone"]
    data = model.attach_head(backbone.read(MODEL_FILE), head)
    work.out.write(MODEL_FILE, data)
    work.out.write(
        CARD_FILE,
        records.encode(
            Card(
                name=f"{card.name} + linear SVM",
                kind="classifier",
                onnx_sha256=sha256(data).hexdigest(),
                preprocessing=card.preprocessing,
                dimension=card.dimension,
                classes=classes,
                backbone=backbone.manifest.digest,
                temperature=best.temperature,
                training={"c": best.c, "priorShare": best.share, **work.parameters},
                source=card.source,
                licence=card.licence,
            )
        ),
    )
