"""The report: one HTML file that needs nothing else, the verdict first, then pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import pages
from common.dataset import LABEL_CONFLICT, LEAVE_ONE_GROUP_OUT, Entry
from common.metrics import Curve, Scored, Summary, pr_curve, roc_curve
from common.model import Card
from common.pages import percent
from common.records import Manifest
from jobs.evaluate import curated
from jobs.evaluate.curated import Curated
from jobs.evaluate.gallery import Gallery

MOST_ERRORS, MOST_PAIRS, MOST_OF_A_PAIR, MOST_SAME, MOST_EXCLUDED = 24, 4, 6, 24, 200
_CURVE_POINTS = 100


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
    gallery: Gallery
    curated: Curated


def render(page: Page) -> bytes:
    """Return the report as HTML; names of files and classes are escaped."""
    return pages.render(resources.files("jobs.evaluate") / "report.html.j2", _facts(page))


def sentence(page: Page) -> str:
    """Return the verdict in one sentence."""
    count = f"{len(page.entries)} pictures ({page.source})"
    unseen = "whose group was left out of training" if page.scoring == LEAVE_ONE_GROUP_OUT else "that training did not see"
    accuracy = page.summary.accuracy
    low, high = percent(accuracy.low), percent(accuracy.high)
    return f"Right on {percent(accuracy.value)} of {count} {unseen}; with 95 % confidence between {low} and {high}."


def _facts(page: Page) -> dict[str, Any]:
    classes, summary = page.card.classes, page.summary
    return {
        "sentence": sentence(page),
        "page": page,
        "figures": [
            ("Accuracy", summary.accuracy),
            ("Class-averaged accuracy", summary.class_average_accuracy),
            ("Macro F1", summary.macro_f1),
            ("Area under ROC", summary.auc),
            ("Average precision", summary.precision),
            ("Calibration error", summary.calibration_error),
        ],
        "rows": list(zip(classes, summary.class_accuracy, summary.class_f1, summary.class_auc, summary.class_precision, strict=True)),
        "micro": (summary.auc_micro, summary.precision_micro),
        "confusion": _confusion(page),
        "roc": _curves(page, roc_curve),
        "precision": _curves(page, pr_curve),
        "reliability": [(100 * one.confidence, 100 * one.accuracy.value, one) for one in summary.reliability],
        "errors": _errors(page),
        "pairs": _confused_pairs(page),
        "same": _same_pictures(page),
        "copies": _copies(page),
        "reasons": Counter(_kind(entry) for entry in page.excluded).most_common(),
        "excluded": _excluded(page),
        "warnings": [*page.version.info["warnings"], *page.curated.warnings],
        "counts": [(name, page.version.info["groups"][name], page.version.info["sides"][name]) for name in classes],
        "provenance": _provenance(page),
        "curated": curated.facts(page.curated, page.gallery),
        "refined": "refined" in page.card.training,
    }


def _provenance(page: Page) -> dict[str, Any]:
    return {
        "Pictures": page.source,
        "Scored": page.scoring,
        "Backbone and classifier": page.card.name,
        **({"C": page.card.training["c"]} if "c" in page.card.training else {}),
        **_refinement(page.card.training.get("refined")),
        "Temperature": round(page.card.temperature, 4),
        "Model": page.model_digest,
        "Dataset version": page.version.digest,
        "Preprocessing": f"{page.card.preprocessing.fit}, {page.card.preprocessing.resolution} pixels",
    }


def _refinement(refined: Mapping[str, Any] | None) -> dict[str, str]:
    """Say how the network was refined."""
    if refined is None:
        return {}
    words = "{recipe} recipe, epoch {epoch} of {epochs} (chosen on validation pictures), trained by {library}"
    return {"Refinement": words.format(**refined)}


def _confusion(page: Page) -> list[tuple[str, list[tuple[int, float]]]]:
    """Return for each true class its counts and their shares of the row."""
    rows = []
    for name, counts in zip(page.card.classes, page.summary.confusion, strict=True):
        total = max(1, sum(counts))
        rows.append((name, [(count, count / total) for count in counts]))
    return rows


def _curves(page: Page, of: Any) -> list[tuple[str, str]]:
    """Return (class, SVG points in a square of 100) for each class, then for all judgements together."""
    scores, truth = page.scored.probabilities, page.scored.truth
    ours = truth[:, None] == np.arange(page.scored.classes)
    named = [(name, of(scores[:, index], ours[:, index])) for index, name in enumerate(page.card.classes)]
    return [(name, _points(curve)) for name, curve in [*named, ("all together", of(scores.ravel(), ours.ravel()))]]


def _points(curve: Curve) -> str:
    keep = np.unique(np.linspace(0, len(curve.x) - 1, min(len(curve.x), _CURVE_POINTS)).round().astype(np.int64))
    return " ".join(f"{100 * x:.1f},{100 - 100 * y:.1f}" for x, y in zip(curve.x[keep], curve.y[keep], strict=True))


def _errors(page: Page) -> list[dict[str, Any]]:
    """Return the wrong ones, the surest first, each beside the training pictures that look most like it."""
    predicted, sure = page.scored.predicted, page.scored.confidence
    wrong = np.flatnonzero(predicted != page.scored.truth).tolist()
    surest = sorted(wrong, key=lambda row: (-sure[row], page.entries[row].name))[:MOST_ERRORS]
    near = page.gallery.neighbours([page.entries[row] for row in surest])
    return [
        {
            "entry": page.entries[row],
            "predicted": page.card.classes[predicted[row]],
            "confidence": sure[row],
            "image": page.gallery.thumbnail(page.entries[row].id),
            "near": [(one, page.gallery.thumbnail(one.id, small=True)) for one in neighbours],
        }
        for row, neighbours in zip(surest, near, strict=True)
    ]


def _confused_pairs(page: Page) -> list[dict[str, Any]]:
    """Return the most frequent confusions with a few pictures of each."""
    predicted, truth = page.scored.predicted, page.scored.truth
    counts = Counter((int(true), int(guess)) for true, guess in zip(truth, predicted, strict=True) if true != guess)
    found = []
    for (true, guess), count in counts.most_common(MOST_PAIRS):
        rows: NDArray[np.int64] = np.flatnonzero((truth == true) & (predicted == guess))
        shown = sorted(rows.tolist(), key=lambda row: -page.scored.confidence[row])[:MOST_OF_A_PAIR]
        images = [(page.entries[row], page.gallery.thumbnail(page.entries[row].id, small=True)) for row in shown]
        found.append({"true": page.card.classes[true], "guess": page.card.classes[guess], "count": count, "images": images})
    return found


def _same_pictures(page: Page) -> list[dict[str, Any]]:
    """Return sets of the same picture, label conflicts first, then duplicates beside the one that was kept."""
    kept = {entry.name: entry for entry in page.gallery.kept}
    sets: dict[tuple[int, str], list[Entry]] = {}
    for entry in sorted(page.excluded, key=lambda one: one.name):
        if entry.reason.startswith(LABEL_CONFLICT):
            sets.setdefault((0, entry.group), []).append(entry)
        elif entry.reason.startswith("duplicate of "):
            original = entry.reason.removeprefix("duplicate of ")
            members = sets.setdefault((1, original), [kept[original]] if original in kept else [])
            members.append(entry)
    return [
        {
            "conflict": order == 0,
            "reason": members[0].reason if order == 0 else f"{len(members)} times, one kept",
            "images": [(one, page.gallery.thumbnail(one.id, small=True)) for one in members[:MOST_OF_A_PAIR]],
        }
        for (order, _), members in sorted(sets.items())[:MOST_SAME]
    ]


def _copies(page: Page) -> list[dict[str, Any]]:
    """Return pairs that may be copies, those of both sides of the split first."""
    kept = {entry.id: entry for entry in page.gallery.kept}
    pairs = sorted(page.curated.copies, key=lambda pair: (pair.one_side == pair.other_side, -pair.sure))[:MOST_SAME]
    return [
        {
            "across": pair.one_side != pair.other_side,
            "images": [(kept[one], page.gallery.thumbnail(one, small=True)) for one in (pair.one, pair.other)],
        }
        for pair in pairs
    ]


def _excluded(page: Page) -> list[Entry]:
    """Return what was left out, label conflicts first."""
    order = sorted(page.excluded, key=lambda entry: (not entry.reason.startswith(LABEL_CONFLICT), entry.reason, entry.name))
    return order[:MOST_EXCLUDED]


def _kind(entry: Entry) -> str:
    return entry.reason.partition(":")[0].partition(" of ")[0]
