"""One query measured again and again: the server's own time and the client's, blocks, rows and plan."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from psycopg import Connection

from tailguard.base.clock import Clock
from tailguard.engine.quantiles import estimate
from tailguard.judge.proof.executions import summarise_executions
from tailguard.migrations.text.query import Query
from tailguard.postgres.explain import explain
from tailguard.record.files import stage, subfolder, unstage
from tailguard.record.migration import QueryEvidence
from tailguard.record.part import Document

# Executions before the first that counts: they fill the caches of the server and of the connection.
WARM_UPS = 2


def measure_query(
    connection: Connection[Any], query: Query, repeats: int, clock: Clock, plan_file: Path | None = None
) -> QueryEvidence:
    """Execute a query `repeats` times under EXPLAIN ANALYZE, and as often plainly, as its users do.

    Client times run from the call until the last row is here. Every plan goes into `plan_file`, whose folder is beside
    run.json.
    """
    for _ in range(WARM_UPS):
        explain(connection, query.sql, query.parameters)
    explained = [explain(connection, query.sql, query.parameters) for _ in range(repeats)]
    found = summarise_executions(explained)
    client_ms, rows = _client_times(connection, query, repeats, clock)
    return QueryEvidence(
        server_ms=found.server_ms,
        client_ms=estimate(client_ms, 0.5),
        planning_ms=found.planning_ms,
        blocks=found.blocks,
        rows=rows,
        shapes=found.shapes,
        explained=found.explained,
        plan_file=None if plan_file is None else _written(plan_file, explained),
    )


def _client_times(
    connection: Connection[Any], query: Query, repeats: int, clock: Clock
) -> tuple[list[float], int]:
    times_ms, rows = [], 0
    for number in range(WARM_UPS + repeats):
        started_ns = clock.now_ns()
        rows = len(connection.execute(query.sql, query.parameters).fetchall())
        if number >= WARM_UPS:
            times_ms.append((clock.now_ns() - started_ns) / 1e6)
    return times_ms, rows


def _written(plan_file: Path, explained: Sequence[Document]) -> str:
    """Write all documents, and return the file's path in the run's folder."""
    subfolder(plan_file.parent.parent, plan_file.parent.name)
    text = msgspec.json.encode([document.value for document in explained])
    with stage(plan_file) as file:
        file.write(msgspec.json.format(text, indent=1) + b"\n")
    unstage(plan_file)
    return f"{plan_file.parent.name}/{plan_file.name}"
