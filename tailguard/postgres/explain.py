"""EXPLAIN of a query, as the document that the record keeps."""

from collections.abc import Mapping
from typing import Any

from psycopg import Connection

from tailguard.record.migration import Parameter
from tailguard.record.part import Document

EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "


def explain(connection: Connection[Any], query: str, parameters: Mapping[str, Parameter]) -> Document:
    """Execute a query under EXPLAIN ANALYZE. It is planned afresh, for these very parameters."""
    row = connection.execute(EXPLAIN + query, parameters, prepare=False).fetchone()
    assert row is not None  # EXPLAIN always answers
    return Document(row[0][0])
