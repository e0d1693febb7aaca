"""A proof under load as run.json and live.parquet have it, made without a server."""

from typing import Any  # arguments of msgspec's replace

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from tailguard.base.state import State
from tailguard.record.migration import (
    Blocks,
    BuildPhase,
    BuildUnderLoad,
    ClientImpact,
    ColdTime,
    GrowthRow,
    GrowthSide,
    IndexCost,
    IndexState,
    LiveProof,
    MigrationEntry,
    OtherQuery,
    WalBytes,
    WriteCost,
    WriteTimes,
)
from tailguard.record.part import Quantile
from tailguard.record.run_record import RunRecord
from tailguard.record.samples import ERROR, Samples
from tailguard.record.verdict import ProofVerdict
from tailguard.report.charts.live_chart import LEAD_S
from tests.support.made_migration import CHECK, median, migration

SECOND = 1_000_000_000
STARTED_NS = 50 * SECOND


def window(name: str, response_ms: NDArray[np.float64], every_ms: int = 5, failed: int = 0) -> Samples:
    """Requests sent each `every_ms`, half a second before the build on; the first `failed` of them failed."""
    n = len(response_ms)
    intended = STARTED_NS - int(LEAD_S * SECOND) + np.arange(n, dtype=np.int64) * every_ms * 1_000_000
    ended = intended + (response_ms * 1e6).astype(np.int64)
    outcome = np.where(np.arange(n) < failed, ERROR, 0).astype(np.uint8)
    zeros = np.zeros(n, np.int32)
    return Samples(
        name, ("write",), ("",), intended, intended, ended, np.zeros(n, np.uint8), outcome, zeros, zeros
    )


def quick(n: int = 200) -> NDArray[np.float64]:
    return np.full(n, 1.0)


def stalled(build_ms: float = 600.0, n: int = 200) -> NDArray[np.float64]:
    """Whoever comes during the build waits for the rest of it."""
    at_ms = np.arange(n) * 5 - LEAD_S * 1e3
    return np.where((at_ms >= 0) & (at_ms < build_ms), build_ms - at_ms, 1.0)


def samples() -> dict[str, Samples]:
    responses = {"baseline": quick(), "build_1": quick(), "build_2": quick() * 40, "control": stalled()}
    return {
        f"0001/{name}_{who}": window(f"0001/{name}_{who}", values if who == "writers" else quick())
        for name, values in responses.items()
        for who in ("writers", "readers")
    }


def impact(longest_ms: float, errors: int = 0) -> ClientImpact:
    value = Quantile(q=0.5, value=1.25, low=1.0, high=1.5, level=0.99, n=120)
    return ClientImpact(
        n=120, errors=errors, p50_ms=value, p99_ms=replace(value, q=0.99), longest_ms=longest_ms
    )


def build(seconds: float, longest_ms: float, phases: tuple[BuildPhase, ...]) -> BuildUnderLoad:
    return BuildUnderLoad(
        started_ns=STARTED_NS,
        seconds=seconds,
        phases=phases,
        impact={"writers": impact(longest_ms), "readers": impact(1.0)},
    )


PHASES = (
    BuildPhase(elapsed_s=0.1, phase="building index: scanning table", blockers=()),
    BuildPhase(elapsed_s=0.4, phase="waiting for old snapshots", blockers=("pid 7 (psql), user anna: idle",)),
    BuildPhase(elapsed_s=0.7, phase="index validation: scanning index", blockers=()),
)
NO_STALL = ProofVerdict(
    name="longest wait of writers",
    state=State.PASS,
    migration="0001",
    expected="below",
    observed="40 ms",
    n=240,
    exceedances=0,
    alpha=0.01,
    under_load=True,
)


def cost() -> IndexCost:
    """What the index costs: 10 µs of each insert of 40, 90 bytes of log per row."""
    before = WriteTimes(p50=median(0.040), p95=median(0.080), hot=None)
    after = WriteTimes(p50=median(0.050), p95=median(0.090), hot=None)
    ratio = replace(median(1.25), low=1.2, high=1.3)
    hot_before, hot_after = replace(before, hot=0.9), replace(after, hot=0.8)
    return IndexCost(
        rows=200_000,
        writes={
            "insert": WriteCost(before=before, after=after, ratio=ratio),
            "update": WriteCost(before=hot_before, after=hot_after, ratio=ratio),
        },
        wal_bytes_per_row=WalBytes(before=300.0, after=390.0),
    )


def live() -> LiveProof:
    return LiveProof(
        rate_per_s=200.0,
        rows=200_000,
        samples="0001/",
        baseline={"writers": impact(2.0)},
        after={"writers": impact(3.0)},
        builds=(build(0.9, 5.0, PHASES), build(0.8, 40.0, PHASES)),
        control=build(0.6, 600.0, ()),
    )


def proved(**changes: Any) -> MigrationEntry:
    """A migration with a proof under load; `changes` are of that."""
    return replace(migration(), live=replace(live(), **changes), cost=cost())


def growth_row() -> GrowthRow:
    """One size of a proof's table of growth, on a server that cannot evict."""
    slow = GrowthSide(
        server_ms=median(10.0), blocks=Blocks(hit=90, read=10), cold=None, cold_absent="needs 18"
    )
    fast = replace(slow, server_ms=median(0.1), blocks=Blocks(hit=5, read=0))
    return GrowthRow(
        rows=90_000, table_bytes=9_000_000, index_bytes=1024, build_s=0.5, before=slow, after=fast
    )


def evicted_row() -> GrowthRow:
    """The same size on a server that can evict."""
    row = growth_row()
    before, after = (
        replace(side, cold=ColdTime(server_ms=median(20.0), blocks_read=side.blocks.total), cold_absent="")
        for side in (row.before, row.after)
    )
    return replace(row, before=before, after=after)


def removed(live: LiveProof | None = None) -> MigrationEntry:
    """The proof of an index's removal."""
    before, after = migration().before, migration().after
    assert before is not None
    assert after is not None
    usable = IndexState(valid=True, ready=True)
    others = {"0002_other": OtherQuery(before=before.explained, after=before.explained)}
    return replace(
        migration(),
        act="drop",
        before=after,
        after=before,
        found=usable,
        others=others,
        cost=cost(),
        live=live,
    )


def proof_record(made: RunRecord, entry: MigrationEntry, *verdicts: ProofVerdict) -> RunRecord:
    """`made`, as the record of this proof alone; `verdicts` are those of `proved` if none are given."""
    return replace(made, scenarios={}, verdicts=verdicts or (CHECK, NO_STALL), doubts=(), migrations=(entry,))
