"""How the time of a step grows with its table: executed on copies with a quarter, half and all of the rows."""

from collections.abc import Iterator, Mapping

from psycopg import sql

from tailguard.base.clock import Clock
from tailguard.ddl.observe import observe
from tailguard.ddl.world import World
from tailguard.migrations.text.script import Block
from tailguard.postgres.database import Database
from tailguard.record.ddl import GrowthRun, Observation, TableSize

PARTS = (4, 2, 1)
# Keys that refer to the table, and its own triggers, are left alone: the copy is thrown away.
UNWATCHED = "SET session_replication_role = replica"
THIN = "DELETE FROM {0} WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM {0} OFFSET {1})"
COUNT = "SELECT count(*) FROM {0}"


def grown_table(observed: list[Observation], tables: Mapping[str, TableSize]) -> str:
    """Return the table that the time on the real tables depends on most, "" if none there is larger than here."""
    names = {name for seen in observed for name in seen.grows_with if name in tables}
    larger = [name for name in names if tables[name].factor > 1]
    return max(larger, key=lambda name: tables[name].real_rows, default="")


def growth_runs(world: World, block: Block, table: str, clock: Clock, runs: int) -> Iterator[GrowthRun]:
    """Yield `runs` executions on each size. Raises UsageError if a statement is refused on fewer rows."""
    for part in PARTS:
        with world.fork() as own:
            rows = _thinned(own.database(own.base), table, part)
            for _ in range(runs):
                with own.copy() as database:
                    seconds = tuple(seen.seconds for seen in observe(database, block, clock))
                yield GrowthRun(rows=rows, seconds=seconds)


def _thinned(database: Database, table: str, part: int) -> int:
    """Leave one in `part` of the rows, in files as small as if there had never been more; return how many."""
    name = sql.SQL(table)  # as regclass writes it: quoted if need be
    with database.connect() as connection:
        row = connection.execute(sql.SQL(COUNT).format(name)).fetchone()
        assert row is not None  # an aggregate always has a row
        rows = int(row[0]) // part
        if part > 1:
            connection.execute(UNWATCHED)
            connection.execute(sql.SQL(THIN).format(name, sql.Literal(rows)))
            connection.execute(sql.SQL("VACUUM (FULL, ANALYZE) {}").format(name))
    return rows
