"""What `up` does of a SQL file: the safe way of each statement, by what was observed of it on a copy."""

import re
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from tailguard.base.clock import MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.ddl.apply.steps import Step
from tailguard.ddl.load import facts_of
from tailguard.ddl.observe import observe
from tailguard.ddl.source import Filled
from tailguard.ddl.ways import kinds_of_actions, recognised, safe_statements
from tailguard.judge.proof.holds import holds_of, told
from tailguard.migrations.kinds import Recognised
from tailguard.migrations.kinds.safe import NoSafeWayError
from tailguard.migrations.text.script import Block, Located
from tailguard.migrations.text.settings import LIMIT, ROLE, SET, on_a_copy
from tailguard.migrations.text.sql import created_index, folded
from tailguard.postgres.database import Database
from tailguard.record.ddl import DdlStep, Observation, ProvedStatement, SafeStatement

BUILD = re.compile(r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\b", re.IGNORECASE)
BY_HAND = "Execute it yourself when nobody is kept waiting, and the rest of the file by `up`."


def planned(filled: Filled, blocks: Sequence[Block]) -> list[Step]:
    """Rehearse the file on its copy and return what to execute, each committed by itself.

    Raises UsageError, naming the line, for what PostgreSQL refuses and what has no safe way.
    """
    found: list[Step] = []
    for block in blocks:
        for statement, settings, text in _safe_ways(filled, block):
            _refuse_unnamed(statement, text.text)
            found.append(Step(number=len(found) + 1, how=text.how, text=text.text, settings=tuple(settings)))
    return found


def _safe_ways(filled: Filled, block: Block) -> Iterator[tuple[Located, Sequence[str], SafeStatement]]:
    before = filled.world.database(filled.world.base)
    settings = [text for text in block.settings if not LIMIT.match(text)]  # `up` has its own
    with filled.world.advance() as after:
        observed = iter(observe(after, on_a_copy(block), MonotonicClock()))
        for statement in block.statements:
            seen = None if ROLE.match(statement.text) else next(observed)
            if LIMIT.match(statement.text):
                continue
            if seen is None or SET.match(statement.text):
                settings.append(statement.text)
                continue
            for each in _safe_way(filled, before, statement, seen):
                yield statement, [*settings], each


def _safe_way(filled: Filled, before: Database, statement: Located, seen: Observation) -> list[SafeStatement]:
    kind = recognised(before, statement, seen)
    try:
        if kind is None:
            _refuse_unknown(filled, statement, seen)
        found = []
        for action, each in kinds_of_actions(statement, kind, seen):
            if each is not None:
                _refuse_loss(before, each)
            found += safe_statements(before, action, each)
    except NoSafeWayError as error:
        raise UsageError(f"line {statement.line}: {error} {BY_HAND}") from error
    return found


def _refuse_unknown(filled: Filled, statement: Located, seen: Observation) -> None:
    """Raise NoSafeWayError if a statement of no known kind would keep others waiting for as long as it works."""
    used = {lock.relation for lock in seen.locks} & {*filled.tables}
    here = replace(seen, locks=tuple(lock for lock in seen.locks if lock.relation in used))
    shown = ProvedStatement(line=statement.line, text=statement.text, kind="", observed=here)
    step = DdlStep(number="1", transaction=False, statements=(shown,), tables=())
    for hold in holds_of(step, filled.tables):
        if hold.grows and hold.of in filled.tables:
            raise NoSafeWayError(f"It {told(hold)}, and no safe way is known.")


def _refuse_loss(before: Database, found: Recognised) -> None:
    """Raise NoSafeWayError if the safe way of a kind would lose what hangs on its column, or scan under its lock."""
    if not found.kind.needs:
        return
    table = found.parts["table"]
    bound = facts_of(before, table).bound
    if found.kind.needs == "bare column":
        column = folded(found.parts["column"])
        if column in bound:
            raise NoSafeWayError(
                f"The safe way puts a new column in the place of {table}.{column}, and would lose: {bound[column]}."
            )
        return
    for written in found.parts["columns"].split(","):
        column = folded(written.strip())
        if "NOT NULL" not in bound.get(column, ""):
            raise NoSafeWayError(f"{table}.{column} is not NOT NULL yet: make it so first, by SET NOT NULL.")


def _refuse_unnamed(statement: Located, text: str) -> None:
    build = created_index(text)
    # Without a name, CONCURRENTLY itself reads as one.
    if BUILD.match(text) and (build is None or not build.concurrently):
        raise UsageError(
            f"line {statement.line}: an index without a name cannot be checked or healed. Name it."
        )
