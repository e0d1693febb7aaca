"""`tailguard migrate`: index migrations that end valid, or say why not."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say
from tailguard.base.text_format import duration_s
from tailguard.cli.lazy import Command, LazyGroup
from tailguard.cli.migrate.of_file import sql_file
from tailguard.cli.number_range import NumberRange
from tailguard.migrations.limits import Limits
from tailguard.migrations.migration import Migration, chosen_folder, find_migration, read_folder

if TYPE_CHECKING:
    from psycopg import Connection

    from tailguard.migrations.blockers import Blocker
    from tailguard.migrations.runner import Outcome, Runner
    from tailguard.migrations.status import Status

COMMANDS = {
    "plan": Command("tailguard.cli.migrate.migrate:plan", "Say what `up` would do, and change nothing."),
    "up": Command(
        "tailguard.cli.migrate.migrate:up", "Build or drop the indexes; execute a FILE.sql safely."
    ),
    "down": Command("tailguard.cli.migrate.migrate:down", "Undo migrations."),
    "status": Command("tailguard.cli.migrate.migrate:status", "Show the catalogue and the ledger."),
    "heal": Command("tailguard.cli.migrate.migrate:heal", "Mend what failed and killed migrations left."),
    "lint": Command("tailguard.cli.migrate.lint:lint", "Check the files of a folder."),
    "sql": Command("tailguard.cli.migrate.framework_sql:sql", "Write SQL of Django or Alembic."),
    "suggest": Command("tailguard.cli.migrate.suggest:suggest", "Find indexes to build and to drop."),
    "prove": Command(
        "tailguard.cli.migrate.prove:prove", "Build an index under live load, and show what it costs."
    ),
}
EXIT_NOT_VALID = 65
EXIT_STOPS = UsageError.exit_code  # as `up` itself would end
DEFAULT = Limits()

_folder = click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Your migrations (default: the suite's).",
)
_dsn = click.option(
    "--dsn", help="Your PostgreSQL (default: DATABASE_URL, PG*, else Tailguard's own workbench)."
)
_schema = click.option("--schema", help="Schema of your tables (default: the connection's own search path).")
_deadline = click.option(
    "--deadline", type=NumberRange(0.1, 604_800), default=DEFAULT.deadline_s, show_default=True, metavar="SECONDS",
    help="Cancel a build or a drop that takes longer; clearing up after a build may take 10 s more.",
)  # fmt: skip
_wait = click.option(
    "--wait", type=NumberRange(0, 604_800), default=DEFAULT.wait_s, show_default=True, metavar="SECONDS",
    help="Wait this long for other runners and old transactions, before anything is built; of a FILE, for locks.",
)  # fmt: skip
_old = click.option(
    "--old-transaction", type=NumberRange(0, 604_800), default=DEFAULT.old_transaction_s, show_default=True,
    metavar="SECONDS", help="Wait for transactions older than this before anything is built.",
)  # fmt: skip
_slugs = click.argument("slugs", nargs=-1, metavar="[SLUG]...|[FILE.sql]")


@click.group(cls=LazyGroup, commands_at=COMMANDS)
def migrate() -> None:
    """Build indexes concurrently, undo that, and heal what failed builds left.

    SLUG is a migration's number, slug or both; without one, all of them. A FILE.sql is executed by the safe way of each
    of its statements. Without --dsn, DATABASE_URL or PG*, the commands work on Tailguard's own seeded workbench.
    """


def _target(command: Callable[..., Any]) -> Callable[..., Any]:
    return _slugs(_dsn(_schema(_folder(command))))


def _limited(command: Callable[..., Any]) -> Callable[..., Any]:
    return _deadline(_wait(_old(command)))


@click.command()
@_target
def plan(slugs: Sequence[str], dsn: str | None, schema: str | None, folder: Path | None) -> int:
    """Say what `up` would do, and change nothing. Ends with 64 if `up` would stop."""
    if (file := sql_file(slugs, folder)) is not None:
        from tailguard.cli.migrate.of_file import plan_file

        return plan_file(file, dsn, schema)
    from tailguard.migrations.status import status_of

    chosen, bad = _chosen_and_bad(folder, slugs)
    stops = False
    for status in bad:
        say("", f"{status.name}: {status.state}. Up would do: {status.next_step}.")
    with _connection(dsn, schema, chosen) as connection:
        for migration in chosen:
            status = status_of(connection, migration)
            say(
                "",
                f"{status.name}: {status.state}. Up would do: {status.next_step}.",
                *_indented(migration.up).split("\n"),
            )
            stops = stops or status.stops
            for blocker in _held_up_by(connection, migration):
                say("", f"A build would wait for {blocker}.")
    return EXIT_STOPS if stops or bad else 0


@click.command()
@_target
@_limited
@click.option("--allow-equivalent", is_flag=True, help="Build even if another index already serves the same.")
@click.option("--released", is_flag=True, help="Of a FILE.sql: the application no longer uses what it drops.")
def up(  # click passes by name
    slugs: Sequence[str], dsn: str | None, schema: str | None, folder: Path | None,
    *, allow_equivalent: bool, released: bool, **limits: float,
) -> None:  # fmt: skip
    """Apply migrations in order: build indexes, or drop those that a migration removes.

    Of a FILE.sql, execute the safe way of each statement. If that was stopped, the next `up` goes on from there.
    """
    if (file := sql_file(slugs, folder)) is not None:
        from tailguard.cli.migrate.of_file import up_file

        up_file(file, dsn, schema, _limits(limits), released=released)
        return
    if released:
        raise UsageError("--released is for a FILE.sql: name one.")
    chosen = _chosen(folder, slugs)
    with _runner(dsn, schema, chosen, limits) as runner:
        for migration in chosen:
            _tell(migration, runner.up(migration, allow_equivalent=allow_equivalent))


@click.command()
@_target
@_limited
@click.option("--all", "everything", is_flag=True, help="Undo all of them.")
def down(  # click passes by name
    slugs: Sequence[str], dsn: str | None, schema: str | None, folder: Path | None,
    *, everything: bool, **limits: float,
) -> None:  # fmt: skip
    """Undo migrations, newest first: drop created indexes, rebuild dropped ones, both with CONCURRENTLY."""
    if sql_file(slugs, folder) is not None:
        raise UsageError(
            "A FILE.sql is executed as it stands: write its way back as a file of its own, and take that up."
        )
    if bool(slugs) == everything:
        raise UsageError("Name the migrations to take back, or say --all.")
    chosen = _chosen(folder, slugs)
    with _runner(dsn, schema, chosen, limits) as runner:
        for migration in reversed(chosen):
            _tell(migration, runner.down(migration))


@click.command()
@_target
@_limited
def heal(  # click passes by name
    slugs: Sequence[str], dsn: str | None, schema: str | None, folder: Path | None, **limits: float
) -> None:
    """Drop the INVALID indexes that failed builds and rebuilds left. Of a FILE.sql, mend what a killed `up` left."""
    if (file := sql_file(slugs, folder)) is not None:
        from tailguard.cli.migrate.of_file import heal_file

        heal_file(file, dsn, schema, _limits(limits))
        return
    chosen = _chosen(folder, slugs)
    with _runner(dsn, schema, chosen, limits) as runner:
        for migration in chosen:
            _tell(migration, runner.heal(migration))


@click.command()
@_target
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
@click.option("--check", is_flag=True, help="End with 65 unless every migration is done.")
def status(
    slugs: Sequence[str],
    dsn: str | None,
    schema: str | None,
    folder: Path | None,
    *,
    as_json: bool,
    check: bool,
) -> int:
    """Show what the catalogue has and what the ledger says."""
    if (file := sql_file(slugs, folder)) is not None:
        from tailguard.cli.migrate.of_file import status_file

        finished = status_file(file, dsn, schema, as_json=as_json)
        return EXIT_NOT_VALID if check and not finished else 0
    from tailguard.migrations.status import NOTHING, status_of

    chosen, bad = _chosen_and_bad(folder, slugs)
    with _connection(dsn, schema, chosen) as connection:
        found = sorted(
            [*bad, *(status_of(connection, migration) for migration in chosen)], key=attrgetter("name")
        )
    for one in found:
        say(json.dumps(asdict(one), ensure_ascii=False) if as_json else _status_line(one))
    return EXIT_NOT_VALID if check and any(one.next_step != NOTHING for one in found) else 0


def _held_up_by(connection: "Connection[Any]", migration: Migration) -> list["Blocker"]:
    """Return the transactions that a build would wait for at this moment; none if there is no table yet."""
    from tailguard.migrations.blockers import old_transactions
    from tailguard.migrations.index import find_table

    try:
        table = find_table(connection, migration.build.table)
    except UsageError:
        return []
    return old_transactions(connection, DEFAULT.old_transaction_s, table.oid)


def _chosen(folder: Path | None, slugs: Sequence[str]) -> list[Migration]:
    """Return the named migrations, or all, in the order of their numbers.

    Raises UsageError for an unknown name, and for a file that cannot be used unless others are named.
    """
    known = read_folder(chosen_folder(folder))
    if slugs:
        named = {find_migration(known, slug).name for slug in slugs}
        return [migration for migration in known.migrations if migration.name in named]
    for bad in known.bad:
        raise UsageError(f"{bad.why} Name the migrations that are meant, to leave this one out.")
    return list(known.migrations)


def _chosen_and_bad(folder: Path | None, slugs: Sequence[str]) -> tuple[list[Migration], list["Status"]]:
    """Return the named migrations, or all, and, without names, messages about the files that cannot be used."""
    from tailguard.migrations.status import status_of_bad

    if slugs:
        return _chosen(folder, slugs), []
    known = read_folder(chosen_folder(folder))
    return list(known.migrations), [status_of_bad(bad) for bad in known.bad]


@contextmanager
def _runner(
    dsn: str | None, schema: str | None, chosen: Sequence[Migration], given: Mapping[str, float]
) -> Iterator["Runner"]:
    from tailguard.cli.migrate.progress_line import ProgressLine
    from tailguard.cli.migrate.target import migration_target
    from tailguard.migrations.runner import Runner

    limits, line = _limits(given), ProgressLine()
    with migration_target(dsn, schema, [migration.build.table for migration in chosen]) as database:
        try:
            yield Runner(database, limits, line)
        finally:
            line.close()


@contextmanager
def _connection(
    dsn: str | None, schema: str | None, chosen: Sequence[Migration]
) -> Iterator["Connection[Any]"]:
    from tailguard.cli.migrate.target import migration_target
    from tailguard.postgres.session import keep_to_catalogue

    tables = [migration.build.table for migration in chosen]
    with migration_target(dsn, schema, tables) as database, database.connect() as connection:
        keep_to_catalogue(connection)
        yield connection


def _limits(given: Mapping[str, float]) -> Limits:
    return Limits(given["deadline"], given["wait"], given["old_transaction"])


def _tell(migration: Migration, outcome: "Outcome") -> None:
    healed = f" (dropped before: {', '.join(outcome.healed)})" if outcome.healed else ""
    tried = (
        f" (after {len(outcome.failures)} failed: {'; '.join(outcome.failures)})" if outcome.failures else ""
    )
    took = f", {duration_s(outcome.seconds)}" if outcome.seconds else ""
    say(f"{migration.name}: {outcome.done}{took}{healed}{tried}")


def _status_line(status: "Status") -> str:
    left = f", left behind: {', '.join(status.leftovers)}" if status.leftovers else ""
    changed = ", the files changed since" if status.changed else ""
    uncompared = f", not compared: {status.uncompared}" if status.uncompared else ""
    known = f"{status.state}{uncompared}{left}; ledger: {status.recorded}{changed}"
    return f"{status.name}: {known}; up would do: {status.next_step}"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
