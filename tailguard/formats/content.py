"""What readers find in files of other tools: samples a row each, or a histogram."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Unit: TypeAlias = Literal["ns", "us", "µs", "ms", "s"]
# Cells as a file has them: Arrow's text, or numbers; Arrow and numpy ship no types for "a column of either".
Cells: TypeAlias = Any
# Instants on any scale: only their order counts.
Times: TypeAlias = NDArray[np.float64] | NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Options:
    """What the user says of a file."""

    column: str | None = None
    unit: Unit | None = None
    skip_bad_rows: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """A name for each row: an index into the different ones."""

    codes: NDArray[np.int32]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Samples as they are in a file, not yet checked.

    Attributes:
        values: latencies, in `unit`; None if the file does not say which.
        failed: which requests failed; None if the format cannot tell.
        names: of URLs, labels or commands; None if there is but one.
        times: numbers that give their order; None: the file's own order.
        ordered: whether that order is that of time.
        known: whether the column is the format's own, so that it cannot be another thing.
        counted_as: what is counted in an error: rows, or samples if not every row is one.
        skipped: what was wrong with each row that was left out on request.
    """

    values: Cells
    unit: Unit | None = None
    failed: NDArray[np.bool_] | None = None
    names: Names | None = None
    times: Times | None = None
    ordered: bool = True
    known: bool = True
    counted_as: str = "row"
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values lie at or below each of some values, without their order.

    Attributes:
        values: rising, in `unit`; `counts` is cumulative.
        error: how far a value may lie from the true one, as a share of it.
        complete: whether no bucket is left out, so that all that a row adds lies in its own.
        failed_within: how many of the values are those of failed requests; None if the format cannot tell.
        failed_beside: how many more failed that it has no value of.
    """

    values: NDArray[np.float64]
    counts: NDArray[np.int64]
    unit: Unit | None
    error: float
    complete: bool = False
    failed_within: int | None = None
    failed_beside: int = 0
    notes: tuple[str, ...] = ()


def names_of(*columns: Cells) -> Names:
    """Return the names that several columns make together, a space between them; empty cells add nothing."""
    joined = columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, " ")
    joined = pc.utf8_trim_whitespace(joined)
    encoded = pc.dictionary_encode(joined)
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    codes = np.asarray(encoded.indices, np.int32)
    return Names(codes, tuple(map(str, encoded.dictionary.to_pylist())))


def texts(values: Sequence[object]) -> Cells:
    """Return a column of text, "" for None."""
    return pa.array(["" if value is None else str(value) for value in values], pa.string())
