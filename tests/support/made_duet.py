"""A duet as run.json has it: a metric that became slower, some that did not, a block that was lost."""

from typing import Any  # arguments of msgspec's replace

from msgspec.structs import replace

from tailguard.base.state import State
from tailguard.record.duet import (
    Block,
    Budget,
    CommitLine,
    Duet,
    DuetSide,
    DuetTime,
    ExplainedQuery,
    Quality,
    SideName,
)
from tailguard.record.objective import Margin, Margins
from tailguard.record.part import Document
from tailguard.record.run_record import RunRecord
from tailguard.record.verdict import ChangeVerdict, PlanVerdict

QUALITY = Quality(
    duets=200,
    pairs=40,
    false_alarms=0,
    injected=0.1,
    found=198,
    found_in=20,
    least_seen={"registration p50 of register": 0.03, "registration p95 of register": 0.06},
)


def change(metric: str, state: State, **other: Any) -> ChangeVerdict:
    verdict = ChangeVerdict(
        name=f"{metric} against the baseline",
        state=state,
        scenario="registration",
        step="register",
        q=0.5,
        change=0.1234,
        low=0.05,
        high=0.2,
        margin=0.05,
        alpha=0.01,
        p_fail=0.001,
        pairs=20,
        slower=18,
        baseline=1.5,
        candidate=1.7,
        gated=True,
        rule="signed-rank bound on paired blocks",
        why="20 pairs: slower",
    )
    return replace(verdict, **other)


CHANGES = (
    change("registration p95 of register", State.PASS, q=0.95),
    change("registration p50 of register", State.FAIL),
    change(
        "registration errors and refusals",
        State.PASS,
        step="",
        q=None,
        margin=0.005,
        baseline=0.0,
        candidate=0.001,
    ),
)
PLAN = PlanVerdict(
    name="plan of idx_tx_wallet_created_desc against the baseline",
    state=State.PASS,
    query="idx_tx_wallet_created_desc",
    baseline_blocks=10,
    candidate_blocks=10,
    diff=(),
    why="10 against 10 blocks, the same plan",
)


def duet() -> Duet:
    plan = ExplainedQuery(document=Document({"Plan": {"Node Type": "Seq Scan"}}))
    plans = {"0001_idx_tx_wallet_created_desc": plan}
    return Duet(
        sides={
            "baseline": DuetSide(label="main at 1234567890", platform="tree a", plans=plans),
            "candidate": DuetSide(
                label="<b>work tree</b>", platform="tree b", faults=("delay_pct=10",), plans=plans
            ),
        },
        budget=Budget(pairs=40, minutes=30.0),
        margins=Margins(
            quantiles=(Margin(q=0.5, most=0.05), Margin(q=0.95, most=0.1)),
            floor_ms=0.1,
            floors_ms={"websocket_broadcast": 0.5},
        ),
        looks=(10, 20, 40),
        commits=(CommitLine(sha="ab" * 20, day="2026-11-20", subject="Let <b>each</b> buyer wait"),),
        older_commits=3,
        blocks=tuple(_block(number) for number in range(1, 21)),
        watched=(
            change("registration p99 of register", State.INCONCLUSIVE, q=0.99, candidate=1.7, gated=False),
        ),
        discarded=("block 3: candidate: it ended\npostgresql://u:hush@h/d",),
        time=DuetTime(
            wall_s=100.0, measuring_s=80.0, other_s=20.0, starts_s=10.0, seeding_s=6.0, checks_s=4.0
        ),
        quality=QUALITY,
    )


def duet_record(made: RunRecord, *verdicts: ChangeVerdict | PlanVerdict) -> RunRecord:
    """`made`, as the record of a duet: its changes are the verdicts, and no migration was proven."""
    return replace(made, duet=duet(), verdicts=verdicts or CHANGES, migrations=())


def _block(number: int) -> Block:
    files: dict[SideName, str] = {
        "baseline": f"blocks/{number:03d}-baseline.parquet",
        "candidate": f"blocks/{number:03d}-candidate.parquet",
    }
    return Block(number=number, first="baseline" if number % 2 else "candidate", wall_s=5.0, files=files)
