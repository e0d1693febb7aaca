"""The recorder: append-only rows of 28 bytes, one recorder a worker, no lock, no object a sample."""

import sys
from collections.abc import Iterable
from dataclasses import replace
from struct import Struct
from threading import Lock
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tailguard.record.samples import (
    MOST_ERRORS,
    VALUE,
    Samples,
    amend_code,
    pack_code,
    samples_from_rows,
    unpack_codes,
)
from tailguard.record.samples.first_failure import FirstFailure
from tailguard.record.samples.values import PER_UNIT, Values

# Three instants of 64 bits and a code of 32. A growing buffer reserves up to an eighth more: at most 31.5 bytes.
# "n" is the machine's own signed size, 64 bits wherever we run, and packs in half the time of "q".
_ROW = Struct("nnni")
pack_row, unpack_rows = _ROW.pack, _ROW.iter_unpack
ROW = np.dtype([("instants", np.int64, 3), ("code", np.int32)])
ROW_BYTES, CODE_BYTES = ROW.itemsize, ROW["code"].itemsize


class Recorder:
    """Rows of (intended_ns, started_ns, ended_ns, code) in one growing buffer.

    Only its worker appends; anybody may read at any time, for copying the buffer is one step under the GIL.
    """

    __slots__ = ("buffer",)

    def __init__(self) -> None:
        self.buffer = bytearray()

    def append(self, intended_ns: int, started_ns: int, ended_ns: int, code: int) -> None:
        """Keep one sample; `code` is made by `tailguard.record.samples.pack_code`."""
        self.buffer += pack_row(intended_ns, started_ns, ended_ns, code)

    def amend_last(self, outcome: int, error: int) -> None:
        """Give the last sample another outcome and kind of error, unless it is an error already."""
        code = int.from_bytes(self.buffer[-CODE_BYTES:], sys.byteorder)
        self.buffer[-CODE_BYTES:] = amend_code(code, outcome, error).to_bytes(CODE_BYTES, sys.byteorder)

    def drain(self) -> bytearray:
        """Return the rows so far and forget them. Not for a recorder whose last sample may still be amended."""
        rows, self.buffer = self.buffer, bytearray()
        return rows

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.buffer) // ROW_BYTES

    def rows(self) -> NDArray[np.int64]:
        """Return a copy of the rows, shape (n, 4)."""
        rows = np.frombuffer(bytes(self.buffer), dtype=ROW)
        return np.column_stack([rows["instants"], rows["code"]])

    def samples(self, scenario: str, steps: tuple[str, ...], errors: tuple[str, ...]) -> Samples:
        """Return this recorder's samples alone."""
        return merge([self], scenario, steps, errors)


class ErrorKinds:
    """The names of failures and refusals of one scenario, numbered as they are first met; number 0 is none.

    A code has room for 8,192; what comes after the last but one shares the last, "other".

    Attributes:
        first: the first failure of each kind, of the first MOST_FIRST kinds.
    """

    NONE: ClassVar[int] = 0
    # More kinds than a person reads; together some 30 KB.
    MOST_FIRST: ClassVar[int] = 50

    def __init__(self) -> None:
        self.first: dict[str, FirstFailure] = {}
        self._numbers = {"": self.NONE}
        self._lock = Lock()

    def number(self, kind: str, failure: BaseException | None = None) -> int:
        """Return the number of `kind`, giving it one if it is new; `failure` is one of that kind."""
        with self._lock:
            if len(self._numbers) >= MOST_ERRORS - 1 and kind not in self._numbers:
                kind = "other"
            if failure is not None and kind not in self.first and len(self.first) < self.MOST_FIRST:
                self.first[kind] = FirstFailure.of(failure)
            return self._numbers.setdefault(kind, len(self._numbers))

    def said(self) -> dict[str, str]:
        """Return what the first failure of each kind said, secrets masked."""
        with self._lock:
            return {kind: first.said for kind, first in self.first.items()}

    def names(self) -> tuple[str, ...]:
        """Return the kinds in order of their numbers."""
        with self._lock:
            return tuple(self._numbers)


def merge(
    recorders: Iterable[Recorder],
    scenario: str,
    steps: tuple[str, ...],
    errors: tuple[str, ...],
    values: Iterable[Recorder] = (),
    metrics: tuple[str, ...] = (),
) -> Samples:
    """Put the samples of several workers into one, in order of their intended start; beside them recorded `values`."""
    rows = [recorder.rows() for recorder in recorders]
    samples = samples_from_rows(
        scenario, steps, errors, np.concatenate(rows) if rows else np.empty((0, 4), np.int64)
    )
    return replace(samples, recorded=_values(values, metrics)) if metrics else samples


def value_row(at_ns: int, metric: int, value: float) -> bytes:
    """Return a recorded number as a row; see `tailguard.record.samples.values`."""
    return pack_row(at_ns, at_ns, at_ns + round(value * PER_UNIT), pack_code(metric, VALUE))


def _values(recorders: Iterable[Recorder], metrics: tuple[str, ...]) -> Values:
    rows = np.concatenate([np.empty((0, 4), np.int64), *(recorder.rows() for recorder in recorders)])
    at_ns, _, ended_ns, code = rows[np.argsort(rows[:, 0], kind="stable")].T
    return Values(metrics, unpack_codes(code)["step"], at_ns, (ended_ns - at_ns) / PER_UNIT)
