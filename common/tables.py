"""Tables as Parquet, matrices as .npy: typed rows in, equal bytes for equal rows out."""

from __future__ import annotations

import io
import math
import typing
from collections.abc import Iterable, Mapping, Sequence
from tokenize import TokenError
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from common.errors import BadInput
from common.records import Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

R = TypeVar("R", bound=Value)

MOST_ROWS = 20_000_000
MOST_TABLE_BYTES = 1 << 32


def write_table(rows: Iterable[R], kind: type[R]) -> bytes:
    """Return rows as Parquet, one column for each field of `kind` (str, int, float or bool)."""
    import pyarrow as pa

    hints = typing.get_type_hints(kind)
    schema = _schema({name: hints[name] for name in kind.__struct_fields__})
    return _as_parquet(pa.Table.from_pylist([msgspec.structs.asdict(row) for row in rows], schema=schema))


def write_columns(columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, type]) -> bytes:
    """Return columns of equal length as Parquet, of the kind (str, int, float or bool) that each has; None is null."""
    import pyarrow as pa

    return _as_parquet(pa.Table.from_pydict(dict(columns), schema=_schema({name: kinds[name] for name in columns})))


def _schema(kinds: Mapping[str, type]) -> Any:
    import pyarrow as pa

    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    return pa.schema([(name, types[kind]) for name, kind in kinds.items()])


def _as_parquet(table: Any) -> bytes:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", store_schema=False)
    return sink.getvalue()


def read_table(data: bytes, kind: type[R]) -> list[R]:
    """Return the rows of a Parquet table; a column that it lacks, being older, has the field's default.

    Raises:
        BadInput: it is not Parquet, its columns are others, or it grows too large.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(data))
        sizes = [file.metadata.row_group(number).total_byte_size for number in range(file.metadata.num_row_groups)]
        if file.metadata.num_rows > MOST_ROWS or sum(sizes) > MOST_TABLE_BYTES:
            raise BadInput(f"a table of {file.metadata.num_rows} rows and {sum(sizes)} bytes is too large to be read.")
        known = set(file.schema_arrow.names)
        rows = file.read(columns=[name for name in kind.__struct_fields__ if name in known], use_threads=False).to_pylist()
        return msgspec.convert(rows, list[kind])  # type: ignore[valid-type]
    except (pa.ArrowException, msgspec.ValidationError, OSError, ValueError) as error:
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
        BadInput: it is not .npy, holds what are no numbers, or has other bytes than its header says.
    """
    import numpy as np
    from numpy.lib import format as npy

    file = io.BytesIO(data)
    try:
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(file)]
        shape, by_column, kind = read_header(file)
    except (ValueError, KeyError, SyntaxError, TypeError, RecursionError, MemoryError, TokenError) as error:
        raise BadInput(f"not a readable matrix: {error}") from error
    start = file.tell()
    if kind.kind not in "biuf" or math.prod(shape) * kind.itemsize != len(data) - start:
        raise BadInput(f"not a readable matrix: its header says {shape} of {kind}, and {len(data) - start} bytes follow.")
    flat = np.frombuffer(data, kind, offset=start).astype(np.float32)
    return flat.reshape(shape, order="F" if by_column else "C")
