"""`tailguard migrate suggest`: which indexes would help and which may go, each tried on a copy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say
from tailguard.base.text_format import byte_size, count, duration_ms, duration_s, times
from tailguard.config.merge import load_config

if TYPE_CHECKING:
    from tailguard.ddl.suggest.asked import AskedQuery
    from tailguard.ddl.suggest.indexes import Removable
    from tailguard.ddl.suggest.search import Found
    from tailguard.ddl.suggest.tried import Effect, Suggestion

ROWS = 50_000
MS_PER_S = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked at: queries, where their names are looked up, indexes that may go, and what is left out."""

    queries: Sequence["AskedQuery"]
    path: Sequence[str]
    removals: Sequence["Removable"] = ()
    left_out: Sequence[str] = ()


@click.command()
@click.option("--dsn", help="Your PostgreSQL (default: DATABASE_URL, PG*); only read.")
@click.option("--schema", help="Schema of your tables (default: the connection's own).")
@click.option(
    "--dump", type=click.Path(path_type=Path), help="Your dump in place of a database; needs --queries."
)
@click.option(
    "--queries", "file", type=click.Path(path_type=Path), metavar="FILE.sql",
    help="Your queries, with `-- parameters:` above those that have some (default: the costliest of"
    " pg_stat_statements).",
)  # fmt: skip
@click.option(
    "--rows", type=click.IntRange(1000, 100_000_000), default=ROWS, show_default=True,
    help="Rows of each table that are copied.",
)  # fmt: skip
def suggest(dsn: str | None, schema: str | None, dump: Path | None, file: Path | None, rows: int) -> None:
    """Find indexes that make your costliest queries faster, and indexes that nobody needs.

    Your tables are copied to an embedded server. There each index is built or dropped, the queries are measured before
    and after, and so is what each write costs. Your database is only read.
    """
    from tailguard.ddl.source import Source, filled_world
    from tailguard.ddl.suggest.asked import from_file
    from tailguard.ddl.suggest.search import blocks_for, search

    if dump is None:
        asked = _asked(dsn, schema, file)
    elif file is None or dsn is not None:
        raise UsageError("--dump takes its queries from --queries FILE.sql, and goes without --dsn.")
    else:
        asked = Asked(from_file(file), (schema,) if schema else ())
    source = Source(rows, dsn, asked.path, dump)
    with filled_world(source, load_config(), blocks_for(asked.queries, asked.removals)) as filled:
        found = search(filled, asked.queries, asked.removals)
        found.left_out[:0] = [*asked.left_out, *filled.left_out]
    say(*_lines(found, rows))


def _asked(dsn: str | None, schema: str | None, file: Path | None) -> Asked:
    """Read a database, and what it cannot plan."""
    from tailguard.ddl.suggest.asked import from_file, from_statements, usable
    from tailguard.ddl.suggest.indexes import removable
    from tailguard.migrations.checks import told_plainly
    from tailguard.postgres.location import connect, locate
    from tailguard.postgres.session import for_session

    place = locate(dsn)
    if place is None:
        raise UsageError("No database is named: give --dsn, DATABASE_URL or PG*, or --dump and --queries.")
    conninfo = for_session(place.conninfo, *([schema] if schema else []), read_only=True)
    with told_plainly(), connect(conninfo) as connection:
        queries = from_file(file) if file is not None else from_statements(connection)
        good, left_out = usable(connection, queries)
        rows = connection.execute("SELECT unnest(pg_catalog.current_schemas(false))")
        return Asked(good, tuple(str(name) for (name,) in rows), removable(connection), left_out)


def _lines(found: "Found", rows: int) -> Iterator[str]:
    yield (
        f"{found.queries} queries, {found.tried} indexes tried, on copies of up to {count(rows)} rows per table."
        " A larger table gains more."
    )
    for what in found.left_out:
        yield f"Left out: {what}"
    if not found.build:
        yield "No index that was tried makes a query faster."
    for number, each in enumerate(found.build, 1):
        yield ""
        yield f"{number}. {each.statement};"
        yield from (f"   {line}" for line in _told(each))
    for each in found.drop:
        yield ""
        verdict = f"Needed, although {each.why}" if each.slower else f"Not needed, because {each.why}"
        yield f"{verdict}: {each.statement};"
        yield from (f"   {line}" for line in _told(each))
    if found.drop:
        yield ""
        yield "An index may be used on a replica, or once a year. What was never used is counted since the last reset."


def _told(suggestion: "Suggestion") -> Iterator[str]:
    for effect in suggestion.effects:
        if effect.faster or effect.slower:
            yield _effect(effect)
    if not suggestion.effects:
        yield "none of the queries reads its table"
    elif not any(effect.faster or effect.slower for effect in suggestion.effects):
        yield f"none of {len(suggestion.effects)} queries on its table got slower"
    costs = "; ".join(
        f"{kind.replace('_', ' of its ')} {times(cost.ratio.value)}"
        for kind, cost in suggestion.writes.items()
        if cost.ratio.value is not None
    )
    size = f"{byte_size(suggestion.size_bytes)}"
    yield f"{size}; time of a write with it, as a multiple: {costs or suggestion.unknown}"


def _effect(effect: "Effect") -> str:
    word = "faster" if effect.faster else "SLOWER"
    calls = effect.query.calls
    in_all = f", {duration_s(effect.saved_in_all_ms / MS_PER_S)} of {count(calls)} calls" if calls > 1 else ""
    return (
        f"{word}: {duration_ms(effect.before_ms)} -> {duration_ms(effect.after_ms)}{in_all if effect.faster else ''}:"
        f" {effect.query.where}: {effect.query.short}"
    )
