"""The proof of a SQL file as run.json and live.parquet have it, made without a server."""

from collections.abc import Mapping

from msgspec.structs import replace

from tailguard.judge.proof.ddl import sent
from tailguard.judge.proof.responses import quiet_impact, responses_during
from tailguard.record.ddl import (
    DdlProof,
    DdlStep,
    GrowthRun,
    HeldLock,
    Observation,
    ProvedStatement,
    SafeStatement,
    SafeWay,
    TableSize,
    Trial,
)
from tailguard.record.migration import Client, ClientImpact
from tailguard.record.samples import Samples
from tests.support.made_proof import STARTED_NS, quick, stalled, window

CLIENTS: tuple[Client, ...] = ("writers", "readers")
RUN_S = 0.8


def observation(mode: str = "AccessExclusiveLock", **changes: object) -> Observation:
    """What an ALTER TABLE of a moment did; `changes` are of that."""
    seen = Observation(
        locks=(HeldLock(relation="orders", mode=mode),),
        rewritten=(),
        scanned=(),
        changed_rows={},
        seconds=0.001,
        wal_bytes=4096,
        bytes_before=1 << 20,
        bytes_after=1 << 20,
    )
    return replace(seen, **changes)


def statement(text: str, kind: str, seen: Observation, line: int = 1) -> ProvedStatement:
    return ProvedStatement(line=line, text=text, kind=kind, observed=seen)


def samples() -> dict[str, Samples]:
    """What clients sent: a stall in each run of the first step and in the control of the second, else nothing."""
    stalls, calm = ("1/run_1", "1/run_2", "2/control"), ("1/safe_1", "1/safe_2", "2/run_1", "2/run_2")
    quiet = {name: quick() for name in ("1/baseline", "2/baseline", *calm)}
    responses = quiet | {name: stalled(RUN_S * 1e3) for name in stalls}
    return {
        f"{name}_{who}": window(f"{name}_{who}", values)
        for name, values in responses.items()
        for who in CLIENTS
    }


def ddl_proof(live: Mapping[str, Samples]) -> DdlProof:
    """Two steps: one that stalls everybody, with its safe way, and one that is harmless."""

    def trial(name: str, attempts: int = 1) -> Trial:
        impact = {who: responses_during(sent(live, name, who), STARTED_NS, RUN_S).impact for who in CLIENTS}
        return Trial(
            window=name, started_ns=STARTED_NS, seconds=RUN_S, attempts=attempts, failed="", impact=impact
        )

    def baseline(name: str) -> dict[Client, ClientImpact]:
        return {who: quiet_impact(sent(live, name, who)) for who in CLIENTS}

    alter = statement("ALTER TABLE orders ADD COLUMN x int", "add-column", observation(), line=3)
    index = statement(
        "CREATE INDEX CONCURRENTLY i ON orders (x)",
        "create-index-concurrently",
        observation("ShareUpdateExclusiveLock", scanned=("orders",)),
        line=4,
    )
    return DdlProof(
        file="0007_x.sql",
        postgres="18.6",
        tables={"orders": TableSize(rows=20_000, real_rows=200_000)},
        rate_per_s=100.0,
        front_s=0.75,
        lock_timeout_ms=100,
        left_out=("rows of ghosts: permission denied",),
        steps=(
            DdlStep(
                number="1",
                transaction=False,
                statements=(alter,),
                tables=("orders",),
                unused=("orders_next",),
                left_out=("orders: no inserts",),
                baseline=baseline("1/baseline"),
                baseline_window="1/baseline",
                trials=(trial("1/run_1"), trial("1/run_2")),
                safe=SafeWay(
                    statements=(
                        SafeStatement(how="release", text="no request names orders.y"),
                        SafeStatement(how="retry", text=alter.text),
                    ),
                    why="Then drop what is left.",
                    trials=(trial("1/safe_1", attempts=4), trial("1/safe_2", attempts=5)),
                ),
            ),
            DdlStep(
                number="2",
                transaction=False,
                statements=(index,),
                tables=("orders",),
                baseline=baseline("2/baseline"),
                baseline_window="2/baseline",
                grows_by="orders",
                growth=tuple(
                    GrowthRun(rows=rows, seconds=(0.001,)) for rows in (5_000, 10_000, 20_000, 20_000)
                ),
                trials=(trial("2/run_1"), trial("2/run_2")),
                control=trial("2/control"),
            ),
        ),
    )
