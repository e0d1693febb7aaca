"""What must hold in the service's database after a declared scenario was played."""

from collections.abc import Iterator, Mapping

from tailguard.http.declared.format import Query
from tailguard.postgres.reader import Postgres
from tailguard.record.scenario import Invariant
from tailguard.suite.invariants import expect, skip


def held_in(postgres: Postgres, queries: Mapping[str, Query]) -> Iterator[Invariant]:
    """Yield what each query finds. Leaves all of them out if no DSN says where the database is."""
    if not postgres.conninfo:
        skip("no --dsn says where the service's database is")
    with postgres.reader() as reader:
        for name, query in queries.items():
            yield expect(name, query.expected, reader.value(query.sql))
