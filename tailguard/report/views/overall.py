"""Is this change safe? One sentence over a whole run: the gate's own decision, in words."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tailguard.base import text_format
from tailguard.base.state import State
from tailguard.record.doubt import Grade
from tailguard.record.run_record import RunRecord
from tailguard.record.verdict import (
    AnswersVerdict,
    ChangeVerdict,
    DriftVerdict,
    ObjectiveVerdict,
    PlanVerdict,
    WindowVerdict,
)
from tailguard.report.views import change_view, numbers
from tailguard.report.views.card import Judged
from tailguard.report.views.compared import compared_of, doubtful_of
from tailguard.report.views.numbers import plural
from tailguard.report.views.proof.ddl_view import steps_of
from tailguard.report.views.proof.migration_view import MigrationView, migrations_of
from tailguard.report.views.verdict_view import judged_of

# The worst first: in this order states are counted.
_WORDS = {
    State.INVALID: "cannot be trusted",
    State.FAIL: "breached",
    State.INCONCLUSIVE: "undecided",
    State.PASS: "met",
}
_DUET = {
    State.FAIL: "Worse than the baseline",
    State.INCONCLUSIVE: "Undecided whether worse than the baseline",
}
_SHADOW = "The candidate answers as the primary does, and is not slower."
_PROOF = {State.FAIL: "Not safe", State.INCONCLUSIVE: "Undecided whether safe"}
_LOOSE = 3.0  # three times as slow is noticed by users before it is by a farther limit
_MOST_NAMED = 4  # more names than these bury the sentence; all have a card below it


@dataclass(frozen=True, slots=True)
class Overall:
    """The state of the run, the sentence that says it, what was compared and what of that is doubtful.

    Of a run that passed, `detail` says if its limits would notice only a large change.
    """

    state: State
    sentence: str
    detail: str
    compared: str
    doubtful: str


def overall_of(record: RunRecord) -> Overall:
    """Say in one sentence what the gate decides of the run."""
    migrations, state = migrations_of(record), record.state
    about = compared_of(record), doubtful_of(record.doubts)
    if state is State.INVALID:
        detail = "; ".join(_distrust(record, migrations))
        return Overall(state, "This run cannot be trusted.", detail, *about)
    if state is State.PASS:
        return Overall(state, _SHADOW if record.shadow else _all_met(record), _loose(record), *about)
    asked = [verdict.state for migration in migrations for verdict in migration.asked]
    asked += [verdict.state for step in steps_of(record) for verdict in step.as_written]
    detail = _tally([*(verdict.state for verdict in judged_of(record)), *asked])
    return Overall(state, _sentence(state, record, migrations), detail, *about)


def _loose(record: RunRecord) -> str:
    """Say how large a change of latency the nearest limit would notice, if it would notice only a large one."""
    factors = [
        verdict.headroom
        for verdict in record.verdicts
        if isinstance(verdict, ObjectiveVerdict)
        and verdict.objective.metric == "latency"
        and verdict.headroom
    ]
    if not factors or min(factors) < _LOOSE:
        return ""
    return (
        f"The nearest limit of a latency notices only a {text_format.significant(min(factors), 2)}-fold change:"
        f" `tailguard slo suggest {record.id}` proposes nearer ones."
    )


def _distrust(record: RunRecord, migrations: Iterable[MigrationView]) -> Iterator[str]:
    for slug, entry in record.scenarios.items():
        yield from (f"invariant broken ({slug}: {each.name})" for each in entry.invariants if not each.held)
    yield from (f"grave doubt ({doubt.title})" for doubt in record.doubts if doubt.grade is Grade.GRAVE)
    if not record.complete:
        yield f"incomplete ({record.why_incomplete})"
    if not record.verdicts:
        yield "no objective was judged"
    for migration in migrations:
        if migration.state is State.INVALID:
            yield f"migration {migration.entry.number} INVALID{_because(migration, State.INVALID)}"
    yield from (f"{step.title} INVALID" for step in steps_of(record) if step.state is State.INVALID)
    if record.ddl is not None and record.ddl.unproved:
        yield record.ddl.unproved
    states = [verdict.state for verdict in judged_of(record)]
    if State.INVALID in states:
        yield f"{states.count(State.INVALID)} of {len(states)} verdicts INVALID"


def _sentence(state: State, record: RunRecord, migrations: Iterable[MigrationView]) -> str:
    judged = judged_of(record)
    for verdict in judged:
        if isinstance(verdict, ChangeVerdict) and verdict.is_claim and verdict.state is state:
            return _claimed(verdict)
    named = [_named(verdict) for verdict in judged if verdict.state is state]
    for migration in migrations:
        if migration.state is state:  # beside objectives, a migration's number is enough
            because = "" if judged else _because(migration, state)
            named.append(f"migration {migration.entry.number}{because}")
    named += [step.title for step in steps_of(record) if step.state is state]
    words = _DUET if any(isinstance(each, ChangeVerdict) for each in judged) else {} if judged else _PROOF
    return f"{words.get(state, _WORDS[state].capitalize())}: {_listed(named)}."


def _claimed(verdict: ChangeVerdict) -> str:
    words = {State.PASS: "Confirmed", State.FAIL: "Refuted", State.INCONCLUSIVE: "Undecided"}
    much = f"{change_view.signed(verdict, verdict.change)} [{change_view.bounds(verdict)}]"
    return f"{words[verdict.state]}: {change_view.metric_of(verdict)}. Measured: {much}."


def _named(verdict: Judged) -> str:
    match verdict:
        case ObjectiveVerdict() | WindowVerdict() | DriftVerdict():
            return verdict.name
        case AnswersVerdict():
            return (
                f"the answers differ in {plural(verdict.fields, 'field')}"
                if verdict.fields
                else "the answers"
            )
        case ChangeVerdict():
            much = change_view.signed(verdict, verdict.change)
        case PlanVerdict():
            much = numbers.signed_percent(verdict.change)
    return change_view.metric_of(verdict) + ("" if verdict.change is None else f" ({much})")


def _because(migration: MigrationView, state: State) -> str:
    """The questions of its proof under load that were answered so."""
    asked = [verdict.name for verdict in migration.asked if verdict.state is state]
    return f" ({_listed(asked)})" if asked else ""


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _MOST_NAMED
    return ", ".join([*names[:_MOST_NAMED], *([f"and {rest} more"] if rest > 0 else [])])


def _all_met(record: RunRecord) -> str:
    judged, migrations = judged_of(record), record.migrations
    if record.duet and record.duet.claim:
        return next(_claimed(each) for each in judged if isinstance(each, ChangeVerdict) and each.is_claim)
    if record.duet:
        return f"No worse than the baseline: {_all(len(judged), 'comparison')} within the margin."
    if record.bench and all(isinstance(each, ChangeVerdict) for each in judged):
        return f"No command is slower than its baseline: {_all(len(judged), 'comparison')} within the margin."
    if record.ddl is not None:
        return f"Nobody waits for {record.ddl.file}: {_all(len(record.ddl.steps), 'step')} safe as written."
    if not judged and len(migrations) == 1:
        return f"Migration {migrations[0].number} is proven."
    faults = record.chaos.windows if record.chaos else ()
    under = f" under {plural(len(faults), 'fault')}, and every invariant held" if faults else ""
    parts = [f"{_all(len(judged), 'objective')} met{under}"] if judged else []
    if migrations:
        parts.append(
            f"{plural(len(migrations), 'migration')} {'are' if len(migrations) > 1 else 'is'} proven"
        )
    text = f"{', and '.join(parts)}."
    return text[0].upper() + text[1:]


def _all(count: int, noun: str) -> str:
    return f"the {noun} is" if count == 1 else f"all {count} {noun}s are"


def _tally(states: Sequence[State]) -> str:
    return ", ".join(f"{states.count(state)} {words}" for state, words in _WORDS.items() if state in states)
