"""The plans of the read queries that a side's migrations serve, with those applied: as it would be deployed."""

from pathlib import Path

import psycopg

from tailguard.base.errors import UsageError
from tailguard.base.secrets import mask
from tailguard.migrations.migration import load_migrations
from tailguard.postgres.database import Database
from tailguard.postgres.explain import explain
from tailguard.record.duet import ExplainedQuery


def explain_queries(database: Database, folder: Path) -> dict[str, ExplainedQuery]:
    """Return EXPLAIN's JSON of each query below `folder`, by the migration's slug, or the error of what fails.

    The rows are seeded alike on both sides, so that blocks and shape differ only if the code does.
    """
    if not folder.is_dir():
        return {}
    try:
        migrations = load_migrations(folder)
    except UsageError as error:
        return {"migrations": ExplainedQuery(document=None, error=str(error))}
    found: dict[str, ExplainedQuery] = {}
    with database.connect() as connection:
        for migration in migrations:
            try:
                connection.execute(migration.up.encode())
                connection.execute("ANALYZE")
                query = migration.query
                explain(connection, query.sql, query.parameters)  # the first fills caches and sets hint bits
                document = explain(connection, query.sql, query.parameters)
                found[migration.slug] = ExplainedQuery(document=document)
            except (psycopg.Error, UsageError) as error:
                found[migration.slug] = ExplainedQuery(document=None, error=mask(str(error).strip()))
    return found
