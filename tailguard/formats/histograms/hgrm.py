"""HdrHistogram's percentile distribution: our own export, wrk2's spectrum, and that of any HdrHistogram."""

import re

import numpy as np

from tailguard.base.errors import UsageError
from tailguard.formats.content import Histogram, Options, Unit
from tailguard.formats.format import Format

_HEADER = re.compile(r"^\s*Value\s+Percentile\s+TotalCount\s+1/\(1-Percentile\)\s*$", re.MULTILINE)
_ROW = re.compile(r"^\s*(\d+(?:\.\d+)?)\s+(\d\.\d+)\s+(\d+)(?:\s+(?:\d+\.\d+|inf))?\s*$", re.MULTILINE)
_TOTAL = re.compile(r"#\[Max\s*=\s*[\d.]+,\s*Total ?[cC]ount\s*=\s*(\d+)\]")
_BUCKETS = re.compile(r"#\[Buckets\s*=\s*(\d+),\s*SubBuckets\s*=\s*(\d+)\]")
_NON_2XX = re.compile(r"Non-2xx or 3xx responses:\s*(\d+)")
_SOCKET = re.compile(r"Socket errors:\s*connect (\d+), read (\d+), write (\d+), timeout (\d+)")
# Two significant digits, HdrHistogram's fewest in use, have 256 buckets; half of them share a value's own doubling.
_FEWEST_SUB_BUCKETS = 256
EXAMPLE = """\
       Value     Percentile TotalCount 1/(1-Percentile)

       76.500 0.000000000000          1           1.00
       84.250 0.500000000000          2           2.00
       84.250 1.000000000000          2
#[Mean    =       80.375, StdDeviation   =        3.875]
#[Max     =       84.250, TotalCount     =            2]
#[Buckets =            0, SubBuckets     =            0]
"""


def _read(text: str, options: Options) -> Histogram:
    spectrum = text[_HEADER.search(text).end() :]  # type: ignore[union-attr]  # `fits` found it
    rows = [(float(value), int(count), value) for value, _, count in _ROW.findall(spectrum)]
    if not rows:
        raise UsageError("its percentile distribution has no rows")
    values, counts = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], np.int64)
    if (np.diff(values) < 0).any() or (np.diff(counts) < 0).any():
        raise UsageError("its percentile distribution does not rise; it is broken")
    _refuse_a_cut_one(spectrum, int(counts[-1]))
    exact = _is_exact(spectrum)
    rounding = max(
        0.5 * 10.0 ** -len(word.partition(".")[2]) / max(value, 1e-9) for value, _, word in rows[-1:]
    )
    wrk2 = "Detailed Percentile spectrum" in text
    within = _count(_NON_2XX, text) if wrk2 else None
    return Histogram(
        values,
        counts,
        unit=_unit(exact=exact, wrk2=wrk2),
        error=0.0 if exact else _width(spectrum) + rounding,
        failed_within=within,
        failed_beside=_count(_SOCKET, text) if wrk2 else 0,
    )


def _refuse_a_cut_one(spectrum: str, count: int) -> None:
    total = _TOTAL.search(spectrum)
    if total and int(total[1]) != count:
        raise UsageError(f"its last row counts {count:,} values, its footer {int(total[1]):,}; it is broken")


def _is_exact(spectrum: str) -> bool:
    """Whether it is our own export: it has no buckets, and says so."""
    found = _BUCKETS.search(spectrum)
    return found is not None and found.groups() == ("0", "0")


def _width(spectrum: str) -> float:
    found = _BUCKETS.search(spectrum)
    return 2 / (int(found[2]) if found else _FEWEST_SUB_BUCKETS)


def _unit(*, exact: bool, wrk2: bool) -> Unit | None:
    return "ms" if exact or wrk2 else None


def _count(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.search(text)
    return sum(map(int, found.groups())) if found else 0


FORMAT = Format[str](
    title="HdrHistogram's percentile distribution (.hgrm), also wrk2's text",
    made_by="tailguard export RUN --format hgrm; wrk2 --latency URL",
    known_by="a line `Value Percentile TotalCount 1/(1-Percentile)`",
    unit="ms for our own export and for wrk2; else `--unit`",
    failed="wrk2 counts them (`Non-2xx or 3xx responses`, `Socket errors`); else unknown",
    names="none",
    example=EXAMPLE,
    latencies_ms=(76.5, 84.25),
    fits=lambda text: bool(_HEADER.search(text[: 1 << 16])),
    read=_read,
)
