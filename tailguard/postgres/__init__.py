"""PostgreSQL: servers, plans, index migrations."""

from tailguard.postgres.database import Database, open_database, schema_on
from tailguard.postgres.location import connect, locate, with_options
from tailguard.postgres.reader import Postgres, Reader

__all__ = [
    "Database",
    "Postgres",
    "Reader",
    "connect",
    "locate",
    "open_database",
    "schema_on",
    "with_options",
]
