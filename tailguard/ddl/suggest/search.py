"""Which indexes to build and which to drop: looked for in plans and in the catalogue, and each tried on a copy."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from tailguard.base.clock import Clock, MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.ddl.source import Filled
from tailguard.ddl.suggest.asked import AskedQuery, usable, with_examples
from tailguard.ddl.suggest.indexes import Removable, candidates
from tailguard.ddl.suggest.plans import Table, explained, scans_of, tables_of
from tailguard.ddl.suggest.tried import Suggestion, try_candidate, try_removal
from tailguard.migrations.text.script import Block, Located

log = logging.getLogger(__name__)

MOST_CANDIDATES = 12


@dataclass(slots=True)
class Found:
    """What is suggested, the best first. `left_out` says of which queries nothing is known, and why."""

    build: list[Suggestion] = field(default_factory=list)
    drop: list[Suggestion] = field(default_factory=list)
    tried: int = 0
    queries: int = 0
    left_out: list[str] = field(default_factory=list)


def blocks_for(queries: Sequence[AskedQuery], removals: Sequence[Removable]) -> list[Block]:
    """Return statements that lock each table that is needed, and do nothing."""
    texts = [f"PREPARE tailguard_{number} AS {query.raw}" for number, query in enumerate(queries)]
    tables = dict.fromkeys(one.table for one in removals)
    texts += [f'SELECT FROM "{schema}"."{name}" LIMIT 0' for schema, name in tables]
    return [Block((Located(0, text),), transaction=False) for text in texts]


def search(
    filled: Filled, asked: Sequence[AskedQuery], removals: Sequence[Removable], clock: Clock | None = None
) -> Found:
    """Try everything that may help on copies of the tables."""
    found, clock = Found(), clock or MonotonicClock()
    reading: list[tuple[AskedQuery, set[Table]]] = []
    wanted = []
    with filled.world.database(filled.world.base).connect() as connection:
        good, found.left_out = usable(connection, asked)
        for query in good:
            try:
                complete = with_examples(connection, query)
                connection.execute(complete.sql.encode(), complete.examples[0])
            except (UsageError, psycopg.Error) as error:
                found.left_out.append(f"{query.where} ({error}): {query.short}")
                continue
            plans = [explained(connection, query.sql, each) for each in complete.examples]
            reading.append((complete, {table for plan in plans for table in tables_of(plan)}))
            wanted += [scan for plan in plans for scan in scans_of(plan)]
        possible = [*candidates(connection, wanted)][:MOST_CANDIDATES]
    found.tried, found.queries = len(possible), len(reading)
    for candidate in possible:
        log.info("building %s on a copy of %s", candidate.name, candidate.table[1])
        built = try_candidate(filled.world, candidate, _on(reading, candidate.table), clock)
        found.build += [built] if built is not None else []
    found.build = _best(found.build)
    for removal in removals:
        log.info("dropping %s on a copy of %s", removal.name, removal.table[1])
        dropped = try_removal(filled.world, removal, _on(reading, removal.table), clock)
        found.drop += [dropped] if dropped is not None else []
    return found


def _on(reading: Sequence[tuple[AskedQuery, set[Table]]], table: Table) -> list[AskedQuery]:
    return [query for query, tables in reading if table in tables]


def _best(built: Sequence[Suggestion]) -> list[Suggestion]:
    """Rank by the time that is saved; an index that helps no query that a better one does not help is left out."""
    found: list[Suggestion] = []
    helped: set[str] = set()
    for each in sorted(built, key=lambda one: one.saved_ms, reverse=True):
        faster = {effect.query.where for effect in each.effects if effect.faster}
        if each.saved_ms > 0 and faster - helped:
            found.append(each)
            helped |= faster
    return found
