"""Whether a migration does what it promises: the query before, up, the query after, down, and up again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tailguard.base.clock import Clock, MonotonicClock
from tailguard.base.errors import TailguardError
from tailguard.compare.plan_diff import describe
from tailguard.migrations.errors import MigrationStoppedError
from tailguard.migrations.index import Index, Table, find_index, find_table
from tailguard.migrations.migration import Migration, Query
from tailguard.migrations.runner import Limits, Outcome, Runner
from tailguard.migrations.sql import folded
from tailguard.migrations.watch import Database
from tailguard.proofs.evidence.checks import (
    Check,
    built_check,
    gone_check,
    others_checks,
    plan_changes,
    query_checks,
)
from tailguard.proofs.evidence.query import QueryEvidence, evidence_record, measure_query
from tailguard.record.plan import Plan, explain

# Of one statement on the tables of a run, which take well under a second to index.
DEADLINE_S = 300.0


def prove_small(
    database: Database,
    migrations: Sequence[Migration],
    repeats: int = 20,
    on_progress: Callable[[str], None] | None = None,
    plans_dir: Path | None = None,
    known_migrations: Sequence[Migration] = (),
) -> list[dict[str, Any]]:
    """Prove each migration on the seeded tables of `database`; returns run.json's `migrations`.

    The queries of `known_migrations` on the same table are watched: none may read more because of the index.

    A migration that cannot be proved is in the list all the same: INCONCLUSIVE where another try may help, INVALID
    where it cannot. `on_progress` is told each step in words; every plan is written below `plans_dir`.
    """
    say = on_progress or (lambda _: None)
    known = {m.name: m for m in (*known_migrations, *migrations)}
    return [
        Proof(
            database, migration, repeats, say, plans_dir, others=on_the_same_table(migration, known)
        ).record()
        for migration in migrations
    ]


@dataclass(slots=True)
class Proof:
    """The proof of one migration, as it grows."""

    database: Database
    migration: Migration
    repeats: int
    say: Callable[[str], None]
    plans_dir: Path | None
    others: Mapping[str, Query] = field(default_factory=dict)
    clock: Clock = field(default_factory=MonotonicClock)
    cycle: list[dict[str, Any]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """Run the proof and return it as run.json has it."""
        known = {
            "number": self.migration.number,
            "slug": self.migration.slug,
            "table": self.migration.build.table,
            "index": self.migration.index,
            "parameters": dict(self.migration.query.parameters),
            "up_sql": self.migration.up,
            "down_sql": self.migration.down,
            "query_sql": self.migration.query.sql,
        }
        try:
            return (
                known | self._measured() | {"cycle": self.cycle, "checks": [c.as_dict() for c in self.checks]}
            )
        except (TailguardError, psycopg.Error) as error:
            return known | self._failed(error)

    def _measured(self) -> dict[str, Any]:
        """Go once round: before, up, after, down, up."""
        with self.database.connect() as connection:
            table = find_table(connection, self.migration.build.table)
            rows = _count(connection, table)
            self._runner().revert(self.migration)
            before, others = self._query(connection, "before"), self._others(connection)
            build = self._up()
            index = self._index(connection, table)
            self.checks.append(built_check("valid and ready after up", index))
            after = self._query(connection, "after")
            self.checks[:0] = query_checks(before, after, self.migration.index)
            self.checks += others_checks(others, self._others(connection))
            self._down()
            self.checks.append(gone_check(self._index(connection, table)))
            self._up()
            self.checks.append(built_check("valid and ready after up again", self._index(connection, table)))
        return {
            "rows": rows,
            "state": "PASS" if all(check.held for check in self.checks) else "FAIL",
            "why": self._why(before, after),
            "build_s": build.seconds,
            "index_bytes": 0 if index is None else index.size_bytes,
            "before": evidence_record(before, self._plan_file("before")),
            "after": evidence_record(after, self._plan_file("after")),
            "changes": plan_changes(before, after),
        }

    def _failed(self, error: Exception) -> dict[str, Any]:
        """Say why there is no proof; what was seen so far is kept."""
        state = "INCONCLUSIVE" if isinstance(error, MigrationStoppedError) else "INVALID"
        return {
            "rows": None,
            "state": state,
            "why": str(error),
            "build_s": None,
            "index_bytes": None,
            "before": {},
            "after": {},
            "changes": [],
            "cycle": self.cycle,
            "checks": [check.as_dict() for check in self.checks],
        }

    def _why(self, before: QueryEvidence, after: QueryEvidence) -> str:
        broken = [check for check in self.checks if not check.held]
        if broken:
            return "; ".join(f"{c.name}: expected {c.expected}, observed {c.observed}" for c in broken)
        first, last = before.typical.nodes[-1], after.typical.nodes[-1]
        return f"{describe(last)} instead of {describe(first)}: {before.blocks} blocks before, {after.blocks} after"

    def _query(self, connection: psycopg.Connection[Any], when: str) -> QueryEvidence:
        self.say(f"{self.migration.name}: the query {when}, {self.repeats} times")
        return measure_query(connection, self.migration.query, self.repeats, self.clock)

    def _others(self, connection: psycopg.Connection[Any]) -> dict[str, Plan]:
        """Return the plans of the table's other known queries, each executed for the second time."""
        plans = {}
        for name, query in self.others.items():
            explain(connection, query.sql, query.parameters)
            plans[name] = explain(connection, query.sql, query.parameters)
        return plans

    def _up(self) -> Outcome:
        self.say(f"{self.migration.name}: up")
        outcome = self._runner().apply(self.migration)
        self.cycle.append({"action": "up", "seconds": outcome.seconds, "valid": True})
        return outcome

    def _down(self) -> None:
        self.say(f"{self.migration.name}: down")
        outcome = self._runner().revert(self.migration)
        self.cycle.append({"action": "down", "seconds": outcome.seconds, "valid": True})

    def _runner(self) -> Runner:
        return Runner(self.database, Limits(deadline_s=DEADLINE_S), clock=self.clock)

    def _index(self, connection: psycopg.Connection[Any], table: Table) -> Index | None:
        return find_index(connection, table, self.migration.index)

    def _plan_file(self, when: str) -> Path | None:
        return None if self.plans_dir is None else self.plans_dir / f"{self.migration.name}.{when}.json"


def on_the_same_table(migration: Migration, known: Mapping[str, Migration]) -> dict[str, Query]:
    """Return the other known queries of a migration's table, and its own with other values, by name."""
    table = folded(migration.build.table)
    same = [m for m in known.values() if folded(m.build.table) == table]
    found = {other.name: other.query for other in same if other.name != migration.name}
    return found | {
        f"{one.name} with {_told(values)}": Query(one.query.sql, values)
        for one in same
        for values in one.query.also
    }


def _told(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in parameters.items())


def _count(connection: psycopg.Connection[Any], table: Table) -> int:
    """Count the rows exactly: the planner's estimate is not evidence."""
    query = psycopg.sql.SQL("SELECT count(*) FROM {}").format(
        psycopg.sql.Identifier(table.schema, table.name)
    )
    row = connection.execute(query).fetchone()
    assert row is not None  # count(*) always has one row
    return int(row[0])
