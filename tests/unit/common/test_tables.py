"""Tables and matrices: typed in, typed out, the same bytes for the same rows."""

from __future__ import annotations

import io

import numpy as np
import pyarrow.parquet as pq
import pytest

from common.errors import BadInput
from common.records import Value
from common.tables import read_matrix, read_table, write_columns, write_matrix, write_table


class Row(Value, frozen=True, kw_only=True):
    name: str
    count: int
    share: float
    good: bool


ROWS = [Row(name='ä,\n"', count=-5, share=0.1, good=True), Row(name="", count=2**60, share=1e300, good=False)]


def test_rows_come_back_as_they_were() -> None:
    assert read_table(write_table(ROWS, Row), Row) == ROWS
    assert read_table(write_table([], Row), Row) == []


def test_equal_rows_give_equal_bytes() -> None:
    assert write_table(ROWS, Row) == write_table(iter(ROWS), Row)


def test_other_columns_are_refused() -> None:
    class Other(Value, frozen=True, kw_only=True):
        colour: str

    with pytest.raises(BadInput, match="Other rows"):
        read_table(write_table(ROWS, Row), Other)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"x" * 100, write_table(ROWS, Row)[:-9]])
def test_what_is_no_table_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput):
        read_table(data, Row)


def test_a_matrix_comes_back_as_float32() -> None:
    matrix = np.arange(6, dtype=np.float64).reshape(2, 3).T
    back = read_matrix(write_matrix(matrix.astype(np.float32)))
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, matrix)


def test_no_pickle_is_ever_read() -> None:
    class Dangerous:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            raise AssertionError("code ran")

    sink = io.BytesIO()
    np.save(sink, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(BadInput, match="not a readable matrix"):
        read_matrix(sink.getvalue())
    with pytest.raises(BadInput):
        read_matrix(b"\x93NUMPY\x01\x00\xff\xff" + b"{" * 100)


def test_columns_become_a_table_of_the_kinds_that_are_said_with_nulls() -> None:
    data = write_columns({"name": ["a", ""], "share": [0.5, None]}, {"share": float, "name": str, "other": int})
    read = pq.read_table(io.BytesIO(data))
    assert read.to_pydict() == {"name": ["a", ""], "share": [0.5, None]}
    assert [str(kind) for kind in read.schema.types] == ["string", "double"]
