"""A migration: an index built or removed concurrently, the way back, and the query that it is for."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config, load_config
from tailguard.migrations.text.query import Query, query_of, read_query
from tailguard.migrations.text.sql import (
    IndexStatement,
    created_index,
    dropped_index,
    folded,
    read_sql,
    statements,
)
from tailguard.record.migration import Act

FILE_NAME = re.compile(r"(?P<number>\d{4})_(?P<slug>[a-z0-9_]+)\.(?P<part>up|down|query)\.sql")
WAYS = ("up", "down")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered index: `up` and `down` are a single statement each, `build` is what the creating one says.

    A `removal` drops the index on its way up, and builds it again on its way down. `stated_query` is what the index is
    for, or why that is not known: only a proof needs it.
    """

    number: str
    slug: str
    up: str
    down: str
    stated_query: Query | UsageError
    build: IndexStatement
    removal: bool = False

    @property
    def query(self) -> Query:
        """The query that the index is for. Raises UsageError if none is stated, or none that can be measured."""
        if isinstance(self.stated_query, UsageError):
            raise self.stated_query
        return self.stated_query

    @property
    def act(self) -> Act:
        """What its way up does, in a word."""
        return "drop" if self.removal else "build"

    @property
    def creating(self) -> str:
        """The statement that builds the index."""
        return self.down if self.removal else self.up

    @property
    def name(self) -> str:
        """Number and slug, as the files are called."""
        return f"{self.number}_{self.slug}"

    @property
    def index(self) -> str:
        """The index's name as a catalogue in UTF-8 has it; a server is asked itself (`index.catalogue_name`)."""
        return folded(self.build.index)

    @property
    def sha256(self) -> str:
        """What identifies the content in the ledger: the hash of the way up and the way down."""
        return hashlib.sha256(f"{self.up}\0{self.down}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class BadMigration:
    """A migration that cannot be used, or a file that is none, and why. It stops no other one."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class MigrationFolder:
    """What a folder holds, in the order of the numbers."""

    migrations: tuple[Migration, ...]
    bad: tuple[BadMigration, ...] = ()


def configured_folder(config: Config) -> Path | None:
    """Return the folder of [migrations], from the suite's root; None if none is named."""
    name = config.migrations.folder
    if not name:
        return None
    return Path(name) if config.suite is None else config.suite.root / name


def chosen_folder(given: Path | None) -> Path:
    """Return the folder that a command works on: the given one, else the configured one; UsageError if neither."""
    folder = given or configured_folder(load_config())
    if folder is None:
        raise UsageError(
            "No migrations are named: give --folder, or write [migrations] folder in tailguard.toml."
        )
    return folder


def read_folder(folder: Path) -> MigrationFolder:
    """Read all migrations of a folder, each by itself. Raises UsageError if there is no such folder."""
    if not folder.is_dir():
        raise UsageError(f"The migrations folder {folder} does not exist.")
    files: dict[tuple[str, str], dict[str, Path]] = {}
    bad: list[BadMigration] = []
    for path in sorted(folder.glob("*.sql")):
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            why = f"{path}: not a migration's name. Call it NNNN_slug.up.sql, .down.sql or .query.sql."
            bad.append(BadMigration(path.name, why))
        else:
            files.setdefault((match["number"], match["slug"]), {})[match["part"]] = path
    found: list[Migration] = []
    for (number, slug), parts in sorted(files.items()):
        try:
            _refuse_shared_number(folder, number, files)
            found.append(_load(number, slug, parts))
        except UsageError as error:
            bad.append(BadMigration(f"{number}_{slug}", str(error)))
    return MigrationFolder(tuple(found), tuple(bad))


def load_migrations(folder: Path) -> list[Migration]:
    """Read all migrations of a folder. Raises UsageError for the first that cannot be used: for who needs them all."""
    read = read_folder(folder)
    for bad in read.bad:
        raise UsageError(bad.why)
    return list(read.migrations)


def find_migration(folder: MigrationFolder, name: str) -> Migration:
    """Return the migration called `name`: its number, its slug, or both. Raises UsageError if none can be used."""
    for migration in folder.migrations:
        if name in (migration.name, migration.slug, migration.number):
            return migration
    for bad in folder.bad:
        number, _, slug = bad.name.partition("_")
        if name in (bad.name, number, slug):
            raise UsageError(bad.why)
    known = ", ".join(migration.name for migration in folder.migrations) or "none"
    raise UsageError(f"There is no migration {name!r}. Known: {known}.")


def what_if(up: str, query: str, parameters: str) -> Migration:
    """Make a migration of a statement that is not in a file yet. Raises UsageError as `load_migrations` does."""
    found = statements(up)
    build = created_index(found[0]) if len(found) == 1 else None
    if build is None or not build.concurrently or build.lenient:
        raise UsageError(
            "--what-if takes one CREATE INDEX CONCURRENTLY name ON table (...), without IF NOT EXISTS;"
            f" it got: {up[:80]}"
        )
    down = f"DROP INDEX CONCURRENTLY {build.index}"
    return Migration(
        "what-if", folded(build.index), found[0], down, query_of("--query", query, parameters), build
    )


def _refuse_shared_number(folder: Path, number: str, keys: Iterable[tuple[str, str]]) -> None:
    sharing = [f"{number}_{slug}" for each, slug in sorted(keys) if each == number]
    if len(sharing) > 1:
        raise UsageError(
            f"{folder}: two migrations have the number {number}: {' and '.join(sharing)}. Renumber the newer one."
        )


def _load(number: str, slug: str, parts: Mapping[str, Path]) -> Migration:
    present = next(iter(parts.values()))
    for part in WAYS:
        if part not in parts:
            missing = present.with_name(f"{number}_{slug}.{part}.sql")
            raise UsageError(f"{missing} is missing; write it beside {present.name}.")
    up, down = _single_statement(parts["up"]), _single_statement(parts["down"])
    removal = dropped_index(up) is not None
    built, gone = (parts["down"], parts["up"]) if removal else (parts["up"], parts["down"])
    creating, dropping = (down, up) if removal else (up, down)
    build = _built(built, creating)
    _check_drop(gone, dropping, build.index, built)
    query = _stated_query(parts.get("query", present.with_name(f"{number}_{slug}.query.sql")))
    return Migration(number, slug, up, down, query, build, removal)


def _stated_query(path: Path) -> Query | UsageError:
    if not path.exists():
        return UsageError(
            f"{path} is missing: write the query there that the index is for. A proof measures it; up, down and status"
            " do without."
        )
    try:
        return read_query(path)
    except UsageError as error:
        return error


def _built(path: Path, statement: str) -> IndexStatement:
    build = created_index(statement)
    if build is None or not build.concurrently:
        raise UsageError(
            f"{path}: expected CREATE [UNIQUE] INDEX CONCURRENTLY name ON table ..., found: {statement[:80]}"
        )
    if build.lenient:
        raise UsageError(
            f"{path}: IF NOT EXISTS takes an INVALID leftover for success."
            " Leave it out: the runner reads pg_index."
        )
    if build.index_schema:
        raise UsageError(
            f"{path}: an index takes its table's schema: write {build.index} without {build.index_schema}, and if need"
            f" be the schema before the table: ON {build.index_schema}.{build.table} ..."
        )
    return build


def _check_drop(path: Path, statement: str, index: str, built: Path) -> None:
    drop = dropped_index(statement)
    if drop is None or not drop.concurrently:
        raise UsageError(f"{path}: expected DROP INDEX CONCURRENTLY {index}, found: {statement[:80]}")
    if folded(drop.index) != folded(index):
        raise UsageError(f"{path}: drops {drop.index}, but {built.name} builds {index}.")


def _single_statement(path: Path) -> str:
    found = statements(read_sql(path))
    if len(found) != 1:
        raise UsageError(
            f"{path}: {len(found)} statements. CONCURRENTLY cannot share a file: several statements in one call are"
            " one transaction (SQLSTATE 25001). Write one statement."
        )
    return found[0]
