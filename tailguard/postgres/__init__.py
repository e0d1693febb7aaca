"""PostgreSQL: servers, plans, index migrations."""

from tailguard.postgres.database import Database, open_database, schema_on
from tailguard.postgres.location import address, connect, locate
from tailguard.postgres.reader import Postgres, Reader
from tailguard.postgres.session import for_session

__all__ = [
    "Database",
    "Postgres",
    "Reader",
    "address",
    "connect",
    "for_session",
    "locate",
    "open_database",
    "schema_on",
]
