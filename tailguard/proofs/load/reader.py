"""A reader who takes his time: a transaction that stays open after it has read a table."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

from psycopg import sql

from tailguard.migrations.index import Table
from tailguard.migrations.watch import Database


@contextmanager
def long_reader(database: Database, table: Table, seconds: float) -> Iterator[None]:
    """Hold a transaction open that has read from `table`, for so many seconds or until the block ends."""
    with database.connect(autocommit=False) as connection:
        name = sql.Identifier(table.schema, table.name)
        connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(name))
        end = Timer(seconds, connection.rollback)
        end.start()
        try:
            yield
        finally:
            end.cancel()
            end.join()
