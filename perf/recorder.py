"""The recorder: append-only rows of 32 bytes, one recorder a worker, no lock, no object a sample."""

from collections.abc import Iterable
from struct import Struct
from threading import Lock
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from perf.sample import Samples, samples_from_rows

# "n" is the machine's own signed size (64 bits wherever we run); packing four of them costs half of four "q".
_pack = Struct("nnnn").pack
ROW_BYTES = 32


class Recorder:
    """Rows of (intended_ns, started_ns, ended_ns, code) in one growing buffer.

    Only its worker appends; anybody may read at any time, for copying the buffer is one step under the GIL.
    """

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows = bytearray()

    def append(self, intended_ns: int, started_ns: int, ended_ns: int, code: int) -> None:
        """Keep one sample; `code` is made by `perf.sample.pack_code`."""
        self._rows += _pack(intended_ns, started_ns, ended_ns, code)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._rows) // ROW_BYTES

    def rows(self) -> NDArray[np.int64]:
        """Return a copy of the rows, shape (n, 4)."""
        return np.frombuffer(bytes(self._rows), dtype=np.int64).reshape(-1, 4)

    def samples(self, scenario: str, steps: tuple[str, ...], errors: tuple[str, ...]) -> Samples:
        """Return this recorder's samples alone."""
        return merge([self], scenario, steps, errors)


class ErrorKinds:
    """The names of failures and refusals of one scenario, numbered as they are first met; number 0 is none."""

    NONE: ClassVar[int] = 0

    def __init__(self) -> None:
        self._numbers = {"": self.NONE}
        self._lock = Lock()

    def number(self, kind: str) -> int:
        """Return the number of `kind`, giving it one where it is new."""
        with self._lock:
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
