"""A transaction that stays open: a strong lock on its tables must wait for it, and all others queue behind."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Timer

from psycopg import sql

from tailguard.migrations.index import Table
from tailguard.migrations.watch import Database

READ = "SELECT 1 FROM {} LIMIT 1"


@contextmanager
def long_reader(database: Database, table: Table, seconds: float) -> Iterator[None]:
    """Hold a transaction open that has read from `table`, for that number of seconds or until the block ends."""
    name = sql.Identifier(table.schema, table.name)
    with long_transaction(database, [sql.SQL(READ).format(name)], seconds):
        yield


@contextmanager
def long_transaction(
    database: Database, statements: Sequence[sql.Composed], seconds: float
) -> Iterator[None]:
    """Hold a transaction open that has executed `statements`, for that number of seconds or until the block ends."""
    with database.connect(autocommit=False) as connection:
        for statement in statements:
            connection.execute(statement)
        end = Timer(seconds, connection.rollback)
        end.start()
        try:
            yield
        finally:
            end.cancel()
            end.join()
