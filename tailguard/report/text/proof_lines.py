"""A proof as lines for a terminal: verdicts first, then what clients met, what was gained and paid."""

from collections.abc import Iterator, Mapping, Sequence

from tailguard.base.state import State, worst
from tailguard.base.text_format import byte_size, duration_ms, duration_s, ratio, times
from tailguard.record.migration import (
    Client,
    ClientImpact,
    GrowthRow,
    IndexCost,
    LiveProof,
    MigrationEntry,
    QueryEvidence,
    WriteCost,
)
from tailguard.record.part import Estimate
from tailguard.record.verdict import ProofVerdict
from tailguard.report.views.proof.sentences import saving, why, worth


def proof_lines(entry: MigrationEntry, verdicts: Sequence[ProofVerdict]) -> Iterator[str]:
    """Write a migration's entry and the verdicts of its proof; why one is not PASS, the summary says at its end."""
    state = worst(verdict.state for verdict in verdicts)
    yield f"{entry.number} {entry.slug}: {state}"
    if state is State.PASS:
        yield f"  {why(entry, verdicts)}"
    if entry.live is not None:
        yield ""
        for each in (verdict for verdict in verdicts if verdict.under_load):
            told = f": {each.observed} (expected: {each.expected})" if each.state is State.PASS else ""
            yield f"  {each.state:<12} {each.name}{told}"
        yield from _live_lines(entry, entry.live)
    yield from _growth_lines(entry.growth)


def _live_lines(entry: MigrationEntry, live: LiveProof) -> Iterator[str]:
    if live.control is None:
        yield "  no control was run: that these clients would feel a stall is not shown"
    yield ""
    load = f"At {live.rate_per_s:.0f} a second"
    yield f"  {load:<35} {'n':>5} {'p50':>9} {'p99':>9} {'longest':>9}"
    yield from _impact_lines("baseline", live.baseline)
    for build in live.builds:
        yield from _impact_lines(f"{entry.act} {duration_s(build.seconds)}", build.impact)
    yield from _impact_lines(f"{'without' if entry.act == 'drop' else 'with'} the index", live.after)
    if live.control is not None:
        name = f"plain {entry.statement} {duration_s(live.control.seconds)}"
        yield from _impact_lines(name, live.control.impact)
    yield ""
    if entry.before is not None and entry.after is not None:
        yield from _gain_lines(entry.before, entry.after)
    yield f"  Index: {byte_size(entry.index_bytes)}, built in {duration_s(entry.build_s)} without load"
    if entry.cost is not None:
        yield from _cost_lines(entry.cost)
        yield f"  {saving(entry, entry.cost) if entry.act == 'drop' else worth(entry)}"


def _impact_lines(window: str, impact: Mapping[Client, ClientImpact]) -> Iterator[str]:
    for who, met in impact.items():
        numbers = " ".join(
            f"{duration_ms(value):>9}" for value in (met.p50_ms.value, met.p99_ms.value, met.longest_ms)
        )
        yield f"  {window:<26} {who:<8} {met.n:>5} {numbers}"


def _gain_lines(before: QueryEvidence, after: QueryEvidence) -> Iterator[str]:
    yield f"  Query, server time: {_gain(before.server_ms, after.server_ms)}"
    yield f"  Query, client time: {_gain(before.client_ms, after.client_ms)}"
    yield f"  Query, blocks: {before.blocks.total:,} before, {after.blocks.total:,} after"


def _gain(before: Estimate, after: Estimate) -> str:
    factor = before.value / after.value if before.value and after.value else None
    return f"{duration_ms(before.value)} before, {duration_ms(after.value)} after ({times(factor)})"


def _cost_lines(cost: IndexCost) -> Iterator[str]:
    for kind, write in cost.writes.items():
        yield f"  {kind}: {_write_cost(write)}"
    wal = cost.wal_bytes_per_row
    if wal.before is not None:
        yield f"  WAL per row: {byte_size(wal.before)} -> {byte_size(wal.after)}"


def _write_cost(write: WriteCost) -> str:
    before, after, share = write.before, write.after, write.ratio
    p50 = f"p50 {duration_ms(before.p50.value)} -> {duration_ms(after.p50.value)}"
    p95 = f"p95 {duration_ms(before.p95.value)} -> {duration_ms(after.p95.value)}"
    heap = "" if before.hot is None else f", heap-only {ratio(before.hot)} -> {ratio(after.hot)}"
    interval = "" if share.low is None else f" ({times(share.low)} to {times(share.high)})"
    return f"{p50}, {p95}, p50 {times(share.value)}{interval}{heap}"


def _growth_lines(growth: Sequence[GrowthRow]) -> Iterator[str]:
    if growth:
        yield ""
        yield "  Rows       warm: without      with   cold: without      with"
    for row in growth:
        sides = (row.before, row.after)
        warm = [duration_ms(side.server_ms.value) for side in sides]
        cold = [duration_ms(None if side.cold is None else side.cold.server_ms.value) for side in sides]
        yield f"  {row.rows:<10,} {warm[0]:>13} {warm[1]:>9} {cold[0]:>15} {cold[1]:>9}"
