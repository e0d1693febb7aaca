"""`tailguard migrate plan|up|status|heal FILE.sql`: the safe way of each statement of a SQL file, on your database."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say
from tailguard.base.text_format import count
from tailguard.config.merge import load_config
from tailguard.migrations.limits import Limits

if TYPE_CHECKING:
    from tailguard.ddl.apply.runner import FileRunner, FileStatus
    from tailguard.ddl.apply.steps import Step
    from tailguard.migrations.text.settings import Script
    from tailguard.postgres.database import Database

ROWS = 2_000  # of the copy that the file is rehearsed on: enough to tell a scan from a look at one row
HOW = {
    "once": "once",
    "retry": "again and again, under a short lock_timeout",
    "release": "before it, in the application",
}


def sql_file(slugs: Sequence[str], folder: Path | None) -> Path | None:
    """Return the SQL file that is named in place of migrations. Raises UsageError if it is named beside others."""
    named = [slug for slug in slugs if slug.endswith(".sql")]
    if not named:
        return None
    if len(slugs) > 1 or folder is not None:
        raise UsageError(f"{named[0]}: name one FILE.sql alone, without --folder.")
    return Path(named[0])


def plan_file(file: Path, dsn: str | None, schema: str | None) -> int:
    """Say what `up` would do, or what is left to do, and change nothing."""
    with _runner(file, dsn, schema, Limits()) as (runner, plan):
        with runner.database.connect() as connection:
            steps = runner.steps.read(connection) or plan()
        for step in steps:
            done = ", done" if step.done else ""
            say("", f"{file.name} step {step.number} of {len(steps)}, {HOW[step.how]}{done}:")
            say(*(f"    {line}" for line in step.text.splitlines()))
    return 0


def up_file(file: Path, dsn: str | None, schema: str | None, limits: Limits, *, released: bool) -> None:
    """Do what is not done yet."""
    with _runner(file, dsn, schema, limits) as (runner, plan):
        for line in runner.up(plan, released=released):
            say(line)
        say(status_line(runner.status()))


def heal_file(file: Path, dsn: str | None, schema: str | None, limits: Limits) -> None:
    """Mend what a killed `up` left."""
    with _runner(file, dsn, schema, limits) as (runner, _):
        say(f"{file.name}: {runner.heal()}")


def status_file(file: Path, dsn: str | None, schema: str | None, *, as_json: bool) -> bool:
    """Tell how far the file is. Returns whether all of it is done."""
    with _runner(file, dsn, schema, Limits()) as (runner, _):
        found = runner.status()
    say(json.dumps(asdict(found), ensure_ascii=False) if as_json else status_line(found))
    return found.finished


def status_line(status: "FileStatus") -> str:
    """Write how far a file is as one line."""
    if not status.begun:
        return f"{status.file}: not begun; up would do all of it"
    if status.finished:
        return f"{status.file}: all {count(status.steps)} steps are done"
    left = f", left behind: {status.left}" if status.left else ""
    next_step = " ".join(status.next_step.split())
    return f"{status.file}: {status.done} of {status.steps} steps are done{left}; up would do {next_step}"


@contextmanager
def _runner(
    file: Path, dsn: str | None, schema: str | None, limits: Limits
) -> Iterator[tuple["FileRunner", Callable[[], list["Step"]]]]:
    from tailguard.cli.migrate.progress_line import ProgressLine
    from tailguard.cli.migrate.target import migration_target
    from tailguard.ddl.apply.runner import FileRunner
    from tailguard.ddl.apply.steps import STEPS, Steps
    from tailguard.migrations.text.settings import read_script
    from tailguard.postgres.session import for_session

    script = read_script(file)
    if not script.blocks:
        raise UsageError(f"{file} has no statement to execute.")
    if script.path and schema:
        raise UsageError(f"{file} sets its search path itself: leave --schema {schema} out.")
    hashed = hashlib.sha256(file.read_bytes()).hexdigest()
    line = ProgressLine()
    with migration_target(dsn, schema or next(iter(script.path), None), [], STEPS) as database:
        if script.path:
            database = replace(database, conninfo=for_session(database.conninfo, *script.path))  # noqa: PLW2901  # the same
        runner = FileRunner(database, Steps(database.schema, file.name, hashed), limits, line)
        try:
            yield runner, partial(_planned, file, script, database)
        finally:
            line.close()


def _planned(file: Path, script: "Script", database: "Database") -> list["Step"]:
    """Rehearse a file on a copy of the database, which is only read. Raises UsageError, naming the line."""
    from tailguard.ddl.apply.plan import planned
    from tailguard.ddl.source import Source, filled_world

    source = Source(ROWS, database.conninfo, script.path or (database.schema,))
    with filled_world(source, load_config(), script.blocks) as filled:
        try:
            return planned(filled, script.blocks)
        except UsageError as error:
            raise UsageError(f"{file}: {error}") from error
