"""The tables that a proof uses if no database of the user's is named: a fixture of the suite makes them."""

import inspect
from typing import Protocol, cast

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.config.suite_table import require_suite
from tailguard.suite.lifetime import in_time
from tailguard.suite.root import load_part


class MakeTables(Protocol):
    """What `fixture` of [migrations] names."""

    def __call__(
        self, conninfo: str, *, schema: str | None = None, table: str = "", rows: int | None = None
    ) -> None:
        """Make and fill all tables, in `schema` or, without one, on the connection's search path.

        `rows` go to `table`, to each table if it is not named; None means as many as usual. Raises UsageError if there
        is no such table, or it cannot be filled with so few.
        """


def table_maker(config: Config) -> MakeTables:
    """Return the suite's maker of tables, bounded in time. Raises UsageError if [migrations] names none."""
    spec = config.migrations.fixture
    if config.suite is None or not spec:
        raise UsageError(
            "No database is named (--dsn, DATABASE_URL or PG*), and no suite says how to make the tables: "
            "name one, or a function under [migrations] fixture in tailguard.toml."
        )
    make = cast("MakeTables", load_part(require_suite(config.suite), spec))

    def in_its_time(
        conninfo: str, *, schema: str | None = None, table: str = "", rows: int | None = None
    ) -> None:
        file = inspect.getfile(make if inspect.isroutine(make) else type(make))
        with in_time("What the proof needs", file, config.limits.prepare_s):
            make(conninfo, schema=schema, table=table, rows=rows)

    return in_its_time
