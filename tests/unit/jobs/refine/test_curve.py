"""The curve as numbers and as a picture, and which epoch is best."""

from __future__ import annotations

import cv2
import msgspec
import numpy as np

from jobs.refine import curve
from jobs.refine.curve import Epoch


def row(epoch: int, error: float, loss: float = 0.5) -> Epoch:
    return Epoch(epoch=epoch, rate=0.01, train_loss=1.0, train_error=0.2, validation_loss=loss, validation_error=error, test_error=0.1)


def test_the_best_epoch_has_the_fewest_errors_then_the_least_loss_then_comes_first() -> None:
    assert curve.best([row(1, 0.2), row(2, 0.1), row(3, 0.3)]).epoch == 2
    assert curve.best([row(1, 0.1, 0.9), row(2, 0.1, 0.3), row(3, 0.1, 0.5)]).epoch == 2
    assert curve.best([row(1, 0.1), row(2, 0.1)]).epoch == 1


def test_numbers_are_read_back() -> None:
    rows = [row(1, 0.2), msgspec.structs.replace(row(2, 1 / 3), test_error=None)]
    lines = curve.to_csv(rows).decode().splitlines()
    assert lines[0].split(",") == list(Epoch.__struct_fields__)
    assert lines[2] == f"2,0.01,1.0,0.2,0.5,{1 / 3},"
    document = msgspec.json.decode(curve.to_json(rows))
    assert (document["chosen"], document["epochs"][1]["validation_error"]) == (1, 1 / 3)


def test_the_picture_can_be_looked_at() -> None:
    for rows in ([row(1, 0.0)], [row(epoch, 0.5 / epoch) for epoch in range(1, 40)]):
        page = cv2.imdecode(np.frombuffer(curve.plot(rows), np.uint8), cv2.IMREAD_COLOR)
        assert page is not None
        assert page.shape == (curve.HEIGHT, curve.WIDTH, 3)
