"""What kind of statement one is, and its safe way, by what was observed of it on a copy."""

from tailguard.ddl.load import facts_of
from tailguard.migrations.kinds import Recognised, recognise
from tailguard.migrations.kinds.actions import actions_of
from tailguard.migrations.kinds.safe import once, retried, safe_way
from tailguard.migrations.text.script import Located
from tailguard.postgres.database import Database
from tailguard.record.ddl import Observation, SafeStatement


def recognised(before: Database, statement: Located, seen: Observation) -> Recognised | None:
    """Return the kind of a statement; `before` has the tables as they were before it."""
    found = recognise(statement.text, grows=seen.grows)
    table = found.parts.get("table", "") if found else ""
    partitioned = bool(facts_of(before, table).partitions) if table else False
    return recognise(statement.text, grows=seen.grows, partitioned=True) if partitioned else found


def kinds_of_actions(
    statement: Located, kind: Recognised | None, seen: Observation
) -> list[tuple[str, Recognised | None]]:
    """Return each action of a statement and its kind: those of one ALTER TABLE differ.

    Which of several scans or rewrites is not known: each is taken to.
    """
    actions = actions_of(statement.text)
    if len(actions) == 1:
        return [(statement.text, kind)]
    return [(each, recognise(each, grows=seen.grows)) for each in actions]


def safe_statements(before: Database, text: str, kind: Recognised | None) -> list[SafeStatement]:
    """Return what to execute in place of one action. Raises NoSafeWayError if there is no such way."""
    if kind is None:
        return retried(text)
    if kind.kind.of_class == "c" and not kind.kind.safe:
        return [once(text)]
    return safe_way(text, kind, facts_of(before, kind.parts.get("table", "")))
