"""Columns of a Parquet file, to and from numpy. pyarrow's own ways import pandas to ask whether it is theirs: 0.4 s."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def numbers(values: NDArray[Any]) -> Any:
    """Return a column of numbers."""
    import pyarrow as pa  # noqa: PLC0415  # slow to import: only who touches a file waits for it

    return pa.Array.from_buffers(
        pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))]
    )


def texts(words: Iterable[str]) -> Any:
    """Return a column of texts."""
    import pyarrow as pa  # noqa: PLC0415  # as above

    encoded = [word.encode() for word in words]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))


def values(column: Any) -> NDArray[Any]:
    """Return the numbers of a column, each row of which has one."""
    kind = np.dtype(column.type.to_pandas_dtype())
    data = column.buffers()[1] if len(column) else b""
    return np.frombuffer(data, kind, len(column), column.offset * kind.itemsize)
