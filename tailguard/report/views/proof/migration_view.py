"""One index migration ready to show: before and after side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailguard.report.views import numbers
from tailguard.report.views.proof.plan_tree import PlanLine, plan_lines

SERVER_TIME, CLIENT_TIME, BLOCKS = "Server time, median", "Client time, median", "Blocks touched"


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One measure before and after; `change` is empty where one of them is absent."""

    name: str
    before: str
    before_interval: str
    after: str
    after_interval: str
    change: str


@dataclass(frozen=True, slots=True)
class Check:
    """What the proof asked of the plan or the index."""

    name: str
    held: bool
    expected: str
    observed: str


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan as marked lines and as PostgreSQL's own text."""

    lines: tuple[PlanLine, ...]
    text: str


@dataclass(frozen=True, slots=True)
class MigrationView:
    """One migration; `facts` and `sql` are (term, text) pairs."""

    number: str
    slug: str
    state: str
    why: str
    facts: tuple[tuple[str, str], ...]
    rows: tuple[ComparisonRow, ...]
    plans: tuple[tuple[str, PlanView], ...]
    checks: tuple[Check, ...]
    sql: tuple[tuple[str, str], ...]


def migration_of(found: Mapping[str, Any]) -> MigrationView:
    """Choose and format what run.json says of one migration."""
    before, after = found.get("before") or {}, found.get("after") or {}
    return MigrationView(
        number=str(found["number"]),
        slug=str(found["slug"]),
        state=str(found["state"]),
        why=str(found.get("why") or ""),
        facts=_facts(found),
        rows=_rows(before, after),
        plans=(("Before", _plan(before, after)), ("After", _plan(after, before))),
        checks=tuple(
            Check(str(c["name"]), bool(c["held"]), str(c["expected"]), str(c["observed"]))
            for c in found.get("checks") or []
        ),
        sql=tuple(
            (name, str(found[key]))
            for name, key in (("Query", "query_sql"), ("Up", "up_sql"), ("Down", "down_sql"))
            if found.get(key)
        ),
    )


def _facts(found: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    parameters = ", ".join(f"{key} = {value}" for key, value in (found.get("parameters") or {}).items())
    return (
        ("Table", f"{found.get('table', numbers.ABSENT)}, {numbers.count(found.get('rows'))} rows"),
        ("Query parameters", parameters or "none"),
        ("Index size", numbers.size(found.get("index_bytes"))),
        ("Build", numbers.seconds(found.get("build_s"))),
        ("Cycle", _cycle(found)),
    )


def _cycle(found: Mapping[str, Any]) -> str:
    turns = found.get("cycle") or []
    return " → ".join(_turn(turn) for turn in turns) or numbers.ABSENT


def _turn(turn: Mapping[str, Any]) -> str:
    valid = "" if turn.get("valid", True) else ", INVALID index"
    return f"{turn['action']} {numbers.seconds(turn.get('seconds'))}{valid}"


def _rows(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[ComparisonRow, ...]:
    return (
        _time_row(SERVER_TIME, before.get("server_ms") or {}, after.get("server_ms") or {}),
        _time_row(CLIENT_TIME, before.get("client_ms") or {}, after.get("client_ms") or {}),
        _plain_row("Planning time", before.get("planning_ms"), after.get("planning_ms"), numbers.ms),
        _plain_row(BLOCKS, _blocks(before), _blocks(after), numbers.count),
        _plain_row("Rows returned", before.get("rows"), after.get("rows"), numbers.count),
    )


def _blocks(side: Mapping[str, Any]) -> int | None:
    blocks = side.get("blocks")
    return int(blocks["hit"] + blocks["read"]) if blocks else None


def _time_row(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> ComparisonRow:
    old, new = before.get("median"), after.get("median")
    return ComparisonRow(
        name, numbers.ms(old), _spread(before), numbers.ms(new), _spread(after), _change(old, new)
    )


def _spread(side: Mapping[str, Any]) -> str:
    return (
        "" if side.get("median") is None else f"{numbers.interval(side)}, n = {numbers.count(side.get('n'))}"
    )


def _plain_row(name: str, old: float | None, new: float | None, show: Any) -> ComparisonRow:
    return ComparisonRow(name, show(old), "", show(new), "", _change(old, new))


def _change(old: float | None, new: float | None) -> str:
    """The change in per cent of the old value; both values stand beside it."""
    if old is None or new is None or not old:
        return ""
    if old == new:
        return "same"
    return numbers.signed_percent((new - old) / old)


def _plan(side: Mapping[str, Any], other: Mapping[str, Any]) -> PlanView:
    lines = plan_lines(side.get("plan") or {}, other.get("plan") or {})
    return PlanView(lines, str(side.get("text") or ""))
