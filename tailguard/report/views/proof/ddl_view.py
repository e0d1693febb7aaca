"""The proof of a SQL file ready to show: each step with its answers, and the file's way beside the safe one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tailguard.base.state import State, worst
from tailguard.judge.proof.lock_words import SAFE, strongest
from tailguard.record.ddl import DdlProof, DdlStep, ProvedStatement, SafeStatement, SafeWay, Trial
from tailguard.record.run_record import RunRecord
from tailguard.record.verdict import ProofVerdict
from tailguard.report.views import numbers

AS_WRITTEN = "as written"
THE_SAFE_WAY = "the safe way"


@dataclass(frozen=True, slots=True)
class StepView:
    """A step with the verdicts about it."""

    step: DdlStep
    verdicts: tuple[ProofVerdict, ...]

    @property
    def state(self) -> State:
        """The worst of its verdicts."""
        return worst(verdict.state for verdict in self.verdicts)

    @property
    def as_written(self) -> tuple[ProofVerdict, ...]:
        """What was asked of the step as the file has it."""
        return tuple(verdict for verdict in self.verdicts if not verdict.name.startswith(SAFE))

    @property
    def title(self) -> str:
        """Where it is in the file."""
        lines = [f"line {statement.line}" for statement in self.step.statements[:1]]
        return ", ".join([f"step {self.step.number}", *lines])


@dataclass(frozen=True, slots=True)
class Way:
    """One way of a step in numbers, the worst of its runs: longest wait of anybody, whole time, failed requests.

    `ended` says what ended a run before it was done, such as a lock timeout of the file's own; "" if all were done.
    """

    name: str
    longest: str
    took: str
    failed: str
    attempts: str
    ended: str


def steps_of(record: RunRecord) -> tuple[StepView, ...]:
    """Return the steps of the proof of a SQL file; none of any other run."""
    steps = record.ddl.steps if record.ddl is not None else ()
    return tuple(StepView(step, record.asked_of(step)) for step in steps)


def ways_of(step: DdlStep) -> tuple[Way, ...]:
    """Return the file's way and, if it was tried, the safe one."""
    safe = step.safe.trials if step.safe is not None else ()
    found = ((AS_WRITTEN, step.trials), (THE_SAFE_WAY, safe))
    return tuple(_way(name, trials) for name, trials in found if trials)


def lead_of(proof: DdlProof) -> str:
    """Say what was done, beside what, and on how many rows."""
    largest = proof.largest
    rows = numbers.count(largest.rows)
    real = "" if largest.factor == 1 else f", for a table of {numbers.count(largest.real_rows)}"
    return (
        f"Each step on a copy of {rows} rows{real}, on PostgreSQL {proof.postgres}: alone, to see what it does, and"
        f" while writers and readers went on at {numbers.per_second(proof.rate_per_s)} each, behind a transaction that"
        f" stayed open for {numbers.seconds(proof.front_s)}."
    )


def did(statement: ProvedStatement) -> str:
    """Say what a statement did, in a few words."""
    seen = statement.observed
    locks = ", ".join(f"{mode} on {relation}" for relation, mode in strongest(seen.locks).items())
    parts = [
        *([f"rewrote {', '.join(seen.rewritten)}"] if seen.rewritten else []),
        *([f"read all of {', '.join(seen.scanned)}"] if seen.scanned and not seen.rewritten else []),
        *(f"changed {numbers.count(rows)} rows of {name}" for name, rows in seen.changed_rows.items()),
        f"{numbers.seconds(seen.seconds)}, {numbers.size(seen.wal_bytes)} of WAL",
        f"{numbers.size(seen.bytes_before)} before, {numbers.size(seen.bytes_after)} after",
    ]
    return f"{locks or 'no lock on a table was seen'}; {'; '.join(parts)}"


def safe_sql(way: SafeWay, lock_timeout_ms: int) -> str:
    """Write the safe way as a file that psql can execute: each statement by itself, with what to know beside it."""
    return "\n".join(_with_notes(way.statements, lock_timeout_ms))


def _with_notes(statements: Sequence[SafeStatement], lock_timeout_ms: int) -> Iterator[str]:
    for at, statement in enumerate(statements):
        if at:
            yield ""
        if statement.how == "release":
            yield f"-- First release the application such that {statement.text}."
            continue
        timeout = f"{lock_timeout_ms}ms" if statement.how == "retry" else "0"
        if statement.how == "retry":
            yield "-- Execute this again until it succeeds: others wait for as long as it may wait for its lock."
        yield f"SET lock_timeout = '{timeout}';"
        together = statement.how == "retry" and ";" in statement.text.rstrip(";")
        yield f"BEGIN; {statement.text}; COMMIT;" if together else f"{statement.text};"


def questions_of_steps(record: RunRecord) -> Iterator[ProofVerdict]:
    """Yield what has a card on the first screen: what was asked of each step as it is written."""
    for step in steps_of(record):
        yield from step.as_written
    yield from (each for each in record.verdicts if isinstance(each, ProofVerdict) and not each.migration)


def _way(name: str, trials: Sequence[Trial]) -> Way:
    impacts = [impact for trial in trials for impact in trial.impact.values()]
    longest = max((impact.longest_ms for impact in impacts if impact.longest_ms is not None), default=None)
    return Way(
        name=name,
        longest=numbers.ms(longest),
        took=numbers.seconds(max(trial.seconds for trial in trials)),
        failed=numbers.count(sum(impact.errors for impact in impacts)),
        attempts=numbers.count(max(trial.attempts for trial in trials)),
        ended=next((trial.failed for trial in trials if trial.failed), ""),
    )
