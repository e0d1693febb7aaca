"""What an index gains each query and costs each write: without it and with it, side by side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailguard.base.text_format import times
from tailguard.report.views import numbers

_WRITES = {
    "insert": "One insert",
    "update": "One update of another column",
    "update_key": "One update of an indexed column",
}


@dataclass(frozen=True, slots=True)
class Balance:
    """One thing that an index changes: without it, with it, and the difference. A `note` says how sure that is."""

    name: str
    without: str
    having: str
    change: str
    note: str = ""


def gains_of(found: Mapping[str, Any]) -> Iterator[Balance]:
    """What one run of the query takes, by run.json's `before` and `after` of a migration."""
    for who in ("server", "client"):
        pair = medians(found, f"{who}_ms")
        if pair:
            faster = f"{times(pair[0] / pair[1])} faster"
            yield Balance(f"One query, {who} time (median)", numbers.ms(pair[0]), numbers.ms(pair[1]), faster)
    blocks = [sum(((found.get(side) or {}).get("blocks") or {}).values()) for side in ("before", "after")]
    if all(blocks):
        change = f"{times(blocks[0] / blocks[1])} fewer"
        yield Balance("One query, blocks", numbers.count(blocks[0]), numbers.count(blocks[1]), change)


def costs_of(found: Mapping[str, Any], proof: Mapping[str, Any]) -> Iterator[Balance]:
    """What each write, the disk and the build take; `proof` is the migration's `live` or its `removal`."""
    for kind, cost in proof["cost"]["writes"].items():
        yield from _write(_WRITES.get(kind, kind), cost)
    wal = proof["cost"]["wal_bytes_a_row"]
    if wal["before"] is not None and wal["after"] is not None:
        bytes_each = numbers.size(wal["before"]), numbers.size(wal["after"])
        yield Balance("WAL a row of a bulk insert", *bytes_each, times(wal["after"] / wal["before"]))
    yield Balance("Index on disk", "none", numbers.size(found.get("index_bytes")), "")
    yield Balance("Build without load", "", numbers.seconds(found.get("build_s")), "")
    if "builds" in proof:
        yield Balance("Build under load", "", *_built([build["seconds"] for build in proof["builds"]]))


def _write(name: str, cost: Mapping[str, Any]) -> Iterator[Balance]:
    share, hot = cost["ratio"], cost["hot"]
    p50, p95 = (_pair(cost["before"][q]["value"], cost["after"][q]["value"]) for q in ("p50", "p95"))
    sure = "" if share["low"] is None else f"{times(share['low'])} to {times(share['high'])}"
    yield Balance(f"{name}, p50", *p50, times(share["value"]), sure)
    yield Balance(f"{name}, p95", *p95, "")
    if hot["before"] is not None:
        shares = numbers.percent(hot["before"]), numbers.percent(hot["after"])
        yield Balance(f"{name}, heap-only share", *shares, "")


def _pair(before: float | None, after: float | None) -> tuple[str, str]:
    return numbers.ms(before), numbers.ms(after)


def _built(seconds: Sequence[float]) -> tuple[str, str]:
    """The range of all builds: eight times in one cell would be a table of their own."""
    if not seconds:
        return numbers.ABSENT, ""
    if len(seconds) == 1:
        return numbers.seconds(seconds[0]), ""
    return f"{numbers.seconds(min(seconds))} to {numbers.seconds(max(seconds))}", f"{len(seconds)} builds"


def medians(found: Mapping[str, Any], key: str) -> tuple[float, float] | None:
    """The median before and after, in ms; None where one is missing or 0."""
    before, after = (((found.get(side) or {}).get(key) or {}).get("median") for side in ("before", "after"))
    return (before, after) if before and after else None


def saved(pair: tuple[float, float]) -> float:
    """The share of the time before that is gone after."""
    return 1 - pair[1] / pair[0]
