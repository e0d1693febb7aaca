"""The safe way of a statement, as SQL: the templates of kinds.toml with the statement's own names in them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tailguard.migrations.kinds import Recognised
from tailguard.migrations.text.lexer import tokens
from tailguard.migrations.text.sql import folded, name_parts
from tailguard.record.ddl import How, SafeStatement

PLACE = re.compile(r"\{(\w+)\}")
WHERE = re.compile(r"WHERE", re.IGNORECASE)
NOT_BARE = re.compile(r"\W+")
BATCH = """\
DO $batches$
DECLARE
  at bigint := (SELECT min({key}) FROM {table});
  last bigint := (SELECT max({key}) FROM {table});
  upto bigint;
BEGIN
  WHILE at <= last LOOP
    upto := (SELECT max({key}) FROM (SELECT {key} FROM {table} WHERE {key} >= at ORDER BY {key} LIMIT {rows}) AS batch);
    UPDATE {table} SET {changes} WHERE {key} >= at AND {key} <= upto{also};
    COMMIT;
    PERFORM pg_sleep({pause_s});
    at := upto + 1;
  END LOOP;
END $batches$"""
# Short enough that nobody waits long for one of its rows; the pause leaves room for everybody else.
BATCH_ROWS, BATCH_PAUSE_S = 1_000, 0.01
BATCH_TEXT = re.compile(
    r"DO \$batches\$\n.*:= \(SELECT min\((?P<key>.+?)\) FROM (?P<table>.+?)\);\n.*"
    r"    UPDATE (?P=table) SET (?P<changes>.+) WHERE (?P=key) >= at AND (?P=key) <= upto(?P<also>.*?);\n    COMMIT;.*",
    re.DOTALL,
)
NO_KEY = "A batch needs a primary key of one integer column; {table} has none."


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What the catalogue says of a statement's table: its integer key, its columns' types, its partitions.

    `bound` says of a column what would be lost with it, such as an index.
    """

    key: str = ""
    types: Mapping[str, str] | None = None
    partitions: Sequence[str] = ()
    bound: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batches:
    """An UPDATE that is done in batches by an integer key; `also` is the rest of its condition, from AND on."""

    key: str
    table: str
    changes: str
    also: str


def batches_of(text: str) -> Batches | None:
    """Return what a statement of ours that works in batches does, None of any other statement."""
    found = BATCH_TEXT.fullmatch(text)
    return Batches(**found.groupdict()) if found else None


class NoSafeWayError(Exception):
    """There is no safe way, and why."""


def safe_way(text: str, found: Recognised, facts: TableFacts) -> list[SafeStatement]:
    """Return what to execute in place of the statement `text`. Raises NoSafeWayError if there is no such way."""
    if not found.kind.safe:
        raise NoSafeWayError(found.kind.why or f"No safe way is known for {found.kind.title}.")
    names = _names(text, found, facts)
    return [each for template in found.kind.safe for each in _statements(template, names, facts)]


def once(text: str) -> SafeStatement:
    """Return a statement that is executed as it is."""
    return SafeStatement(how="once", text=text)


def retried(text: str) -> list[SafeStatement]:
    """Return the safe way of a statement that needs its lock for a moment."""
    return [SafeStatement(how="retry", text=text)]


def _statements(template: str, names: Mapping[str, str], facts: TableFacts) -> Iterator[SafeStatement]:
    how, _, sql = template.partition(": ")
    if how == "batch":
        yield SafeStatement(how="once", text=_batches(_filled(sql, names), names["table"], facts))
    elif how.startswith("each "):
        for number, partition in enumerate(facts.partitions, 1):
            each = {**names, "partition": partition, "number": str(number)}
            yield SafeStatement(how=_how(how.removeprefix("each ")), text=_filled(sql, each))
    else:
        yield SafeStatement(how=_how(how), text=_filled(sql, names))


def _how(word: str) -> How:
    found: dict[str, How] = {"once": "once", "retry": "retry", "release": "release"}
    return found[word]


def _names(text: str, found: Recognised, facts: TableFacts) -> dict[str, str]:
    names = {**found.parts, "text": text, "base": _bare(found.parts.get("table", ""))}
    if column := names.get("column"):
        names["bare_column"] = _bare(column)
        names["type_of_column"] = (facts.types or {}).get(folded(column), "text")
    if not names.get("constraint") and found.kind.constraint:
        names["constraint"] = _filled(found.kind.constraint, names)
    return names


def _bare(name: str) -> str:
    """Return a name's last part as one that needs no quotes."""
    return NOT_BARE.sub("_", folded(name_parts(name)[-1]).lower()) if name else ""


def _batches(changes: str, table: str, facts: TableFacts) -> str:
    if not facts.key:
        raise NoSafeWayError(NO_KEY.format(table=table))
    setting, condition = _parted(changes)
    return BATCH.format(
        key=facts.key,
        table=table,
        changes=setting,
        also=f" AND ({condition})" if condition else "",
        rows=BATCH_ROWS,
        pause_s=BATCH_PAUSE_S,
    )


def _parted(changes: str) -> tuple[str, str]:
    """Part what SET says from the WHERE after it, which no parenthesis holds."""
    depth, before = 0, ""
    for token in tokens(changes):
        if depth == 0 and token.kind == "other" and WHERE.fullmatch(token.text):
            return before.strip(), changes[len(before) + len(token.text) :].strip()
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        before += token.text
    return changes.strip(), ""


def _filled(template: str, names: Mapping[str, str]) -> str:
    return PLACE.sub(lambda found: names.get(found[1], found[0]), template)
