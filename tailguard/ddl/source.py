"""Where the tables come from that a SQL file is proved on: a seed, a dump, or your own database, which is only read."""

import logging
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tailguard.base.clock import MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.ddl.observe import observe
from tailguard.ddl.rows import copy_rows
from tailguard.ddl.world import World
from tailguard.migrations.checks import told_plainly
from tailguard.migrations.text.script import Block
from tailguard.migrations.text.sql import read_sql, statements
from tailguard.postgres.location import address, connect, locate
from tailguard.postgres.restore import restore
from tailguard.postgres.server import Server, embedded_postgres
from tailguard.proofs.tables import table_maker

log = logging.getLogger(__name__)

# Waits for locks are shown, not those for a disk; nothing that the server does by itself may disturb a trial.
SETTINGS = {"fsync": "off", "autovacuum": "off", "shared_buffers": "128MB"}
MOST_TOLD = 5
LARGEST = "SELECT greatest(max(reltuples), 0)::int8 FROM pg_catalog.pg_class WHERE relkind = 'r' AND relnamespace <> 11"


@dataclass(frozen=True, slots=True)
class Source:
    """What was asked for. `rows` is how many the largest table has, at most."""

    rows: int
    dsn: str | None = None
    schema: str | None = None
    dump: Path | None = None
    seeds: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class Filled:
    """The tables as they are before the file: rows of the largest one here and of the one that it stands for."""

    world: World
    rows: int
    real_rows: int
    left_out: tuple[str, ...] = ()


@contextmanager
def filled_world(source: Source, config: Config, blocks: Sequence[Block]) -> Iterator[Filled]:
    """Start an embedded server and make the tables on it. Raises UsageError if they cannot be made."""
    with embedded_postgres(config.database.binaries or None, SETTINGS) as server, told_plainly():
        place = locate(source.dsn) if source.dump is None and not source.seeds else None
        if source.dump is not None:
            yield _restored(server, source.dump, source.schema or "public")
        elif place is not None:
            yield _copied(server, place.conninfo, source, blocks)
        else:
            yield _seeded(server, source, config)


def _seeded(server: Server, source: Source, config: Config) -> Filled:
    world = World(server, "public")
    world.make_base()
    log.info("Seeding %s rows on an embedded PostgreSQL %s.", f"{source.rows:,}", server.version)
    database = world.database(world.base)
    if source.seeds:
        with database.connect() as connection:
            for statement in (one for file in source.seeds for one in statements(read_sql(file))):
                rows = {"rows": source.rows} if "%(rows)s" in statement else None
                connection.execute(statement.encode(), rows)
    else:
        table_maker(config)(database.conninfo, rows=source.rows)
    return _analysed(world, 0, ())


def _restored(server: Server, dump: Path, schema: str) -> Filled:
    world = World(server, schema)
    world.make_base()
    log.info("Restoring %s into an embedded PostgreSQL %s.", dump, server.version)
    return _analysed(world, 0, _told(restore(dump, server, world.base)))


def _copied(server: Server, conninfo: str, source: Source, blocks: Sequence[Block]) -> Filled:
    """Copy the definitions of all, and rows of the tables that the file touches and of those they refer to."""
    with connect(conninfo) as yours, tempfile.TemporaryDirectory(prefix="tailguard-ddl-") as folder:
        schema = source.schema or yours.execute("SELECT current_schema()").fetchone()[0]  # type: ignore[index]  # one row
        world = World(server, str(schema))
        world.make_base()
        log.info("Copying the definitions of %s; your database is only read.", address(yours))
        tables, keys = (Path(folder) / name for name in ("tables.sql", "keys.sql"))
        _dump(server, conninfo, "pre-data", tables)
        _dump(server, conninfo, "post-data", keys)
        refused = restore(tables, server, world.base)
        touched = _touched(world, keys, blocks)
        log.info("Copying up to %s rows of %s.", f"{source.rows:,}", ", ".join(touched) or "no table")
        with world.database(world.base).connect() as ours:
            real_rows, left_out = copy_rows(yours, ours, touched, source.rows)
        refused += restore(keys, server, world.base)
    return _analysed(world, real_rows, (*_told(refused), *left_out))


def _touched(world: World, keys: Path, blocks: Sequence[Block]) -> list[str]:
    """Return the tables that the file locks: it is rehearsed on empty ones."""
    with world.copy() as empty:
        restore(keys, world.server, world.name_of(empty))
        observed = [seen for block in blocks for seen in observe(empty, block, MonotonicClock())]
    return [*dict.fromkeys(lock.relation for seen in observed for lock in seen.locks)]


def _dump(server: Server, conninfo: str, section: str, file: Path) -> None:
    """Write the definitions as pg_dump has them; the password stays out of the command line."""
    parts = {word: str(value) for word, value in conninfo_to_dict(conninfo).items()}
    password = parts.pop("password", "")
    command = [
        str(server.bin_dir / "pg_dump"), "--no-owner", "--no-privileges", f"--section={section}",
        "--file", str(file), "--dbname", make_conninfo(**parts),
    ]  # fmt: skip
    environment = {**os.environ, "LC_ALL": "C", **({"PGPASSWORD": password} if password else {})}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise UsageError(f"The definitions cannot be copied: {done.stderr.strip()[:300]}")


def _analysed(world: World, real_rows: int, left_out: Sequence[str]) -> Filled:
    with world.database(world.base).connect() as connection:
        connection.execute("VACUUM ANALYZE")
        row = connection.execute(LARGEST).fetchone()
        assert row is not None  # an aggregate has one
        rows = int(row[0])
    return Filled(world, rows, max(rows, real_rows), tuple(left_out))


def _told(refused: Sequence[str]) -> tuple[str, ...]:
    more = [f"and {len(refused) - MOST_TOLD} more"] if len(refused) > MOST_TOLD else []
    return (*refused[:MOST_TOLD], *more)
