"""The report: one HTML file that needs nothing else, the verdict first, then pictures."""

from __future__ import annotations

import base64
import functools
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import images, shards
from common.artifact import Artifact, UnitReader
from common.dataset import LEAVE_ONE_GROUP_OUT, Entry
from common.errors import BadInput
from common.metrics import Figure, Scored, Summary
from common.model import Card
from common.records import Manifest

MOST_ERRORS, MOST_EXCLUDED, THUMBNAIL = 48, 200, 160
_CURVE_POINTS = 120


class Pictures:
    """Reads single pictures of a snapshot, by range."""

    def __init__(self, snapshot: Artifact) -> None:
        self._snapshot = snapshot

    @functools.cached_property
    def _places(self) -> dict[str, tuple[UnitReader, shards.Entry]]:
        return {entry.id: (unit, entry) for unit in self._snapshot.units for entry in shards.read_index(unit)}

    def thumbnail(self, image_id: str, side: int = THUMBNAIL) -> str:
        """Return a small JPEG as a data URL, or "" where the picture cannot be shown."""
        if image_id not in self._places:
            return ""
        try:
            picture = images.decode(shards.read_picture(*self._places[image_id]))
        except BadInput:
            return ""
        return "data:image/jpeg;base64," + base64.b64encode(images.thumbnail(picture, side)).decode()


@dataclass(frozen=True)
class Page:
    """What the report tells."""

    source: str
    scoring: str
    card: Card
    model_digest: str
    version: Manifest
    trials: list[dict[str, float]]
    scored: Scored
    summary: Summary
    entries: list[Entry]
    excluded: list[Entry]
    pictures: Pictures


def render(page: Page) -> bytes:
    """Return the report as HTML; names of files and classes are escaped."""
    import jinja2

    template = resources.files("jobs.evaluate") / "report.html.j2"
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": percent, "interval": interval}
    return environment.from_string(template.read_text(encoding="utf-8")).render(_facts(page)).encode()


def percent(value: float) -> str:
    """Write a fraction as a whole percent, with one decimal close to 0 and 100."""
    points = 100 * value
    return f"{points:.1f} %" if 0 < points < 2 or 98 < points < 100 else f"{points:.0f} %"


def interval(figure: Figure) -> str:
    """Write a figure's 95 % interval."""
    return f"{percent(figure.low)} to {percent(figure.high)}"


def sentence(page: Page) -> str:
    """Return the verdict in one sentence."""
    count = f"{len(page.entries)} pictures ({page.source})"
    unseen = "whose group was left out of training" if page.scoring == LEAVE_ONE_GROUP_OUT else "that training did not see"
    accuracy = page.summary.accuracy
    low, high = percent(accuracy.low), percent(accuracy.high)
    return f"Right on {percent(accuracy.value)} of {count} {unseen}; with 95 % confidence between {low} and {high}."


def _facts(page: Page) -> dict[str, Any]:
    classes = page.card.classes
    info = page.version.info
    return {
        "sentence": sentence(page),
        "page": page,
        "figures": [
            ("Accuracy", page.summary.accuracy),
            ("Class-averaged accuracy", page.summary.class_average_accuracy),
            ("Macro F1", page.summary.macro_f1),
            ("Area under ROC", page.summary.auc),
        ],
        "rows": list(zip(classes, page.summary.class_accuracy, page.summary.class_auc, strict=True)),
        "confusion": _confusion(page),
        "curves": [(name, _curve(page.scored, index)) for index, name in enumerate(classes)],
        "errors": _errors(page),
        "excluded": _excluded(page),
        "excluded_count": len(page.excluded),
        "warnings": info["warnings"],
        "counts": [(name, info["groups"][name], info["sides"][name]) for name in classes],
        "provenance": {
            "Pictures": page.source,
            "Scored": page.scoring,
            "Backbone and classifier": page.card.name,
            "C": page.card.training["c"],
            "Temperature": round(page.card.temperature, 4),
            "Model": page.model_digest,
            "Dataset version": page.version.digest,
            "Preprocessing": f"{page.card.preprocessing.fit}, {page.card.preprocessing.resolution} pixels",
        },
    }


def _confusion(page: Page) -> list[tuple[str, list[tuple[int, float]]]]:
    """Return for each true class its counts and their shares of the row."""
    rows = []
    for name, counts in zip(page.card.classes, page.summary.confusion, strict=True):
        total = max(1, sum(counts))
        rows.append((name, [(count, count / total) for count in counts]))
    return rows


def _curve(scored: Scored, index: int) -> str:
    """Return a ROC curve as SVG points in a square of 100."""
    order = np.argsort(-scored.probabilities[:, index], kind="stable")
    positive = scored.truth[order] == index
    found = np.concatenate([[0.0], np.cumsum(positive) / max(1, positive.sum())])
    false = np.concatenate([[0.0], np.cumsum(~positive) / max(1, (~positive).sum())])
    keep = _thin(len(found))
    return " ".join(f"{100 * x:.1f},{100 - 100 * y:.1f}" for x, y in zip(false[keep], found[keep], strict=True))


def _thin(length: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, length - 1, min(length, _CURVE_POINTS)).round().astype(np.int64))


def _errors(page: Page) -> list[dict[str, Any]]:
    """Return the wrong ones, the surest first."""
    predicted = page.scored.predicted
    wrong = np.flatnonzero(predicted != page.scored.truth)
    surest = sorted(wrong.tolist(), key=lambda row: (-page.scored.probabilities[row, predicted[row]], page.entries[row].name))
    return [
        {
            "entry": page.entries[row],
            "predicted": page.card.classes[predicted[row]],
            "confidence": page.scored.probabilities[row, predicted[row]],
            "image": page.pictures.thumbnail(page.entries[row].id),
        }
        for row in surest[:MOST_ERRORS]
    ]


def _excluded(page: Page) -> list[Entry]:
    """Return what was left out, label conflicts first."""
    order = sorted(page.excluded, key=lambda entry: (not entry.reason.startswith("label conflict"), entry.reason, entry.name))
    return order[:MOST_EXCLUDED]
