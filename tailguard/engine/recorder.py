"""The recorder: append-only rows of 28 bytes, one recorder a worker, no lock, no object a sample."""

from collections.abc import Iterable
from struct import Struct
from threading import Lock
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tailguard.record.samples import MOST_ERRORS, Samples, samples_from_rows

# Three instants of 64 bits and a code of 32. A growing buffer holds up to an eighth in reserve: 31.5 bytes a sample in
# all. "n" is the machine's own signed size, 64 bits wherever we run, and packs in half the time of "q".
_pack = Struct("nnni").pack
ROW = np.dtype([("instants", np.int64, 3), ("code", np.int32)])
ROW_BYTES = ROW.itemsize


class Recorder:
    """Rows of (intended_ns, started_ns, ended_ns, code) in one growing buffer.

    Only its worker appends; anybody may read at any time, for copying the buffer is one step under the GIL.
    """

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows = bytearray()

    def append(self, intended_ns: int, started_ns: int, ended_ns: int, code: int) -> None:
        """Keep one sample; `code` is made by `tailguard.record.samples.pack_code`."""
        self._rows += _pack(intended_ns, started_ns, ended_ns, code)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._rows) // ROW_BYTES

    def rows(self) -> NDArray[np.int64]:
        """Return a copy of the rows, shape (n, 4)."""
        rows = np.frombuffer(bytes(self._rows), dtype=ROW)
        return np.column_stack([rows["instants"], rows["code"]])

    def samples(self, scenario: str, steps: tuple[str, ...], errors: tuple[str, ...]) -> Samples:
        """Return this recorder's samples alone."""
        return merge([self], scenario, steps, errors)


class ErrorKinds:
    """The names of failures and refusals of one scenario, numbered as they are first met; number 0 is none.

    A code has room for 8,192; what comes after the last but one shares the last, "other".
    """

    NONE: ClassVar[int] = 0

    def __init__(self) -> None:
        self._numbers = {"": self.NONE}
        self._lock = Lock()

    def number(self, kind: str) -> int:
        """Return the number of `kind`, giving it one where it is new."""
        with self._lock:
            if len(self._numbers) >= MOST_ERRORS - 1 and kind not in self._numbers:
                kind = "other"
            return self._numbers.setdefault(kind, len(self._numbers))

    def names(self) -> tuple[str, ...]:
        """Return the kinds in order of their numbers."""
        with self._lock:
            return tuple(self._numbers)


def merge(
    recorders: Iterable[Recorder], scenario: str, steps: tuple[str, ...], errors: tuple[str, ...]
) -> Samples:
    """Put the samples of several workers into one, in order of their intended start."""
    rows = [recorder.rows() for recorder in recorders]
    return samples_from_rows(
        scenario, steps, errors, np.concatenate(rows) if rows else np.empty((0, 4), np.int64)
    )
