"""Which requests failed, by the words of a status, an error or a success column."""

import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tailguard.formats.content import Cells

# HTTP's first status that is an error; 0 is what tools write if no answer came.
FIRST_ERROR = 400

# "200", "200.0", "200 OK", "HTTP 200".
_STATUS = re.compile(r"(?:http\S* )?(\d{1,3})(?:\.0)?\b")
_NOTHING = ("", "0", "false", "none", "null", "nil", "no", "n/a", "-", "ok", "nan")
_SUCCESS = (
    "true",
    "1",
    "ok",
    "success",
    "successful",
    "succeeded",
    "pass",
    "passed",
    "yes",
    "y",
    "2xx",
    "3xx",
)


def by_status(cells: Cells) -> NDArray[np.bool_]:
    """Failed is a status of 0, of 400 or more, or one that is neither a number nor a word for success."""
    return _of_words(cells, lambda word: not _is_good_status(word))


def by_error(cells: Cells) -> NDArray[np.bool_]:
    """Failed is whatever has an error written in it."""
    return _of_words(cells, lambda word: word not in _NOTHING)


def by_success(cells: Cells) -> NDArray[np.bool_]:
    """Every row that is not marked as a success has failed."""
    return _of_words(cells, lambda word: word not in _SUCCESS)


def either(*failed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Failed by any of several columns."""
    return np.asarray(np.logical_or.reduce(failed), np.bool_)


def by_grpc_status(cells: Cells) -> NDArray[np.bool_]:
    """Failed is every status but 0, which is gRPC's OK."""
    return _of_words(cells, lambda word: word not in ("0", "ok"))


def _is_good_status(word: str) -> bool:
    number = _STATUS.match(word)
    return 0 < int(number[1]) < FIRST_ERROR if number else word in _SUCCESS


def _of_words(cells: Cells, is_failure: Callable[[str], bool]) -> NDArray[np.bool_]:
    """Ask once of each different word."""
    encoded = pc.dictionary_encode(cells)
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    words = [str(word).strip().lower() for word in encoded.dictionary.to_pylist()]
    if not words:
        return np.zeros(len(cells), bool)
    failures = np.array([is_failure(word) for word in words], np.bool_)
    return np.asarray(failures[np.asarray(encoded.indices)], np.bool_)
