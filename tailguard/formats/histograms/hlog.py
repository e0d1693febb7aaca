"""HdrHistogram's log: a histogram for each interval, in base64; all intervals are added up."""

import base64
import binascii
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.formats.content import Histogram, Options
from tailguard.formats.format import Format

# The two layers of encoding that every implementation writes since 2.0; the low bits say the width of words.
_PACKED, _PLAIN, _WIDTH = 0x1C849304, 0x1C849303, 0xF0
_PACKED_HEAD, _PLAIN_HEAD = struct.Struct(">ii"), struct.Struct(">iiiiqqd")
# A histogram of a latency has a few thousand counts; this many are 64 MiB of them.
_MOST_COUNTS = 1 << 23
EXAMPLE = """\
#[Histogram log format version 1.3]
#[StartTime: 1700000000.000 (seconds since epoch), Tue Nov 14 22:13:20 UTC 2023]
"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"
0.000,1.000,84.250,HISTFAAAACZ4nJNpmSzMwMDAxgABzFCaEURcm7yEwf4DROBqEdN7RiYAdv8GyA==
"""


def _fits(text: str) -> bool:
    return text.startswith("#[Histogram log") or "Interval_Compressed_Histogram" in text[: 1 << 12]


def _read(text: str, options: Options) -> Histogram:
    total: dict[float, int] = {}
    error, last = 0.0, 0
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("#", '"'))]
    for number, line in enumerate(lines, 1):
        try:
            tops, counts, width = _decoded(line.rpartition(",")[2])
        except (ValueError, struct.error, zlib.error, binascii.Error, IndexError) as problem:
            if number == len(lines) and not text.endswith("\n"):
                last = 1
                continue
            raise UsageError(f"interval {number} is not an HdrHistogram: {problem}") from None
        error = max(error, width)
        for top, count in zip(tops.tolist(), counts.tolist(), strict=True):
            total[top] = total.get(top, 0) + count
    if not total:
        raise UsageError("it has no samples: no interval has a value")
    values = np.array(sorted(total))
    notes = ("the last interval is cut off: what comes before is judged",) if last else ()
    return Histogram(
        values,
        np.cumsum([total[value] for value in values.tolist()]),
        None,
        error=error,
        complete=True,
        notes=notes,
    )


def _decoded(text: str) -> tuple[NDArray[np.float64], NDArray[np.int64], float]:
    """Return the highest value of each bucket with counts, those counts, and how wide a bucket is as a share."""
    packed = base64.b64decode(text.strip(), validate=True)
    cookie, length = _PACKED_HEAD.unpack_from(packed)
    if cookie & ~_WIDTH != _PACKED:
        raise ValueError(f"its cookie is {cookie:#x}")
    plain = zlib.decompress(packed[_PACKED_HEAD.size : _PACKED_HEAD.size + length])
    cookie, length, offset, digits, _, _, ratio = _PLAIN_HEAD.unpack_from(plain)
    if cookie & ~_WIDTH != _PLAIN or not 0 <= digits <= 5 or offset:  # noqa: PLR2004  # HdrHistogram's most digits
        raise ValueError(f"its cookie is {cookie:#x}, it has {digits} digits")
    pairs = list(_counts(plain[_PLAIN_HEAD.size : _PLAIN_HEAD.size + length]))
    half = (1 << (2 * 10**digits - 1).bit_length()) // 2
    tops = np.array([_top(index, half) for index, _ in pairs], np.float64)
    return tops / (ratio or 1.0), np.array([count for _, count in pairs], np.int64), 1 / half


def _counts(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield index and count: ZigZag numbers of 7 bits per byte; -n stands for n empty buckets."""
    at = index = 0
    while at < len(data):
        number = shift = 0
        while True:
            byte = data[at]
            at += 1
            number |= (byte if shift == 56 else byte & 0x7F) << shift  # noqa: PLR2004  # the ninth byte is whole
            shift += 7
            if byte < 0x80 or shift > 56:  # noqa: PLR2004
                break
        value = (number >> 1) ^ -(number & 1)
        if index > _MOST_COUNTS:
            raise ValueError("it has more buckets than any latency needs")
        if value < 0:
            index -= value
        else:
            if value:
                yield index, value
            index += 1


def _top(index: int, half: int) -> int:
    """Return the highest value that falls into a bucket."""
    bucket = index // half - 1
    sub = index % half + half
    if bucket < 0:
        return index
    return ((sub + 1) << bucket) - 1


FORMAT = Format[str](
    title="HdrHistogram's log (.hlog)",
    made_by="HistogramLogWriter of HdrHistogram",
    known_by="a first line `#[Histogram log format version ...]`, or the column `Interval_Compressed_Histogram`",
    unit="`--unit`: the log does not say",
    failed="unknown",
    names="none",
    example=EXAMPLE,
    latencies_ms=(76.543, 84.287),  # the tops of their buckets
    options=Options(unit="us"),
    fits=_fits,
    read=_read,
)
