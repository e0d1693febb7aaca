"""What an index gains each query and costs each write: without it and with it, side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tailguard.base.text_format import times
from tailguard.record.migration import BuildUnderLoad, IndexCost, MigrationEntry, QueryEvidence, WriteCost
from tailguard.record.part import Estimate
from tailguard.report.views import numbers

_WRITES = {
    "insert": "One insert",
    "update": "One update of another column",
    "update_key": "One update of an indexed column",
}


@dataclass(frozen=True, slots=True)
class IndexTradeoff:
    """One thing that an index changes: without it, with it, and the difference. A `note` says how sure that is."""

    name: str
    without: str
    having: str
    change: str
    note: str = ""


def gains_of(before: QueryEvidence, after: QueryEvidence) -> Iterator[IndexTradeoff]:
    """What one execution of the query takes before the migration and after it."""
    for who, old, new in (
        ("server", before.server_ms, after.server_ms),
        ("client", before.client_ms, after.client_ms),
    ):
        if old.value and new.value:
            name, faster = f"One query, {who} time (median)", f"{times(old.value / new.value)} faster"
            yield IndexTradeoff(name, numbers.ms(old.value), numbers.ms(new.value), faster)
    old_blocks, new_blocks = before.blocks.total, after.blocks.total
    if old_blocks and new_blocks:
        fewer = f"{times(old_blocks / new_blocks)} fewer"
        yield IndexTradeoff("One query, blocks", numbers.count(old_blocks), numbers.count(new_blocks), fewer)


def costs_of(entry: MigrationEntry, cost: IndexCost) -> Iterator[IndexTradeoff]:
    """What each write, the disk and the build take."""
    for kind, write in cost.writes.items():
        yield from _write(_WRITES[kind], write)
    wal = cost.wal_bytes_per_row
    if wal.before is not None and wal.after is not None:
        each = numbers.size(wal.before), numbers.size(wal.after)
        yield IndexTradeoff("WAL per row of a bulk insert", *each, times(wal.after / wal.before))
    yield IndexTradeoff("Index on disk", "none", numbers.size(entry.index_bytes), "")
    yield IndexTradeoff("Build without load", "", numbers.seconds(entry.build_s), "")
    if entry.live is not None and entry.act == "build":
        yield IndexTradeoff("Build under load", "", *_built(entry.live.builds))


def _write(name: str, cost: WriteCost) -> Iterator[IndexTradeoff]:
    before, after, share = cost.before, cost.after, cost.ratio
    sure = "" if share.low is None else f"{times(share.low)} to {times(share.high)}"
    yield IndexTradeoff(f"{name}, p50", _ms(before.p50), _ms(after.p50), times(share.value), sure)
    yield IndexTradeoff(f"{name}, p95", _ms(before.p95), _ms(after.p95), "")
    if before.hot is not None:
        shares = numbers.percent(before.hot), numbers.percent(after.hot)
        yield IndexTradeoff(f"{name}, heap-only share", *shares, "")


def _ms(estimate: Estimate) -> str:
    return numbers.ms(estimate.value)


def _built(builds: Sequence[BuildUnderLoad]) -> tuple[str, str]:
    """The range of all builds: eight times in one cell would be a table of their own."""
    shortest, longest = (numbers.seconds(pick(build.seconds for build in builds)) for pick in (min, max))
    return (shortest, "") if len(builds) == 1 else (f"{shortest} to {longest}", f"{len(builds)} builds")
