"""Latencies that any tool wrote, in time order and ms. What cannot be a latency is refused with its row."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from tailguard.base.errors import UsageError
from tailguard.base.reading.regular_file import why_not_a_file
from tailguard.formats.arrays import read_npy, read_npz, read_parquet
from tailguard.formats.checked import Counted, Latencies, check_histogram, check_rows
from tailguard.formats.content import Histogram, Options, Rows
from tailguard.formats.documents.lines import parse_json
from tailguard.formats.known import DOCUMENTS, HISTOGRAMS, LINES, TABLES, TEXTS
from tailguard.formats.opened import decoded, read_bytes
from tailguard.formats.summaries import (
    BINARIES,
    GATLING_BINARY,
    VEGETA_BINARY,
    is_gatling_binary,
    is_vegeta_binary,
)
from tailguard.formats.summaries import DOCUMENTS as SUMMARY_DOCUMENTS
from tailguard.formats.summaries import TABLES as SUMMARY_TABLES
from tailguard.formats.summaries import TEXTS as SUMMARY_TEXTS
from tailguard.formats.table import parse_table
from tailguard.formats.tables.plain import read_words

_ARRAYS = {b"PAR1": read_parquet, b"\x93NUM": read_npy, b"PK\x03\x04": read_npz}
_NO_ARRAY = {
    ".npy": "not an array file; numpy.save and numpy.savez write such",
    ".npz": "not an array file; numpy.save and numpy.savez write such",
    ".parquet": "not a parquet file",
}


def read_latencies(path: str | Path, options: Options | None = None) -> Latencies | Counted:
    """Read the file of any known tool, chosen by its content.

    Raises UsageError for an empty or unreadable file, one of a summary, an unknown column, a unit that is neither given
    nor known, and for the first row that is not a latency.
    """
    path, options = Path(path), options or Options()
    with naming(path):
        if why := why_not_a_file(path):
            raise UsageError(why)
        found = _read(path, options)
        if isinstance(found, Histogram):
            return check_histogram(found, options)
        return check_rows(found, options)


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Name the file in every mistake of the user's that is found in it."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}. Name a file with latencies.") from None
    except MemoryError:
        raise UsageError(f"{path}: it needs more memory than there is; give a part of it") from None
    except (UsageError, ValueError, pa.ArrowException) as error:
        raise UsageError(f"{path}: {error}") from None


def _read(path: Path, options: Options) -> Rows | Histogram:
    with path.open("rb") as file:
        magic = file.read(4)
    if reader := _ARRAYS.get(magic):
        return reader(path, options)
    if path.suffix.lower() in _NO_ARRAY:
        raise UsageError(_NO_ARRAY[path.suffix.lower()])
    content, notes = read_bytes(path)
    _refuse_what_is_not_text(content)
    found = _of_text(decoded(content), options)
    return _noting(found, notes)


def _of_text(content: bytes, options: Options) -> Rows | Histogram:
    start = content.lstrip()[:1]
    if start == b"<":
        raise UsageError(
            "this is XML; save JMeter results as CSV (jmeter.save.saveservice.output_format=csv)"
        )
    if start in (b"{", b"["):
        return _of_json(content, options)
    head = content[: 1 << 16].decode("utf-8", errors="replace")
    for text_format in (*HISTOGRAMS, *TEXTS):
        if text_format.fits(head):
            return text_format.read_as_asked(content.decode("utf-8", errors="replace"), options)
    for summary in SUMMARY_TEXTS:
        if summary.fits(head):
            raise UsageError(summary.refusal)
    if len(content) < 1 << 16 and _is_one_line_of_words(head):
        return read_words(head, options)
    table = parse_table(content)
    for table_summary in SUMMARY_TABLES:
        if table_summary.fits(table):
            raise UsageError(table_summary.refusal)
    return next(each for each in TABLES if each.fits(table)).read_as_asked(table, options)


def _of_json(content: bytes, options: Options) -> Rows | Histogram:
    for lines in LINES:
        if lines.fits(content):
            return lines.read_as_asked(content, options)
    document = parse_json(content, skip_bad_rows=options.skip_bad_rows)
    for summary in SUMMARY_DOCUMENTS:
        if summary.fits(document):
            raise UsageError(summary.refusal)
    return next(each for each in DOCUMENTS if each.fits(document)).read_as_asked(document, options)


def _refuse_what_is_not_text(content: bytes) -> None:
    if is_vegeta_binary(content):
        raise UsageError(f"this is {VEGETA_BINARY}")
    if is_gatling_binary(content):
        raise UsageError(f"this is {GATLING_BINARY}")
    for magic, what in BINARIES:
        if content.startswith(magic):
            raise UsageError(f"this is {what}")


def _is_one_line_of_words(text: str) -> bool:
    words = text.split()
    return len(words) > 1 and "\n" not in text.strip() and not set(",;\t|") & set(text.strip())


def _noting(found: Rows | Histogram, notes: tuple[str, ...]) -> Rows | Histogram:
    return replace(found, notes=(*notes, *found.notes)) if notes else found
