"""Whether an index can go: no known query of its table reads more without it, and each write saves what it cost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tailguard.base.clock import Clock, MonotonicClock
from tailguard.base.errors import TailguardError
from tailguard.base.text_format import byte_size, ratio, times
from tailguard.migrations.errors import MigrationStoppedError
from tailguard.migrations.index import Table, find_index, find_table, wanted_shape
from tailguard.migrations.migration import Migration, Query
from tailguard.migrations.runner import Limits, Outcome, Runner
from tailguard.migrations.watch import Database
from tailguard.proofs.cost import measure_cost
from tailguard.proofs.evidence.checks import Check, built_check, gone_check, plan_changes
from tailguard.proofs.evidence.evidence import DEADLINE_S
from tailguard.proofs.evidence.query import QueryEvidence, evidence_record, measure_query
from tailguard.record.plan import Plan, explain

# A wider index that takes over has fewer entries a page, and may be a level or two deeper: a quarter more blocks and
# four are its nature. A query that lost its index reads many times as many.
WIDER, DEEPER = 1.25, 4


@dataclass(slots=True)
class RemovalProof:
    """The proof of one removal, on tables that may be written to. It leaves the index dropped."""

    database: Database
    migration: Migration
    others: Mapping[str, Query]
    repeats: int = 20
    plans_dir: Path | None = None
    say: Callable[[str], None] = lambda _: None
    clock: Clock = field(default_factory=MonotonicClock)
    checks: list[Check] = field(default_factory=list)
    cycle: list[dict[str, Any]] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """Run the proof: with the index, dropped, built again, dropped again. Returns run.json's migration."""
        migration = self.migration
        known: dict[str, Any] = {
            "number": migration.number,
            "slug": migration.slug,
            "table": migration.build.table,
            "index": migration.index,
            "parameters": dict(migration.query.parameters),
            "up_sql": migration.up,
            "down_sql": migration.down,
            "query_sql": migration.query.sql,
        }
        try:
            found = self._measured()
        except (TailguardError, psycopg.Error) as error:
            state = "INCONCLUSIVE" if isinstance(error, MigrationStoppedError) else "INVALID"
            found = {
                "rows": None,
                "state": state,
                "why": str(error),
                "before": {},
                "after": {},
                "changes": [],
            }
        return known | found | {"cycle": self.cycle, "checks": [check.as_dict() for check in self.checks]}

    def _measured(self) -> dict[str, Any]:
        with self.database.connect() as connection:
            table = find_table(connection, self.migration.build.table)
            shape = wanted_shape(connection, table, self.migration.build)
            index = find_index(connection, table, self.migration.index)
            self.checks.append(built_check("valid and ready before", index))
            before, others = self._query(connection, "with the index"), self._others(connection)
            self._way("up")
            self.checks.append(gone_check(find_index(connection, table, self.migration.index)))
            after = self._query(connection, "without it")
            self.checks += not_worse(
                {self.migration.name: before.typical} | others,
                {self.migration.name: after.typical} | self._others(connection),
            )
            build = self._way("down")
            self.checks.append(built_check("valid and ready after down", self._found(connection, table)))
            self._way("up")
            self.say(f"{self.migration.name}: what each write saves")
            cost = measure_cost(connection, table, self.migration.build, shape, self.clock)
            rows = find_table(connection, self.migration.build.table).rows
        held = all(check.held for check in self.checks)
        size = 0 if index is None else index.size_bytes
        return {
            "rows": rows,
            "state": "PASS" if held else "FAIL",
            "why": saving(cost, size) if held else _broken(self.checks),
            "build_s": build.seconds,
            "index_bytes": size,
            "before": evidence_record(before, self._plan_file("before")),
            "after": evidence_record(after, self._plan_file("after")),
            "changes": plan_changes(before, after),
            "removal": {"cost": cost, "saving": saving(cost, size)},
        }

    def _query(self, connection: psycopg.Connection[Any], when: str) -> QueryEvidence:
        self.say(f"{self.migration.name}: the query {when}, {self.repeats} times")
        return measure_query(connection, self.migration.query, self.repeats, self.clock)

    def _others(self, connection: psycopg.Connection[Any]) -> dict[str, Plan]:
        """Return the plans of the table's other known queries, each executed for the second time."""
        for query in self.others.values():
            explain(connection, query.sql, query.parameters)
        return {name: explain(connection, query.sql, query.parameters) for name, query in self.others.items()}

    def _way(self, action: str) -> Outcome:
        self.say(f"{self.migration.name}: {action}")
        runner = Runner(self.database, Limits(deadline_s=DEADLINE_S), clock=self.clock)
        outcome = runner.up(self.migration) if action == "up" else runner.down(self.migration)
        self.cycle.append({"action": action, "seconds": outcome.seconds, "valid": True})
        return outcome

    def _found(self, connection: psycopg.Connection[Any], table: Table) -> Any:
        return find_index(connection, table, self.migration.index)

    def _plan_file(self, when: str) -> Path | None:
        return None if self.plans_dir is None else self.plans_dir / f"{self.migration.name}.{when}.json"


def not_worse(before: Mapping[str, Plan], after: Mapping[str, Plan]) -> list[Check]:
    """Check that no known query reads many more blocks than it did with the index."""
    checks = []
    for name, plan in after.items():
        was, now = (sum(one.root.blocks) for one in (before[name], plan))
        most = int(was * WIDER) + DEEPER
        checks.append(
            Check(f"query of {name} not worse", now <= most, f"{most} blocks or less (were {was})", str(now))
        )
    return checks


def saving(cost: Mapping[str, Any], index_bytes: int) -> str:
    """Say in one sentence what each write saves; `cost` is of the index that goes. Bytes are exact, times are not."""
    wal, insert = cost["wal_bytes_a_row"], cost["writes"].get("insert")
    parts = [f"The removal saves {byte_size(index_bytes)} of disk"]
    if wal["before"] is not None and wal["after"] is not None:
        saved = wal["after"] - wal["before"]
        parts.append(f"{byte_size(saved)} of WAL a row ({ratio(saved / wal['after'])})")
    if insert is not None and insert["ratio"]["low"] is not None:
        parts.append(_time_saved(insert))
    return f"{', '.join(parts)}: no known query of the table reads more without this index."


def _time_saved(insert: Mapping[str, Any]) -> str:
    share = insert["ratio"]
    with_it = f"an insert takes {times(share['value'])} as long with the index ({times(share['low'])} to"
    told = f"{with_it} {times(share['high'])})" if share["high"] is not None else f"{with_it} no upper bound)"
    return told if share["low"] > 1 else f"{told}, which this machine's noise hides"


def _broken(checks: list[Check]) -> str:
    return "; ".join(f"{c.name}: expected {c.expected}, observed {c.observed}" for c in checks if not c.held)
