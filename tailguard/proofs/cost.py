"""What an index costs each write from now on: time, WAL and heap-only updates.

Two copies of the table stand side by side, one with the index, and take the same writes in turns: what the machine does
meanwhile hits both alike.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from psycopg import Connection, sql

from tailguard.base.clock import Clock
from tailguard.engine.quantiles import estimate
from tailguard.migrations.index import Shape, Table, find_table, indexes_of
from tailguard.migrations.sql import IndexStatement
from tailguard.proofs.load.copy import copy_rows
from tailguard.proofs.load.statements import Statements, statements_for

# Rows of a copy: an index of this size has the depth of one of ten times as many, and is made in a second or two.
COPY_ROWS = 200_000
# Ten ratios of medians have a 99 % interval (eight are the least); each median is of this many writes.
BLOCKS, WRITES = 10, 80
WAL_ROWS = 1000
KINDS = ("insert", "update", "update_key")
SIDES = ("before", "after")
UPDATES = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = %s"


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of the table, with what was measured on it: times in ms, kind -> block -> writes."""

    table: Table
    statements: Statements
    times_ms: dict[str, list[list[float]]] = field(default_factory=dict)


def measure_cost(
    connection: Connection[Any],
    table: Table,
    build: IndexStatement,
    wanted: Shape,
    clock: Clock,
    rows: int = COPY_ROWS,
) -> dict[str, Any]:
    """Measure on two copies of `table`, of up to `rows`, dropped again; returns run.json's `cost`.

    Commits do not wait for the disk: its noise would hide what the index costs.
    """
    connection.execute("SET synchronous_commit = off")
    with _copies(connection, table, build, wanted, rows) as copies:
        writes = {}
        for kind in KINDS:
            if getattr(copies[0].statements, kind) is not None:
                writes[kind] = _compared(connection, copies, kind, clock)
        wal = [_wal_bytes_a_row(connection, copy.statements) for copy in copies]
        copied = copies[0].table.rows
    connection.execute("RESET synchronous_commit")
    return {"rows": copied, "writes": writes, "wal_bytes_a_row": dict(zip(SIDES, wal, strict=True))}


def worth(saved_ms: float, cost: dict[str, Any]) -> str:
    """Say in one sentence what a read gains and how many writes that pays for."""
    gain = f"Each query saves {saved_ms:.3g} ms of the server"
    insert = cost["writes"].get("insert") or next(iter(cost["writes"].values()), None)
    if insert is None:
        return f"{gain}; no write could be made on this table to see what the index costs."
    ratio, base_ms = insert["ratio"], insert["before"]["p50"]["value"]
    if ratio["low"] is None or ratio["low"] <= 1:
        return f"{gain}; what a write costs cannot be told from this machine's noise."
    added_ms = base_ms * (ratio["value"] - 1)
    return (
        f"{gain} and each insert costs {added_ms * 1e3:.3g} µs more (p50, {ratio['value'] - 1:+.0%}):"
        f" the index is worth it from one query in {saved_ms / added_ms:,.0f} inserts on."
    )


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
    """Copy the table with its indexes, without the one in question where the table has it already."""
    ours, theirs = sql.Identifier(table.schema, name), sql.Identifier(table.schema, table.name)
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(ours, theirs))
    copy_rows(connection, table.oid, theirs, ours, rows)
    found = find_table(connection, ours.as_string(connection))
    for index in indexes_of(connection, found):
        if index.shape == wanted:
            connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index.schema, index.name)))
    return found


def _compared(connection: Connection[Any], copies: Sequence[Copy], kind: str, clock: Clock) -> dict[str, Any]:
    """Write in turns to both copies; the ratio is that of the medians, block by block."""
    if (
        kind == "update"
    ):  # each row moves to a page with room: on a full one no update is heap-only, index or not
        for block in range(BLOCKS):
            _block(connection, copies, kind, block, clock)
    hot_before = [_updates(connection, copy.table) for copy in copies]
    for block in range(BLOCKS):
        for copy, taken in zip(copies, _block(connection, copies, kind, block, clock), strict=True):
            copy.times_ms.setdefault(kind, []).append(taken)
    hot = [
        _hot_share(_updates(connection, copy.table), was)
        for copy, was in zip(copies, hot_before, strict=True)
    ]
    medians = [[float(np.median(block)) for block in copy.times_ms[kind]] for copy in copies]
    ratios = [after / before for before, after in zip(*medians, strict=True)]
    quantiles = [_quantiles(copy.times_ms[kind]) for copy in copies]
    found: dict[str, Any] = dict(zip(SIDES, quantiles, strict=True))
    return found | {"ratio": asdict(estimate(ratios, 0.5)), "hot": dict(zip(SIDES, hot, strict=True))}


def _block(
    connection: Connection[Any], copies: Sequence[Copy], kind: str, block: int, clock: Clock
) -> tuple[list[float], list[float]]:
    """Time one block; who goes first alternates, for the second one finds the server's caches warm."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(block * WRITES, (block + 1) * WRITES):
        for side in (0, 1) if turn % 2 else (1, 0):
            statements = copies[side].statements
            parameters = statements.parameters(turn)
            started_ns = clock.now_ns()
            connection.execute(getattr(statements, kind), parameters)
            times[side].append((clock.now_ns() - started_ns) / 1e6)
    return times


def _quantiles(blocks: list[list[float]]) -> dict[str, Any]:
    times_ms = [time for block in blocks for time in block]
    return {"p50": asdict(estimate(times_ms, 0.5)), "p95": asdict(estimate(times_ms, 0.95))}


def _updates(connection: Connection[Any], table: Table) -> tuple[int, int]:
    """Return (updates, heap-only updates) of the table so far; the server counts late unless it is asked."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    row = connection.execute(UPDATES, [table.oid]).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


def _hot_share(now: tuple[int, int], then: tuple[int, int]) -> float | None:
    updated = now[0] - then[0]
    return (now[1] - then[1]) / updated if updated else None


def _wal_bytes_a_row(connection: Connection[Any], statements: Statements) -> float | None:
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
