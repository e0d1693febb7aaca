"""One index migration ready to show: the answers of its proof, and before and after side by side."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from tailguard.base.state import State, worst
from tailguard.record.migration import CycleStep, MigrationEntry, QueryEvidence
from tailguard.record.part import Estimate
from tailguard.record.run_record import RunRecord
from tailguard.record.verdict import ProofVerdict
from tailguard.report.views import numbers
from tailguard.report.views.proof.ddl_view import questions_of_steps
from tailguard.report.views.proof.plan_tree import PlanLine, plan_lines
from tailguard.report.views.proof.sentences import why
from tailguard.report.views.verdict_view import judged_of, worst_first

T = TypeVar("T")

SERVER_TIME, CLIENT_TIME, BLOCKS = "Server time, median", "Client time, median", "Blocks touched"


@dataclass(frozen=True, slots=True)
class MigrationView:
    """A migration with the verdicts of its proof and the sentence that sums them up."""

    entry: MigrationEntry
    verdicts: tuple[ProofVerdict, ...]
    why: str

    @property
    def state(self) -> State:
        """The worst of its verdicts."""
        return worst(verdict.state for verdict in self.verdicts)

    @property
    def checks(self) -> tuple[ProofVerdict, ...]:
        """What was asked of plans and indexes."""
        return tuple(verdict for verdict in self.verdicts if verdict.expected and not verdict.under_load)

    @property
    def asked(self) -> tuple[ProofVerdict, ...]:
        """What a proof under load asked, after what failed before it.

        Empty if nothing was asked under load: then the migration has but one answer, its state.
        """
        if self.entry.live is None:
            return ()
        failed = [check for check in self.checks if check.state is not State.PASS]
        return (*failed, *(verdict for verdict in self.verdicts if verdict.under_load))


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One measure before and after; `change` is empty if one of them is absent."""

    name: str
    before: str
    before_interval: str
    after: str
    after_interval: str
    change: str


def migrations_of(record: RunRecord) -> tuple[MigrationView, ...]:
    found = ((entry, record.asked_of(entry)) for entry in record.migrations)
    return tuple(MigrationView(entry, verdicts, why(entry, verdicts)) for entry, verdicts in found)


def questions_of(record: RunRecord) -> tuple[ProofVerdict, ...]:
    """Return what has a card on the first screen: the questions of every proof under load, the worst first.

    A migration without objectives has one card, and only if no objective has a card that would come before its own.
    """
    alone = not judged_of(record)
    found = (each for migration in migrations_of(record) for each in _questions(migration, alone=alone))
    return worst_first([*found, *questions_of_steps(record)])


def facts_of(entry: MigrationEntry) -> tuple[tuple[str, str], ...]:
    """Return (term, text) pairs of the table, the index and the ways up and down."""
    parameters = ", ".join(f"{key} = {value}" for key, value in entry.parameters.items())
    return (
        ("Table", f"{entry.table}, {numbers.count(entry.rows)} rows"),
        ("Query parameters", parameters or "none"),
        ("Index size", numbers.size(entry.index_bytes)),
        ("Build", numbers.seconds(entry.build_s)),
        ("Cycle", " → ".join(map(_step, entry.cycle)) or numbers.ABSENT),
    )


def rows_of(entry: MigrationEntry) -> Iterator[ComparisonRow]:
    """Yield what was measured of the query, before and after."""
    yield _time_row(SERVER_TIME, _both(entry, lambda side: side.server_ms))
    yield _time_row(CLIENT_TIME, _both(entry, lambda side: side.client_ms))
    yield _plain_row("Planning time", _both(entry, lambda side: side.planning_ms), numbers.ms)
    yield _plain_row(BLOCKS, _both(entry, lambda side: side.blocks.total), numbers.count)
    yield _plain_row("Rows returned", _both(entry, lambda side: side.rows), numbers.count)


def plans_of(before: QueryEvidence, after: QueryEvidence) -> Iterator[tuple[str, tuple[PlanLine, ...], str]]:
    """Yield the name of each plan, its lines, and EXPLAIN's JSON, which viewers of plans read."""
    for name, side, other in (("Before", before, after), ("After", after, before)):
        lines = plan_lines(side.explained, other.explained)
        yield name, lines, json.dumps([side.explained.value], indent=2, ensure_ascii=False)


def _questions(migration: MigrationView, *, alone: bool) -> Iterator[ProofVerdict]:
    yield from migration.asked
    if not migration.asked and alone:
        yield ProofVerdict(
            name=migration.entry.slug,
            state=migration.state,
            migration=migration.entry.number,
            expected="",
            observed=migration.why,
            n=len(migration.verdicts),
            exceedances=sum(verdict.state is not State.PASS for verdict in migration.verdicts),
        )


def _step(step: CycleStep) -> str:
    invalid = step.index is not None and not step.index.valid
    return f"{step.action} {numbers.seconds(step.seconds)}{', INVALID index' if invalid else ''}"


def _both(entry: MigrationEntry, pick: Callable[[QueryEvidence], T]) -> tuple[T | None, T | None]:
    return (pick(entry.before) if entry.before else None, pick(entry.after) if entry.after else None)


def _time_row(name: str, sides: tuple[Estimate | None, Estimate | None]) -> ComparisonRow:
    before, after = sides
    old, new = (side.value if side else None for side in sides)
    return ComparisonRow(
        name, numbers.ms(old), _spread(before), numbers.ms(new), _spread(after), _change(old, new)
    )


def _spread(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    return f"{numbers.interval(estimate)}, n = {numbers.count(estimate.n)}"


def _plain_row(
    name: str, sides: tuple[float | None, float | None], show: Callable[[float | None], str]
) -> ComparisonRow:
    old, new = sides
    return ComparisonRow(name, show(old), "", show(new), "", _change(old, new))


def _change(old: float | None, new: float | None) -> str:
    """The change in per cent of the old value; both values are beside it."""
    if old is None or new is None or not old:
        return ""
    if old == new:
        return "same"
    return numbers.signed_percent((new - old) / old)
