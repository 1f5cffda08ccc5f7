"""The curve of a refinement: what each epoch came to, as numbers and as a picture; and which epoch is best."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import cv2
import msgspec
import numpy as np

from common.records import Value, canonical

WIDTH, HEIGHT, EDGE = 900, 420, 50
LINES = (("train_error", "training", (200, 120, 0)), ("validation_error", "validation", (40, 40, 220)), ("test_error", "test", (0, 150, 0)))
"""Of the picture: field, word, ink as OpenCV has it (blue, green, red)."""


class Epoch(Value, frozen=True, kw_only=True):
    """What one epoch came to; errors are fractions. The test error decides nothing and is filled in when all is decided.

    `train_loss` and `train_error` are of the pictures as they were varied, while the weights moved; losses are in nats.
    """

    epoch: int
    rate: float
    train_loss: float
    train_error: float
    validation_loss: float
    validation_error: float
    test_error: float | None = None


def best(curve: Sequence[Epoch]) -> Epoch:
    """Return the epoch with the fewest validation errors; of several, the one of the smallest validation loss."""
    return min(curve, key=lambda row: (row.validation_error, row.validation_loss, row.epoch))


def to_csv(curve: Sequence[Epoch]) -> bytes:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(Epoch.__struct_fields__)
    writer.writerows(["" if value is None else value for value in msgspec.structs.astuple(row)] for row in curve)
    return sink.getvalue().encode()


def to_json(curve: Sequence[Epoch]) -> bytes:
    return canonical({"epochs": list(curve), "chosen": best(curve).epoch})


def plot(curve: Sequence[Epoch]) -> bytes:
    """Draw the errors over the epochs, and which was chosen, as PNG."""
    page = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    values = [[getattr(row, field) for row in curve if getattr(row, field) is not None] for field, _, _ in LINES]
    top = max(0.05, *(max(line) for line in values if line))
    x = EDGE + (WIDTH - 2 * EDGE) * (np.arange(len(curve)) + 0.5) / len(curve)
    chosen = round(float(x[best(curve).epoch - curve[0].epoch]))
    cv2.rectangle(page, (EDGE, EDGE), (WIDTH - EDGE, HEIGHT - EDGE), (200, 200, 200), 1)
    cv2.line(page, (chosen, EDGE), (chosen, HEIGHT - EDGE), (200, 200, 200), 2)
    for number, ((_, word, ink), line) in enumerate(zip(LINES, values, strict=True)):
        if line:
            y = HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * np.asarray(line) / top
            points = np.round(np.stack([x[: len(line)], y], axis=1)).astype(np.int32)
            cv2.polylines(page, [points], False, ink, 2, cv2.LINE_AA)
        cv2.putText(page, word, (EDGE + 8 + 120 * number, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, 1, cv2.LINE_AA)
    words = f"errors from 0 to {100 * top:.0f} % over {len(curve)} epochs; the grey line is epoch {best(curve).epoch}, chosen on validation"
    cv2.putText(page, words, (EDGE, HEIGHT - 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return np.asarray(cv2.imencode(".png", page)[1], np.uint8).tobytes()
