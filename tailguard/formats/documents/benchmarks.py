"""pytest-benchmark's and hyperfine's JSON: some benchmarks, each with its times in seconds."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec
import numpy as np

from tailguard.base.errors import UsageError
from tailguard.formats.content import Options, Rows, names_of, texts
from tailguard.formats.documents.lines import Document
from tailguard.formats.format import Format
from tailguard.record.part import Json

_Known = TypeVar("_Known")

PYTEST_EXAMPLE = """\
{"machine_info": {}, "benchmarks": [{"fullname": "test_shop.py::test_cart", "stats": {"data": [0.08425, 0.0765]}}]}
"""
HYPERFINE_EXAMPLE = """\
{"results": [{"command": "./shop", "times": [0.08425, 0.0765, 0.001], "exit_codes": [0, 0, 1]}]}
"""


class _Stats(msgspec.Struct):
    data: list[float] = []


class _Benchmark(msgspec.Struct):
    fullname: str
    stats: _Stats


class _Benchmarks(msgspec.Struct):
    benchmarks: list[_Benchmark]


class _Command(msgspec.Struct):
    command: str
    times: list[float] = []
    exit_codes: list[int | None] = []


class _Commands(msgspec.Struct):
    results: list[_Command]


def _pytest(document: Document, options: Options) -> Rows:
    found = _as(document.first, _Benchmarks).benchmarks
    if not any(each.stats.data for each in found):
        raise UsageError(
            "this is pytest-benchmark's summary, which has no samples; save them with --benchmark-save-data or"
            " --benchmark-json of a run with it"
        )
    return _rows((each.fullname, each.stats.data, [0] * len(each.stats.data)) for each in found)


def _hyperfine(document: Document, options: Options) -> Rows:
    found = _as(document.first, _Commands).results
    if not any(each.times for each in found):
        raise UsageError("this is a summary of hyperfine without times; make it with --export-json")
    return _rows(
        (each.command, each.times, each.exit_codes or [0] * len(each.times))
        for each in found
        if len(each.exit_codes) in (0, len(each.times))
    )


def _rows(parts: Iterable[tuple[str, list[float], Sequence[int | None]]]) -> Rows:
    names: list[str] = []
    values: list[float] = []
    codes: list[int | None] = []
    for name, times, exits in parts:
        names += [name] * len(times)
        values += times
        codes += exits
    failed = np.array([code != 0 for code in codes], np.bool_)
    return Rows(values, unit="s", failed=failed, names=names_of(texts(names)))


def _as(document: dict[str, Json], kind: type[_Known]) -> _Known:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"it is not what the tool writes: {error}") from None


PYTEST_BENCHMARK = Format[Document](
    title="pytest-benchmark's JSON with its data",
    made_by="pytest --benchmark-json=results.json --benchmark-save-data",
    known_by="`benchmarks` with `stats`",
    unit="s",
    failed="a benchmark that fails is not in the file",
    names="`fullname`",
    example=PYTEST_EXAMPLE,
    latencies_ms=(84.25, 76.5),
    fits=lambda document: document.has("benchmarks"),
    read=_pytest,
)
HYPERFINE = Format[Document](
    title="hyperfine's JSON",
    made_by="hyperfine --export-json results.json './shop'",
    known_by="`results` with `command` and `times`",
    unit="s",
    failed="the exit code is not 0",
    names="`command`",
    example=HYPERFINE_EXAMPLE,
    latencies_ms=(84.25, 76.5),
    fits=lambda document: document.has("results") and '"command"' in str(document.first).replace("'", '"'),
    read=_hyperfine,
)
