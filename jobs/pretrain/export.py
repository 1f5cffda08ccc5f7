"""From the weights of a training run to the backbone that refine ships: ONNX, card, curve."""

from __future__ import annotations

import csv
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from common import records
from common.images import Preprocessing
from common.model import Card, Trunk
from jobs.pretrain import graph
from jobs.pretrain.graph import RESOLUTION, VIEWS
from jobs.pretrain.patterns import KINDS, PATTERNS, kinds_of_families

NAME = "pattern-net"
SHIPPED = Path(__file__).parents[1] / "refine" / "backbones"

Rows = list[dict[str, float]]


def export(run: Path, folder: Path) -> list[Path]:
    """Write NAME.onnx, .json, .curve.csv and .curve.png from what training left in *run*; return their paths."""
    with np.load(run / "weights.npz", allow_pickle=False) as weights:
        arrays = dict(weights)
    model, trunks = graph.build(NAME, arrays, kinds_of_families(), VIEWS), graph.trunks(arrays, VIEWS)
    dimension = graph.dimension(arrays, kinds_of_families(), VIEWS)
    curve = (run / "curve.csv").read_text()
    rows = read_curve(curve)
    files = {
        ".onnx": model,
        ".json": records.encode(card(model, rows, trunks, dimension)),
        ".curve.csv": curve.encode(),
        ".curve.png": plot(rows),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, data in files.items():
        (folder / f"{NAME}{suffix}").write_bytes(data)
    return [folder / f"{NAME}{suffix}" for suffix in files]


def read_curve(text: str) -> Rows:
    """Read what training measured: one row for each checkpoint."""
    return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(text.splitlines())]


def card(model: bytes, rows: Rows, trunks: tuple[Trunk, ...], dimension: int) -> Card:
    """Return the card of the backbone whose ONNX file is *model*, with *trunks* to refine and so many features."""
    last = rows[-1]
    training: dict[str, Any] = {
        "method": "classification of rendered patterns, with no photograph",
        "families": list(PATTERNS),
        "kinds": list(KINDS),
        "views": list(VIEWS),
        "steps": int(last["step"]),
        "heldOut": {"familyAccuracy": round(last["family_accuracy"], 4), "kindAccuracy": round(last["kind_accuracy"], 4)},
    }
    return Card(
        name=NAME,
        kind="backbone",
        onnx_sha256=sha256(model).hexdigest(),
        preprocessing=Preprocessing(resolution=RESOLUTION),
        dimension=dimension,
        training=training,
        source="Darkroom, jobs/pretrain",
        licence="Apache-2.0",
        trunks=trunks,
        names=graph.names(kinds_of_families(), VIEWS),
    )


def plot(rows: Rows) -> bytes:
    """Draw loss and accuracies over the steps as PNG."""
    width, height, edge = 900, 420, 50
    page = np.full((height, width, 3), 255, np.uint8)
    cv2.rectangle(page, (edge, edge), (width - edge, height - edge), (200, 200, 200), 1)
    steps = np.array([row["step"] for row in rows])
    top = max(row["loss"] for row in rows)
    lines = (
        ("loss", "loss", top, (60, 60, 60)),
        ("held_out_loss", "held-out loss", top, (40, 40, 220)),
        ("family_accuracy", "accuracy of families, held out (0 to 1)", 1.0, (200, 120, 0)),
        ("kind_accuracy", "accuracy of kinds, held out (0 to 1)", 1.0, (0, 150, 0)),
    )
    for number, (name, words, full, ink) in enumerate(lines):
        values = np.array([row[name] for row in rows]) / full
        x = edge + (width - 2 * edge) * steps / steps.max()
        y = height - edge - (height - 2 * edge) * np.minimum(values, 1)
        cv2.polylines(page, [np.round(np.stack([x, y], axis=1)).astype(np.int32)], False, ink, 2, cv2.LINE_AA)
        cv2.putText(page, words, (edge + 8 + 210 * number, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.38, ink, 1, cv2.LINE_AA)
    cv2.putText(
        page,
        f"steps: {int(steps.max())}; losses on a scale from 0 to {top:.2f}",
        (edge, height - 18),
        cv2.FONT_HERSHEY_SIMPLEX,
        0.4,
        (0, 0, 0),
    )
    coded: NDArray[np.uint8] = np.asarray(cv2.imencode(".png", page)[1], np.uint8)
    return coded.tobytes()
