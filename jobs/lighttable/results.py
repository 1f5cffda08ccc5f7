"""What the newest measured run thought of pictures that its model had not seen: right and wrong, and by how much."""

from __future__ import annotations

from typing import Any

from common import artifact, records
from common.artifact import Artifact
from common.dataset import scores_of
from common.model import CARD_FILE, Card
from common.store import Store
from common.tables import read_matrix
from jobs.lighttable import sheet

PROBABILITIES = "probabilities.npy"


def newest(store: Store, dataset: str) -> dict[str, Any]:
    """Return the scored pictures by column; no rows where nothing is measured.

    `chances` has one row a picture, in the order of `classes`.
    """
    found = sheet.newest(store, dataset, (sheet.EVALUATE, sheet.TRAIN))
    if found is None:
        return {"run": "", "ids": [], "classes": [], "metrics": None}
    run, steps = found
    evaluation = artifact.read_ref(store, sheet.ref_of(steps, sheet.EVALUATE))
    scores = scores_of(evaluation)
    return {
        "run": run,
        "classes": _classes(artifact.read_ref(store, sheet.ref_of(steps, sheet.TRAIN))),
        "ids": [score.id for score in scores],
        "label": sheet.numbered(score.label for score in scores),
        "predicted": sheet.numbered(score.predicted for score in scores),
        "chances": [[round(float(one), 3) for one in row] for row in read_matrix(evaluation.read(PROBABILITIES))],
        "metrics": evaluation.info.get("metrics", {}).get("test"),
        "scoring": evaluation.info.get("scoring", ""),
    }


def _classes(trained: Artifact) -> list[str]:
    return list(records.decode(trained.read(CARD_FILE), Card, CARD_FILE).classes)
