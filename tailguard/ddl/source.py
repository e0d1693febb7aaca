"""Where the tables come from that a SQL file is proved on: a seed, a dump, or your own database, which is only read."""

import logging
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tailguard.base.clock import MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.ddl.observe import observe
from tailguard.ddl.rows import copy_rows
from tailguard.ddl.world import World
from tailguard.migrations.checks import told_plainly
from tailguard.migrations.text.script import Block
from tailguard.migrations.text.settings import on_a_copy
from tailguard.migrations.text.sql import read_sql, statements
from tailguard.postgres.location import address, connect, locate
from tailguard.postgres.restore import restore
from tailguard.postgres.server import Server, embedded_postgres
from tailguard.proofs.tables import table_maker
from tailguard.record.ddl import MANY_ROWS, TableSize

log = logging.getLogger(__name__)

# Waits for locks are shown, not those for a disk; nothing that the server does by itself may disturb a trial.
SETTINGS = {"fsync": "off", "autovacuum": "off", "shared_buffers": "128MB"}
MOST_TOLD = 5
PUBLIC = ("public",)
SIZES = """
SELECT oid::regclass::text, greatest(reltuples, 0)::int8 FROM pg_catalog.pg_class
WHERE relkind IN ('r', 'p') AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
"""


@dataclass(frozen=True, slots=True)
class Source:
    """What was asked for. `rows` is how many the largest table has, at most; `path` where names are looked up."""

    rows: int
    dsn: str | None = None
    path: Sequence[str] = ()
    dump: Path | None = None
    seeds: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class Filled:
    """The tables as they are before the file, and their sizes here and in the database that they stand for."""

    world: World
    tables: Mapping[str, TableSize]
    left_out: tuple[str, ...] = ()


@contextmanager
def filled_world(source: Source, config: Config, blocks: Sequence[Block]) -> Iterator[Filled]:
    """Start an embedded server and make the tables on it. Raises UsageError if they cannot be made."""
    with embedded_postgres(config.database.binaries or None, SETTINGS) as server, told_plainly():
        place = locate(source.dsn) if source.dump is None and not source.seeds else None
        if source.dump is not None:
            yield _restored(server, source.dump, source.path or PUBLIC)
        elif place is not None:
            yield _copied(server, place.conninfo, source, blocks)
        else:
            yield _seeded(server, source, config)


def _seeded(server: Server, source: Source, config: Config) -> Filled:
    world = World(server, PUBLIC)
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
    world.path = source.path or PUBLIC
    return _analysed(world, {}, ())


def _restored(server: Server, dump: Path, path: Sequence[str]) -> Filled:
    world = World(server, path)
    world.make_base()
    log.info("Restoring %s into an embedded PostgreSQL %s.", dump, server.version)
    return _analysed(world, {}, _told(restore(dump, server, world.base)))


def _copied(server: Server, conninfo: str, source: Source, blocks: Sequence[Block]) -> Filled:
    """Copy the definitions of all, and rows of the tables that the file touches and of those they refer to."""
    with connect(conninfo) as yours, tempfile.TemporaryDirectory(prefix="tailguard-ddl-") as folder:
        path = source.path or [str(yours.execute("SELECT current_schema()").fetchone()[0])]  # type: ignore[index]  # one row
        yours.execute(sql.SQL("SET search_path TO {}").format(sql.SQL(", ").join(map(sql.Identifier, path))))
        world = World(server, path)
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
        observed = [seen for block in blocks for seen in observe(empty, on_a_copy(block), MonotonicClock())]
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


def _analysed(world: World, real_rows: Mapping[str, int], left_out: Sequence[str]) -> Filled:
    with world.database(world.base).connect() as connection:
        connection.execute("VACUUM ANALYZE")
        rows = dict(connection.execute(SIZES).fetchall())
    sizes = {name: TableSize(rows=n, real_rows=max(n, real_rows.get(name, 0))) for name, n in rows.items()}
    return Filled(world, sizes, tuple(left_out))


def scaled(tables: Mapping[str, TableSize], at_rows: int) -> dict[str, TableSize]:
    """Return sizes whose largest table has `at_rows` in truth, and all others in proportion, but for small ones."""
    times = at_rows / max((size.rows for size in tables.values()), default=1)
    return {
        name: replace(size, real_rows=round(size.rows * times)) if size.rows >= MANY_ROWS else size
        for name, size in tables.items()
    }


def _told(refused: Sequence[str]) -> tuple[str, ...]:
    """Name what was refused without the file that it was read from, which is gone."""
    more = [f"and {len(refused) - MOST_TOLD} more"] if len(refused) > MOST_TOLD else []
    return (*(line.rpartition("ERROR:")[2].strip() for line in refused[:MOST_TOLD]), *more)
