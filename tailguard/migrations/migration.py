"""A migration: an index built or removed concurrently, the way back, and the query that it is for."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config, load_config
from tailguard.migrations.sql import IndexStatement, created_index, dropped_index, folded, statements
from tailguard.record.migration import Act, Parameter

FILE_NAME = re.compile(r"(?P<number>\d{4})_(?P<slug>[a-z0-9_]+)\.(?P<part>up|down|query)\.sql")
PARTS = ("up", "down", "query")
PARAMETERS = re.compile(r"^--\s*parameters:\s*(?P<json>.*)$", re.MULTILINE)
ALSO = re.compile(r"^--\s*also:\s*(?P<json>.*)$", re.MULTILINE)
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True)
class Query:
    """The query a migration is for: psycopg named parameters, and the example values that it is measured with.

    `also` holds more example values (a rare one, an absent one), for which the query must not get worse.
    """

    sql: str
    parameters: Mapping[str, Parameter]
    also: tuple[Mapping[str, Parameter], ...] = ()


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered index: `up` and `down` are a single statement each, `build` is what the creating one says.

    A `removal` drops the index on its way up, and builds it again on its way down.
    """

    number: str
    slug: str
    up: str
    down: str
    query: Query
    build: IndexStatement
    removal: bool = False

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
        """The index's name as the catalogue has it."""
        return folded(self.build.index)

    @property
    def sha256(self) -> str:
        """What identifies the content in the ledger: the hash of the way up and the way down."""
        return hashlib.sha256(f"{self.up}\0{self.down}".encode()).hexdigest()


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


def load_migrations(folder: Path) -> list[Migration]:
    """Read and check all migrations of a folder, in order of their numbers.

    Raises UsageError, naming the file, if one is missing, wrongly named or not what a concurrent migration may be.
    """
    if not folder.is_dir():
        raise UsageError(f"The migrations folder {folder} does not exist.")
    files: dict[tuple[str, str], dict[str, Path]] = {}
    for path in sorted(folder.glob("*.sql")):
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            raise UsageError(
                f"{path}: not a migration's name. Call it NNNN_slug.up.sql, .down.sql or .query.sql."
            )
        files.setdefault((match["number"], match["slug"]), {})[match["part"]] = path
    _refuse_shared_numbers(folder, list(files))
    return [_load(number, slug, parts) for (number, slug), parts in sorted(files.items())]


def find_migration(migrations: Sequence[Migration], name: str) -> Migration:
    """Return the migration called `name`: its number, its slug, or both. Raises UsageError if there is none."""
    for migration in migrations:
        if name in (migration.name, migration.slug, migration.number):
            return migration
    known = ", ".join(migration.name for migration in migrations) or "none"
    raise UsageError(f"There is no migration {name!r}. Known: {known}.")


def what_if(up: str, query: str, parameters: object) -> Migration:
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
        "what-if", folded(build.index), found[0], down, _query("--query", query, parameters), build
    )


def _refuse_shared_numbers(folder: Path, keys: list[tuple[str, str]]) -> None:
    numbers = [number for number, _ in keys]
    for number, slug in keys:
        if numbers.count(number) > 1:
            raise UsageError(
                f"{folder}: two migrations have the number {number}, {slug} is one. Renumber the newer one."
            )


def _load(number: str, slug: str, parts: Mapping[str, Path]) -> Migration:
    missing = [part for part in PARTS if part not in parts]
    if missing:
        present = next(iter(parts.values()))
        raise UsageError(
            f"{present.parent / f'{number}_{slug}.{missing[0]}.sql'} is missing; write it beside {present.name}."
        )
    up, down = _single_statement(parts["up"]), _single_statement(parts["down"])
    removal = dropped_index(up) is not None
    built, gone = (parts["down"], parts["up"]) if removal else (parts["up"], parts["down"])
    creating, dropping = (down, up) if removal else (up, down)
    build = _built(built, creating)
    _check_drop(gone, dropping, build.index, built)
    return Migration(number, slug, up, down, read_query(parts["query"]), build, removal)


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
    return build


def _check_drop(path: Path, statement: str, index: str, built: Path) -> None:
    drop = dropped_index(statement)
    if drop is None or not drop.concurrently:
        raise UsageError(f"{path}: expected DROP INDEX CONCURRENTLY {index}, found: {statement[:80]}")
    if folded(drop.index.split(".")[-1].strip()) != folded(index):
        raise UsageError(f"{path}: drops {drop.index}, but {built.name} builds {index}.")


def _single_statement(path: Path) -> str:
    found = statements(path.read_text(encoding="utf-8"))
    if len(found) != 1:
        raise UsageError(
            f"{path}: {len(found)} statements. CONCURRENTLY cannot share a file: several statements in one call are"
            " one transaction (SQLSTATE 25001). Write one statement."
        )
    return found[0]


def read_query(path: Path) -> Query:
    """Read a query file. Raises UsageError if the declared parameters and the placeholders differ."""
    text = path.read_text(encoding="utf-8")
    found = statements(text)
    if len(found) != 1:
        raise UsageError(f"{path}: {len(found)} statements. Write the one query that the index is for.")
    declared = PARAMETERS.search(text)
    try:
        parameters = json.loads(declared["json"]) if declared else {}
        also = [json.loads(line["json"]) for line in ALSO.finditer(text)]
    except json.JSONDecodeError as error:
        raise UsageError(
            f"{path}: the line '-- parameters: ...' or '-- also: ...' is not JSON: {error}."
        ) from error
    more = tuple(_query(str(path), found[0], values).parameters for values in also)
    return replace(_query(str(path), found[0], parameters), also=more)


def _query(source: str, sql: str, parameters: object) -> Query:
    wanted = set(PLACEHOLDER.findall(sql))
    try:
        declared = msgspec.convert(parameters, dict[str, Parameter])
    except msgspec.ValidationError:
        declared = None
    if declared is None or wanted != set(declared):
        raise UsageError(
            f"{source}: the query has the parameters {sorted(wanted)}, declared are {parameters}. Declare an example,"
            ' a plain value or a list of such, for each: in a file by a line such as -- parameters: {"user_id": 42},'
            " on the command line by --parameters."
        )
    return Query(sql, declared)
