"""The table of predictions: a row for each picture that the source has, in the order of their names; refused ones say why.

Columns: `id` (sha256 of the picture), `source` (its path below what was scored, or its URL), `label` (the most
probable class, or "unknown"), `best` and `probability` (that class also then), `p_CLASS` for each class, `version`
of the model, and `reason` where the picture was refused: then it has no class and no probabilities.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from common.tables import write_columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.dataset import Row

PARQUET, CSV = "predictions.parquet", "predictions.csv"
UNKNOWN = "unknown"
NUMBERS = ("probability", "p_")
DIGITS = 7  # of a probability in text: all that a float32 has

Columns = Mapping[str, Sequence[Any]]


def columns(
    rows: Sequence[Row], scores: Mapping[str, NDArray[np.float32]], classes: Sequence[str], threshold: float, version: str
) -> Columns:
    """Return the table; `scores` are probabilities (k,) by a picture's id, in the order of the classes."""
    found = [scores[row.id] if row.id else None for row in rows]
    best = [None if one is None else int(one.argmax()) for one in found]
    top = [None if one is None or index is None else float(one[index]) for one, index in zip(found, best, strict=True)]
    names = ["" if index is None else classes[index] for index in best]
    return {
        "id": [row.id for row in rows],
        "source": [row.name for row in rows],
        "label": [UNKNOWN if share is not None and share < threshold else name for name, share in zip(names, top, strict=True)],
        "best": names,
        "probability": top,
        **{f"p_{name}": [None if one is None else float(one[index]) for one in found] for index, name in enumerate(classes)},
        "version": [version] * len(rows),
        "reason": [row.reason for row in rows],
    }


def counts(table: Columns) -> dict[str, Any]:
    """Return how many pictures were scored, how many of them are unknown, how many were refused, and how many are of each label."""
    labels = [label for label, picture in zip(table["label"], table["id"], strict=True) if picture]
    return {
        "pictures": len(labels),
        "unknown": sum(label != best for label, best in zip(table["label"], table["best"], strict=True)),
        "refused": len(table["id"]) - len(labels),
        "labels": {label: labels.count(label) for label in sorted(set(labels))},
    }


def as_parquet(table: Columns) -> bytes:
    return write_columns(table, {name: float if name.startswith(NUMBERS) else str for name in table})


def as_csv(table: Columns) -> bytes:
    """Return the table as CSV (RFC 4180, but lines end as Unix has them; UTF-8) with a header; what a row does not have is empty.

    All text is quoted, because a picture's name may hold anything, line ends too.
    """
    sink = io.StringIO(newline="")
    lines = csv.writer(sink, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    lines.writerow(table)
    lines.writerows([_cell(value) for value in row] for row in zip(*table.values(), strict=True))
    return sink.getvalue().encode()


def _cell(value: str | float | None) -> str | float:
    return "" if value is None else value if isinstance(value, str) else float(f"{value:.{DIGITS}g}")
