"""Tables as Parquet, matrices as .npy: typed rows in, equal bytes for equal rows out."""

from __future__ import annotations

import io
import typing
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from common.errors import BadInput
from common.records import Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

R = TypeVar("R", bound=Value)


def write_table(rows: Iterable[R], kind: type[R]) -> bytes:
    """Return rows as Parquet, one column for each field of `kind` (str, int, float or bool)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    hints = typing.get_type_hints(kind)
    schema = pa.schema([(name, kinds[hints[name]]) for name in kind.__struct_fields__])
    table = pa.Table.from_pylist([msgspec.structs.asdict(row) for row in rows], schema=schema)
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", store_schema=False)
    return sink.getvalue()


def read_table(data: bytes, kind: type[R]) -> list[R]:
    """Return the rows of a Parquet table.

    Raises:
        BadInput: it is not Parquet, or its columns are others.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(io.BytesIO(data), use_threads=False).to_pylist()
        return msgspec.convert(rows, list[kind])  # type: ignore[valid-type]
    except (pa.ArrowException, msgspec.ValidationError, OSError) as error:
        raise BadInput(f"not a readable table of {kind.__name__} rows: {error}") from error


def write_matrix(matrix: NDArray[Any]) -> bytes:
    """Return a matrix as .npy."""
    import numpy as np

    sink = io.BytesIO()
    np.save(sink, np.ascontiguousarray(matrix), allow_pickle=False)
    return sink.getvalue()


def read_matrix(data: bytes) -> NDArray[np.float32]:
    """Return a float32 matrix from .npy; no pickle is ever read.

    Raises:
        BadInput: it is not .npy, or holds objects.
    """
    import numpy as np

    try:
        return np.asarray(np.load(io.BytesIO(data), allow_pickle=False), dtype=np.float32)
    except (ValueError, EOFError, OSError) as error:
        raise BadInput(f"not a readable matrix: {error}") from error
