"""What the statements of a step keep others from, for how long here, and how long on the real table."""

from collections.abc import Mapping
from dataclasses import dataclass

from tailguard.base.text_format import count, duration_s
from tailguard.judge.proof.lock_words import ROWS, blocked_by, blocking, strongest
from tailguard.judge.proof.prediction import Prediction, predicted
from tailguard.record.ddl import MANY_ROWS, DdlStep, Observation, ProvedStatement, TableSize


@dataclass(frozen=True, slots=True)
class Hold:
    """What keeps others waiting, from the statement that took it until its transaction's end.

    `what` is blocked on the relation `of`; `seconds` were measured, `real_s` are predicted for the real tables, with an
    interval if several sizes were measured. `grows` says whether they grow with a table.
    """

    what: str
    of: str
    mode: str
    seconds: float
    real_s: float
    grows: bool
    prediction: Prediction | None = None

    @property
    def most_s(self) -> float:
        """How long it may be on the real tables."""
        return self.real_s if self.prediction is None else self.prediction.high_s


def holds_of(step: DdlStep, tables: Mapping[str, TableSize]) -> list[Hold]:
    """Return what a step blocks and for how long, the longest first: locks are held until the commit."""
    found = []
    for at, statement in enumerate(step.statements):
        rest = step.statements[at:]
        seconds = sum(each.observed.seconds for each in rest)
        grows = any(each.observed.grows for each in rest)
        prediction = _predicted(step, at, tables) if grows else None
        real_s = prediction.seconds if prediction else sum(_real_s(each.observed, tables) for each in rest)
        blocked = [each for each in _blocked(statement) if each[1] not in step.unused]
        found += [Hold(*each, seconds, real_s, grows, prediction) for each in blocked]
    return sorted(found, key=lambda each: -each.real_s)


def told(hold: Hold) -> str:
    """Say it in a sentence: blocks writes to orders for the whole statement, 1.4 s here."""
    where = f"{hold.what} {'of' if hold.mode == ROWS else 'to'} {hold.of}"
    return f"{blocking(where, grows=hold.grows)}, {duration_s(hold.seconds)} here"


def _real_s(observed: Observation, tables: Mapping[str, TableSize]) -> float:
    """What grows takes longer by the ratio of the real table's size to the copy's."""
    factors = [tables[name].factor for name in observed.grows_with if name in tables]
    return observed.seconds * max(factors, default=1.0)


def _predicted(step: DdlStep, at: int, tables: Mapping[str, TableSize]) -> Prediction | None:
    """Predict how long the statements from `at` on take, by the runs on tables of several sizes."""
    real = tables.get(step.grows_by)
    if real is None:
        return None
    rows, seconds = (
        zip(*((run.rows, sum(run.seconds[at:])) for run in step.growth), strict=True)
        if step.growth
        else ((), ())
    )
    return predicted(rows, seconds, real.real_rows)


def _blocked(statement: ProvedStatement) -> list[tuple[str, str, str]]:
    observed = statement.observed
    locks = [
        (blocked_by(mode), relation, mode)
        for relation, mode in strongest(observed.locks).items()
        if blocked_by(mode)
    ]
    rows = [
        (f"writes to {count(changed)} rows", relation, ROWS)
        for relation, changed in observed.changed_rows.items()
        if changed >= MANY_ROWS and not observed.commits
    ]
    return [*locks, *rows]
