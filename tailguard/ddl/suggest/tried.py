"""What an index gains each query and costs each write, measured on a copy of the tables: built or dropped there."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

from tailguard.base.clock import Clock
from tailguard.base.errors import UsageError
from tailguard.ddl.suggest.asked import AskedQuery
from tailguard.ddl.suggest.indexes import Candidate, Removable, quoted_if_need_be
from tailguard.ddl.world import World
from tailguard.migrations.index import find_table, indexes_of, wanted_shape
from tailguard.migrations.text.query import Query
from tailguard.migrations.text.sql import IndexStatement, created_index
from tailguard.proofs.cost import measure_cost
from tailguard.proofs.evidence.query import measure_query
from tailguard.record.migration import QueryEvidence, WriteCost, WriteKind

REPEATS = 11
COST_ROWS = 20_000
DEFINITION = "SELECT pg_catalog.pg_get_indexdef(pg_catalog.to_regclass(%s))"
Writes = Mapping[WriteKind, WriteCost]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change did to one query: medians of the server's time in ms, summed over its examples.

    `faster` and `slower` tell whether the intervals of the medians are apart.
    """

    query: AskedQuery
    before_ms: float
    after_ms: float
    faster: bool
    slower: bool

    @property
    def saved_ms(self) -> float:
        """What one call saves, 0 if nothing is shown."""
        return (self.before_ms - self.after_ms) if self.faster else 0.0

    @property
    def saved_in_all_ms(self) -> float:
        """What all known calls save, if they are like the examples."""
        return self.saved_ms * self.query.calls


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An index that was built, or dropped, on a copy. `unknown` says why the cost of writes could not be measured."""

    statement: str
    effects: tuple[Effect, ...]
    size_bytes: int
    writes: Writes
    unknown: str = ""
    why: str = ""

    @property
    def saved_ms(self) -> float:
        """What all queries together save, less what some lose."""
        lost = sum(
            (each.after_ms - each.before_ms) * each.query.calls for each in self.effects if each.slower
        )
        return sum(each.saved_in_all_ms for each in self.effects) - lost

    @property
    def slower(self) -> tuple[Effect, ...]:
        return tuple(each for each in self.effects if each.slower)


def try_candidate(
    world: World, candidate: Candidate, queries: Sequence[AskedQuery], clock: Clock
) -> Suggestion | None:
    """Build an index on a copy. Returns None if no query is faster, or its plan has no use for the index."""
    with world.copy() as database, database.connect() as connection:
        table = _told(connection, candidate.table)
        before = [_measured(connection, query, clock) for query in queries]
        statement = candidate.statement(table)
        connection.execute(statement.encode())
        after = [_measured(connection, query, clock) for query in queries]
        effects = tuple(
            _effect(query, was, now)
            for query, was, now in zip(queries, before, after, strict=True)
            if any(_uses(each, candidate.name) for each in now)
        )
        if not any(effect.faster for effect in effects):
            return None
        build = created_index(statement)
        assert build is not None  # our own
        built = {one.name: one for one in indexes_of(connection, find_table(connection, table))}
        return Suggestion(
            statement, effects, built[candidate.name].size_bytes, *_costs(connection, table, build, clock)
        )


def try_removal(
    world: World, removal: Removable, queries: Sequence[AskedQuery], clock: Clock
) -> Suggestion | None:
    """Drop an index on a copy. Returns None if the copy does not have it."""
    with world.copy() as database, database.connect() as connection:
        table = _told(connection, removal.table)
        name = f"{quoted_if_need_be(removal.table[0])}.{quoted_if_need_be(removal.name)}"
        row = connection.execute(DEFINITION, [name]).fetchone()
        build = created_index(row[0]) if row is not None and row[0] is not None else None
        if build is None:
            return None
        before = [_measured(connection, query, clock) for query in queries]
        connection.execute(f"DROP INDEX {name}".encode())
        after = [_measured(connection, query, clock) for query in queries]
        effects = tuple(_effect(*each) for each in zip(queries, before, after, strict=True))
        costs = _costs(connection, table, build, clock)
    return Suggestion(f"DROP INDEX CONCURRENTLY {name}", effects, removal.size_bytes, *costs, removal.why)


def _measured(connection: Connection[Any], query: AskedQuery, clock: Clock) -> list[QueryEvidence]:
    return [measure_query(connection, Query(query.sql, each), REPEATS, clock) for each in query.examples]


def _effect(query: AskedQuery, before: Sequence[QueryEvidence], after: Sequence[QueryEvidence]) -> Effect:
    low, was, high = _summed(before)
    now_low, now, now_high = _summed(after)
    return Effect(query, was, now, faster=now_high < low, slower=now_low > high)


def _summed(found: Sequence[QueryEvidence]) -> tuple[float, float, float]:
    """Return the low end, the middle and the high end of the mean of the examples' medians."""
    times = [one.server_ms for one in found]
    ends = [(each.low or 0.0, each.value or 0.0, each.high or float("inf")) for each in times]
    low, middle, high = (sum(values) / len(times) for values in zip(*ends, strict=True))
    return low, middle, high


def _uses(found: QueryEvidence, index: str) -> bool:
    return f'"Index Name": {json.dumps(index)}' in json.dumps(found.explained.value)


def _costs(
    connection: Connection[Any], table: str, build: IndexStatement, clock: Clock
) -> tuple[Writes, str]:
    found = find_table(connection, table)
    try:
        shape = wanted_shape(connection, found, build)
        return measure_cost(connection, found, build, shape, clock, COST_ROWS).writes, ""
    except UsageError as error:
        return {}, str(error)


def _told(connection: Connection[Any], table: tuple[str, str]) -> str:
    """Write a table's name as short as the search path allows."""
    name = sql.Identifier(*table).as_string(connection)
    row = connection.execute("SELECT pg_catalog.to_regclass(%s)::text", [name]).fetchone()
    assert row is not None and row[0] is not None  # noqa: PT018  # the plan has named it
    return str(row[0])
