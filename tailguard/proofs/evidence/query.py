"""One query measured again and again: the server's own time and the client's, blocks, rows and plan."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import Any

from psycopg import Connection

from tailguard.base.clock import Clock
from tailguard.engine.quantiles import estimate
from tailguard.migrations.migration import Query
from tailguard.postgres.plan_text import plan_text
from tailguard.record.plan import Plan, explain

# Executions before the first that counts: they fill the caches of the server and of the connection.
WARM_UPS = 2


@dataclass(frozen=True, slots=True)
class QueryEvidence:
    """Repeated executions of one query, in order. Client times run from the call until the last row is here."""

    plans: tuple[Plan, ...]
    client_ms: tuple[float, ...]
    rows: int

    @property
    def server_ms(self) -> tuple[float, ...]:
        """The server's own execution times, without planning."""
        return tuple(plan.execution_ms or 0.0 for plan in self.plans)

    @property
    def typical(self) -> Plan:
        """The execution with the median time: one that really occurred."""
        return self.plans[self.server_ms.index(median_low(self.server_ms))]

    @property
    def blocks(self) -> int:
        """Blocks touched by the typical execution."""
        return sum(self.typical.root.blocks)

    @property
    def steady(self) -> bool:
        """Whether each execution had the same plan."""
        return len({plan.shape for plan in self.plans}) == 1


def measure_query(connection: Connection[Any], query: Query, repeats: int, clock: Clock) -> QueryEvidence:
    """Execute a query `repeats` times under EXPLAIN ANALYZE, and as often plainly, as its users do."""
    for _ in range(WARM_UPS):
        explain(connection, query.sql, query.parameters)
    plans = tuple(explain(connection, query.sql, query.parameters) for _ in range(repeats))
    client_ms, rows = [], 0
    for turn in range(WARM_UPS + repeats):
        started_ns = clock.now_ns()
        rows = len(connection.execute(query.sql, query.parameters).fetchall())
        if turn >= WARM_UPS:
            client_ms.append((clock.now_ns() - started_ns) / 1e6)
    return QueryEvidence(plans, tuple(client_ms), rows)


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return the median with its distribution-free interval, as run.json has it."""
    found = estimate(values, 0.5)
    return {"median": found.value, "low": found.low, "high": found.high, "level": found.level, "n": found.n}


def evidence_record(evidence: QueryEvidence, plan_file: Path | None) -> dict[str, Any]:
    """Return the evidence as run.json has it; every plan goes into `plan_file`, whose folder is beside run.json."""
    if plan_file is not None:
        plan_file.parent.mkdir(parents=True, exist_ok=True)
        plans = [plan.raw for plan in evidence.plans]
        plan_file.write_text(json.dumps(plans, indent=1, ensure_ascii=False), encoding="utf-8")
    typical = evidence.typical
    hit, read = typical.root.blocks
    return {
        "plan_files": [] if plan_file is None else [f"{plan_file.parent.name}/{plan_file.name}"],
        "server_ms": spread(evidence.server_ms),
        "client_ms": spread(evidence.client_ms),
        "planning_ms": typical.planning_ms,
        "blocks": {"hit": hit, "read": read},
        "rows": evidence.rows,
        "plan": typical.raw["Plan"],
        "text": plan_text(typical),
    }
