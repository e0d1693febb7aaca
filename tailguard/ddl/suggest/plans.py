"""What EXPLAIN says of a query's sequential scans: which columns are compared, joined and sorted by."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from psycopg import Connection

from tailguard.migrations.text.sql import NAME, folded

COLUMN = rf"(?P<alias>{NAME})\.(?P<column>{NAME})"
# A column on the left of a comparison, not inside of a function: ((o.note)::text = ...
COMPARED = re.compile(
    rf"(?P<function>\w*)\(*{COLUMN}\)?(?:::[\w ]+(?:\(\d+\))?)?\)?\s+(?P<operator><=|>=|=|<|>)\s+"
    r"(?P<many>ANY\s+)?\(*(?:\$(?P<parameter>\d+))?",
    re.ASCII,
)
SORTED = re.compile(rf"\(?{COLUMN}\)?(?P<order>(?: DESC)?(?: NULLS (?:FIRST|LAST))?)", re.ASCII)
ANY_COLUMN = re.compile(COLUMN, re.ASCII)
MOST_COLUMNS = 4
Table = tuple[str, str]


class Node(msgspec.Struct, frozen=True, rename=lambda name: name.replace("_", " ").title()):
    """A node of a plan, as far as it is read here."""

    node_type: str
    schema: str = ""
    relation_name: str = ""
    alias: str = ""
    filter: str = ""
    index_cond: str = ""
    hash_cond: str = ""
    merge_cond: str = ""
    join_filter: str = ""
    sort_key: tuple[str, ...] = ()
    plans: tuple["Node", ...] = ()


class _Explained(msgspec.Struct, frozen=True, rename="pascal"):
    plan: Node


@dataclass(frozen=True, slots=True)
class Compared:
    """A column that a parameter is compared with; `many` by = ANY."""

    table: Table
    column: str
    many: bool


@dataclass(frozen=True, slots=True)
class Scan:
    """A table that is read from its first row to its last, and by what its rows are wanted."""

    table: Table
    equal: tuple[str, ...] = ()
    ranged: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    order: tuple[str, ...] = field(default=())  # with DESC

    def wanted(self) -> Iterator[tuple[str, ...]]:
        """Yield the keys of indexes that may serve it, as SQL without quotes."""
        if self.order:
            yield (*self.equal, *self.order)
        if self.ranged:
            yield (*self.equal, self.ranged[0])
        if self.equal:
            yield self.equal
        for column in self.joined:
            yield (column, *(each for each in self.equal if each != column))


def explained(connection: Connection[Any], query: str, parameters: Any = None) -> Node:
    """Return the plan of a query, which is not executed."""
    row = connection.execute(
        f"EXPLAIN (VERBOSE, FORMAT JSON) {query}".encode(), parameters, prepare=False
    ).fetchone()
    assert row is not None  # EXPLAIN always answers
    return msgspec.convert(row[0][0], _Explained).plan


def compared_parameters(connection: Connection[Any], raw: str, parameters: int) -> dict[int, Compared]:
    """Return the columns that $1, $2 ... of a query are compared with, by their numbers, as its generic plan says."""
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        connection.execute(f"PREPARE tailguard_generic AS {raw}".encode())
        plan = explained(connection, f"EXECUTE tailguard_generic ({', '.join(['NULL'] * parameters)})")
    connection.execute("DEALLOCATE tailguard_generic")
    tables = {node.alias: (node.schema, node.relation_name) for node in walk(plan) if node.relation_name}
    found: dict[int, Compared] = {}
    for node in walk(plan):
        for condition in (node.filter, node.index_cond, node.join_filter):
            for each in COMPARED.finditer(condition):
                alias = folded(each["alias"])
                if each["parameter"] and alias in tables:
                    column = Compared(tables[alias], folded(each["column"]), bool(each["many"]))
                    found.setdefault(int(each["parameter"]), column)
    return found


def tables_of(plan: Node) -> set[Table]:
    """Return the tables that a plan reads."""
    return {(node.schema, node.relation_name) for node in walk(plan) if node.relation_name}


def scans_of(plan: Node) -> Iterator[Scan]:
    """Yield the sequential scans of a plan."""
    yield from _scans(plan, ())


def walk(plan: Node) -> Iterator[Node]:
    """Yield a node and all below it."""
    yield plan
    for below in plan.plans:
        yield from walk(below)


def _scans(node: Node, above: Sequence[Node]) -> Iterator[Scan]:
    if node.node_type == "Seq Scan":
        compared = [each for each in COMPARED.finditer(node.filter) if not each["function"]]
        yield Scan(
            (node.schema, node.relation_name),
            _columns(each["column"] for each in compared if each["operator"] == "="),
            _columns(each["column"] for each in compared if each["operator"] != "="),
            _columns(
                each["column"]
                for one in above
                for condition in (one.hash_cond, one.merge_cond, one.join_filter)
                for each in ANY_COLUMN.finditer(condition)
                if folded(each["alias"]) == node.alias
            ),
            _order(node, above),
        )
    for below in node.plans:
        yield from _scans(below, (*above, node))


def _order(node: Node, above: Sequence[Node]) -> tuple[str, ...]:
    """Return what the nearest sort sorts by, if that is columns of this table alone."""
    keys = next((one.sort_key for one in reversed(above) if one.sort_key), ())
    found = [match for key in keys if (match := SORTED.fullmatch(key)) is not None]
    if len(found) != len(keys) or any(folded(match["alias"]) != node.alias for match in found):
        return ()
    return tuple(f"{match['column']}{match['order']}" for match in found)


def _columns(names: Iterator[str] | Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))[: MOST_COLUMNS - 1]
