"""Whether a migration does what it promises: the query before, up, the query after, down, and up again."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg import sql

from tailguard.base.clock import Clock, MonotonicClock
from tailguard.base.errors import TailguardError
from tailguard.migrations.index import Index, Table, find_index, find_table, wanted_shape
from tailguard.migrations.limits import Limits
from tailguard.migrations.migration import Migration
from tailguard.migrations.runner import Runner
from tailguard.migrations.text.query import Query
from tailguard.migrations.text.sql import folded, name_parts
from tailguard.migrations.watch import Database
from tailguard.postgres.explain import explain
from tailguard.proofs.cost import measure_cost
from tailguard.proofs.evidence.query import measure_query
from tailguard.proofs.proof import Evidence, Proof, index_state
from tailguard.record.migration import CycleStep, OtherQuery, Parameter, QueryEvidence
from tailguard.record.part import Document

log = logging.getLogger(__name__)


def prove_small(
    database: Database,
    migrations: Sequence[Migration],
    repeats: int = 20,
    plans_dir: Path | None = None,
    known_migrations: Sequence[Migration] = (),
    limits: Limits | None = None,
) -> list[Proof]:
    """Prove each migration on the seeded tables of `database`, without load.

    The queries of `known_migrations` on the same table are watched: none may read more because of the index, or without
    the one that goes.

    A migration that cannot be proven is in the list all the same, and says why. Every plan is written below
    `plans_dir`.
    """
    known = {m.name: m for m in (*known_migrations, *migrations)}
    proofs = [Proof(migration) for migration in migrations]
    for proof in proofs:
        others = on_the_same_table(proof.migration, known)
        _SmallProof(database, proof, repeats, plans_dir, others, limits or Limits()).run()
    return proofs


@dataclass(slots=True)
class _SmallProof:
    """Gathers the evidence for `proof`."""

    database: Database
    proof: Proof
    repeats: int
    plans_dir: Path | None
    others: Mapping[str, Query]
    limits: Limits
    clock: Clock = field(default_factory=MonotonicClock)

    @property
    def migration(self) -> Migration:
        return self.proof.migration

    def run(self) -> None:
        try:
            with self.database.connect() as connection:
                self._go_round(connection)
        except (TailguardError, psycopg.Error) as error:
            self.proof.break_off(error)

    def _go_round(self, connection: psycopg.Connection[Any]) -> None:
        """Go once round: before, up, after, down, up."""
        proof, migration = self.proof, self.migration
        table = find_table(connection, migration.build.table)
        rows = _count(connection, table)
        if not migration.removal:
            self._runner().down(migration)
        first = find_index(connection, table, migration.build.index)
        proof.found = index_state(first)
        before, others_before = self._query(connection, "before"), self._others(connection)
        up = self._go(connection, table, "up")
        after, others_after = self._query(connection, "after"), self._others(connection)
        down = self._go(connection, table, "down")
        self._go(connection, table, "up")
        proof.others = {
            name: OtherQuery(before=others_before[name], after=others_after[name]) for name in self.others
        }
        if migration.removal:
            log.info("%s: what each write saves", migration.name)
            shape = wanted_shape(connection, table, migration.build)
            proof.cost = measure_cost(connection, table, migration.build, shape, self.clock)
        proof.evidence = Evidence(
            rows=rows,
            build_s=next(step.seconds for step in proof.cycle if step.index is not None),
            index_bytes=next(index.size_bytes for index in (first, up, down) if index is not None),
            before=before,
            after=after,
        )

    def _query(self, connection: psycopg.Connection[Any], when: str) -> QueryEvidence:
        log.info("%s: the query %s, %d times", self.migration.name, when, self.repeats)
        file = None if self.plans_dir is None else self.plans_dir / f"{self.migration.name}.{when}.json"
        return measure_query(connection, self.migration.query, self.repeats, self.clock, file)

    def _others(self, connection: psycopg.Connection[Any]) -> dict[str, Document]:
        """Return the plans of the table's other known queries, each executed for the second time."""
        plans = {}
        for name, query in self.others.items():
            explain(connection, query.sql, query.parameters)
            plans[name] = explain(connection, query.sql, query.parameters)
        return plans

    def _go(
        self, connection: psycopg.Connection[Any], table: Table, action: Literal["up", "down"]
    ) -> Index | None:
        """Go one way, and return the index that is there afterwards."""
        log.info("%s: %s", self.migration.name, action)
        runner = self._runner()
        outcome = runner.up(self.migration) if action == "up" else runner.down(self.migration)
        index = find_index(connection, table, self.migration.build.index)
        self.proof.cycle.append(CycleStep(action=action, seconds=outcome.seconds, index=index_state(index)))
        return index

    def _runner(self) -> Runner:
        return Runner(self.database, self.limits, clock=self.clock, in_own_schema=True)


def on_the_same_table(migration: Migration, known: Mapping[str, Migration]) -> dict[str, Query]:
    """Return the other known queries of a migration's table, and its own with other values, by name."""
    table = _table_of(migration)
    same = {
        one.name: one.stated_query
        for one in known.values()
        if _table_of(one) == table and isinstance(one.stated_query, Query)
    }
    found = {name: query for name, query in same.items() if name != migration.name}
    return found | {
        f"{name} with {_told(values)}": Query(query.sql, values)
        for name, query in same.items()
        for values in query.also
    }


def _table_of(migration: Migration) -> list[str]:
    return [folded(part) for part in name_parts(migration.build.table)]


def _told(parameters: Mapping[str, Parameter]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in parameters.items())


def _count(connection: psycopg.Connection[Any], table: Table) -> int:
    """Count the rows exactly: the planner's estimate is not evidence."""
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table.schema, table.name))
    row = connection.execute(query).fetchone()
    assert row is not None  # count(*) always has one row
    return int(row[0])
