"""What an index costs each write from now on: time, WAL and heap-only updates.

Two copies of the table, one with the index, take the same writes in turns, so that noise of the machine affects both
alike.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from psycopg import Connection, sql

from tailguard.base.clock import Clock
from tailguard.engine.quantiles import estimate
from tailguard.migrations.index import Shape, Table, find_table, indexes_of
from tailguard.migrations.text.sql import IndexStatement
from tailguard.proofs.live_options import COPY_ROWS
from tailguard.proofs.load.copy import copy_rows
from tailguard.proofs.load.statements import Statements, statements_for
from tailguard.record.migration import IndexCost, WalBytes, WriteCost, WriteKind, WriteTimes

# Ten ratios of medians have a 99 % interval (eight are the least); each median is of this many writes.
BLOCKS, WRITES = 10, 80
WAL_ROWS = 1000
UPDATES = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = %s"


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of the table, with what was measured on it: times in ms, by kind and block."""

    table: Table
    statements: Statements
    times_ms: dict[WriteKind, list[list[float]]] = field(default_factory=dict)


def measure_cost(
    connection: Connection[Any],
    table: Table,
    build: IndexStatement,
    wanted: Shape,
    clock: Clock,
    rows: int = COPY_ROWS,
) -> IndexCost:
    """Measure on two copies of `table`, of up to `rows`, which are dropped again.

    Commits do not wait for the disk: its noise would hide what the index costs.
    """
    connection.execute("SET synchronous_commit = off")
    with _copies(connection, table, build, wanted, rows) as copies:
        writes = {kind: _compared(connection, copies, kind, clock) for kind in copies[0].statements.writes}
        before, after = (_wal_bytes_per_row(connection, copy.statements) for copy in copies)
        copied = copies[0].table.rows
    connection.execute("RESET synchronous_commit")
    return IndexCost(rows=copied, writes=writes, wal_bytes_per_row=WalBytes(before=before, after=after))


@contextmanager
def _copies(
    connection: Connection[Any], table: Table, build: IndexStatement, wanted: Shape, rows: int
) -> Iterator[tuple[Copy, Copy]]:
    names = ("tailguard_cost_before", "tailguard_cost_after")
    try:
        tables = [_copy(connection, table, name, wanted, rows) for name in names]
        unique, shape = sql.SQL("UNIQUE " if build.unique else ""), sql.SQL(build.shape)
        name = sql.Identifier(tables[1].schema, tables[1].name)
        connection.execute(sql.SQL("CREATE {}INDEX ON {} {}").format(unique, name, shape))
        before, after = (Copy(one, statements_for(connection, one, wanted)) for one in tables)
        yield before, after
    finally:
        for name in (sql.Identifier(table.schema, name) for name in names):
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))


def _copy(connection: Connection[Any], table: Table, name: str, wanted: Shape, rows: int) -> Table:
    """Copy the table with its indexes, without the one in question if the table has it already."""
    ours, theirs = sql.Identifier(table.schema, name), sql.Identifier(table.schema, table.name)
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(ours, theirs))
    copy_rows(connection, table.oid, theirs, ours, rows)
    found = find_table(connection, ours.as_string(connection))
    for index in indexes_of(connection, found):
        if index.shape == wanted:
            connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index.schema, index.name)))
    return found


def _compared(
    connection: Connection[Any], copies: Sequence[Copy], kind: WriteKind, clock: Clock
) -> WriteCost:
    """Write in turns to both copies; the ratio is that of the medians, block by block."""
    if kind == "update":
        # Each row moves to a page with room: on a full one no update is heap-only, index or not.
        for block in range(BLOCKS):
            _block(connection, copies, kind, block, clock)
    updates = [_updates(connection, copy.table) for copy in copies]
    for block in range(BLOCKS):
        for copy, taken in zip(copies, _block(connection, copies, kind, block, clock), strict=True):
            copy.times_ms.setdefault(kind, []).append(taken)
    before, after = (
        _write_times(copy.times_ms[kind], _hot_share(_updates(connection, copy.table), was))
        for copy, was in zip(copies, updates, strict=True)
    )
    medians = [[float(np.median(block)) for block in copy.times_ms[kind]] for copy in copies]
    ratios = [with_it / without for without, with_it in zip(*medians, strict=True)]
    return WriteCost(before=before, after=after, ratio=estimate(ratios, 0.5))


def _block(
    connection: Connection[Any], copies: Sequence[Copy], kind: WriteKind, block: int, clock: Clock
) -> tuple[list[float], list[float]]:
    """Time one block; who goes first alternates, for the second one finds the server's caches warm."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(block * WRITES, (block + 1) * WRITES):
        for side in (0, 1) if number % 2 else (1, 0):
            statements = copies[side].statements
            statement, parameters = statements.writes[kind], statements.parameters(number)
            started_ns = clock.now_ns()
            connection.execute(statement, parameters)
            times[side].append((clock.now_ns() - started_ns) / 1e6)
    return times


def _write_times(blocks: list[list[float]], hot: float | None) -> WriteTimes:
    times_ms = [time for block in blocks for time in block]
    return WriteTimes(p50=estimate(times_ms, 0.5), p95=estimate(times_ms, 0.95), hot=hot)


def _updates(connection: Connection[Any], table: Table) -> tuple[int, int]:
    """Return (updates, heap-only updates) of the table so far; the server counts late unless it is asked."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    row = connection.execute(UPDATES, [table.oid]).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


def _hot_share(now: tuple[int, int], then: tuple[int, int]) -> float | None:
    updated = now[0] - then[0]
    return (now[1] - then[1]) / updated if updated else None


def _wal_bytes_per_row(connection: Connection[Any], statements: Statements) -> float | None:
    """Return what a bulk insert writes to the log, by the server's own account of that one statement."""
    if statements.insert_many is None:
        return None
    parameters = {"key": statements.low, "rows": WAL_ROWS}
    query = f"EXPLAIN (ANALYZE, WAL, FORMAT JSON) {statements.insert_many}"
    explained = connection.execute(query, parameters, prepare=False).fetchone()
    assert explained is not None  # EXPLAIN always answers
    root = explained[0][0]["Plan"]
    rows = sum(child["Actual Rows"] for child in root["Plans"])
    return float(root["WAL Bytes"] / rows) if rows else None
