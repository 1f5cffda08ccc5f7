"""The table of predictions: what each row says, and that both forms say the same."""

from __future__ import annotations

import csv
import io

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from common.dataset import Row
from jobs.predict import table

CLASSES = ("bars", "id")  # a class may be called as a column is


def row(name: str, identity: str = "", reason: str = "") -> Row:
    return Row(label="", name=name, token=name, id=identity, reason=reason, licence="", dedicated=False, first=1, gone=0)


def a_table(threshold: float = 0.5) -> table.Columns:
    rows = [row("a.png", "1"), row("b.png", "2"), row("c.jpg", reason="cannot be decoded"), row("again.png", "1")]
    scores = {"1": np.asarray([0.7, 0.3], np.float32), "2": np.asarray([0.45, 0.55], np.float32)}
    return table.columns(rows, scores, CLASSES, threshold, "0123456789ab")


def lines(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True))


def test_a_row_has_the_best_class_and_every_probability() -> None:
    first, second, _, again = lines(table.as_csv(a_table()))
    assert first == {
        "id": "1", "source": "a.png", "label": "bars", "best": "bars", "probability": "0.7", "p_bars": "0.7", "p_id": "0.3",
        "version": "0123456789ab", "reason": "",
    }  # fmt: skip
    assert (second["label"], second["probability"]) == ("id", "0.55")
    assert {**again, "source": "a.png"} == first


def test_a_refused_picture_is_a_row_with_its_reason_and_no_class() -> None:
    refused = lines(table.as_csv(a_table()))[2]
    assert (refused["source"], refused["reason"], refused["version"]) == ("c.jpg", "cannot be decoded", "0123456789ab")
    assert [refused[name] for name in ("id", "label", "best", "probability", "p_bars", "p_id")] == [""] * 6


@pytest.mark.parametrize(
    ("threshold", "labels"),
    [(0, ["bars", "id", "", "bars"]), (0.6, ["bars", "unknown", "", "bars"]), (1, ["unknown", "unknown", "", "unknown"])],
)
def test_under_the_threshold_the_label_is_unknown_and_the_best_class_is_still_told(threshold: float, labels: list[str]) -> None:
    made = a_table(threshold)
    assert list(made["label"]) == labels
    assert list(made["best"]) == ["bars", "id", "", "bars"]
    counted = table.counts(made)
    assert (counted["pictures"], counted["refused"], counted["unknown"]) == (3, 1, labels.count("unknown"))
    assert sum(counted["labels"].values()) == 3


def test_parquet_has_the_same_rows_with_numbers_and_nulls() -> None:
    made = a_table()
    read = pq.read_table(io.BytesIO(table.as_parquet(made)))
    assert read.column_names == list(made)
    assert [str(read.schema.field(name).type) for name in ("id", "probability", "p_id", "version")] == [
        "string",
        "double",
        "double",
        "string",
    ]
    assert read.to_pydict() == {name: list(values) for name, values in made.items()}
    assert read["p_id"].to_pylist()[2] is None


def test_no_pictures_are_a_table_with_a_head() -> None:
    empty = table.columns([], {}, CLASSES, 0.5, "v")
    assert table.as_csv(empty).decode() == '"id","source","label","best","probability","p_bars","p_id","version","reason"\n'
    assert pq.read_table(io.BytesIO(table.as_parquet(empty))).num_rows == 0


@settings(max_examples=50, deadline=None)
@given(some.lists(some.text(some.characters(exclude_categories=["Cs"]), max_size=12), min_size=1, max_size=8))
def test_any_name_comes_back_from_the_csv(names: list[str]) -> None:
    made = table.columns([row(name, "1") for name in names], {"1": np.asarray([1, 0], np.float32)}, CLASSES, 0.5, "v")
    assert [line["source"] for line in lines(table.as_csv(made))] == names
