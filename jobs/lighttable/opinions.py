"""What the newest model thinks of every picture: the suggested label, and how unsure it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from common import artifact, model, records
from common.features import vectors_of
from common.model import CARD_FILE, MODEL_FILE, PROBABILITIES, Card, Model
from common.store import Store
from jobs.lighttable import sheet

TOP = 3


def ask(store: Store, dataset: str) -> dict[str, Any]:
    """Return for each picture its likeliest classes and their probabilities; no pictures where there is no model yet.

    The model has learnt from pictures of the training side, so of those it is surer than it should be.
    """
    found = sheet.newest(store, dataset, (sheet.TRAIN, sheet.FEATURES))
    if found is None:
        return {"run": "", "classes": [], "ids": [], "top": [], "chance": []}
    run, steps = found
    trained = artifact.read_ref(store, sheet.ref_of(steps, sheet.TRAIN))
    card = records.decode(trained.read(CARD_FILE), Card, CARD_FILE)
    vectors = vectors_of(artifact.read_ref(store, sheet.ref_of(steps, sheet.FEATURES)))
    ids = list(vectors)
    head = Model(model.cut_head(trained.read(MODEL_FILE), card.dimension))
    chances = head.run(np.stack([vectors[one] for one in ids]), PROBABILITIES)
    order = np.argsort(-chances, axis=1, kind="stable")[:, :TOP]
    best = np.take_along_axis(chances, order, axis=1)
    return {
        "run": run,
        "classes": list(card.classes),
        "ids": ids,
        "top": order.tolist(),
        "chance": [[round(float(one), 3) for one in row] for row in best],
    }
