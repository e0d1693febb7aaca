"""The plans of the read queries that a side's migrations serve, with those applied: as it would be deployed."""

from pathlib import Path
from typing import Any

import psycopg

from tailguard.base.errors import UsageError
from tailguard.base.secrets import mask
from tailguard.migrations.migration import load_migrations
from tailguard.postgres.database import Database
from tailguard.record.plan import explain


def explain_queries(database: Database, folder: Path) -> dict[str, Any]:
    """Return EXPLAIN's JSON of each query below `folder`, by the migration's slug; {"error": ...} for what fails.

    The rows are seeded alike on both sides, so that blocks and shape differ only where the code does.
    """
    if not folder.is_dir():
        return {}
    try:
        migrations = load_migrations(folder)
    except UsageError as error:
        return {"migrations": {"error": str(error)}}
    found: dict[str, Any] = {}
    with database.connect() as connection:
        for migration in migrations:
            try:
                connection.execute(migration.up.encode())
                connection.execute("ANALYZE")
                query = migration.query
                explain(connection, query.sql, query.parameters)  # the first fills caches and sets hint bits
                found[migration.slug] = dict(explain(connection, query.sql, query.parameters).raw)
            except psycopg.Error as error:
                found[migration.slug] = {"error": mask(str(error).strip())}
    return found
