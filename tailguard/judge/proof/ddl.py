"""Whether a SQL file stalls anybody: what each step locks and for how long, and what clients met behind it.

A step is judged by the rule of the index proof: a share of its length and an absolute wait, and what several runs show.
What a lock means on the real table follows from what was observed: time that grows with the rows is multiplied by them.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from tailguard.base.errors import UsageError
from tailguard.base.state import State
from tailguard.base.text_format import count, duration_ms, duration_s, limit_ms, ratio
from tailguard.judge.proof.holds import Hold, holds_of, told
from tailguard.judge.proof.lock_words import SAFE
from tailguard.judge.proof.responses import Responses, all_responses, responses_during
from tailguard.judge.proof.under_load import (
    STALL,
    judge_baseline,
    judge_errors,
    judge_longest,
)
from tailguard.record.ddl import DdlProof, DdlStep, Trial
from tailguard.record.migration import Client
from tailguard.record.samples import Samples
from tailguard.record.verdict import ProofVerdict

# A range that says little more than the order of magnitude.
WIDE_FROM, WIDE = 3, ", a wide range: copy more rows"


def ddl_verdicts(proof: DdlProof, live: Mapping[str, Samples]) -> tuple[ProofVerdict, ...]:
    """Return the answers, step by step; `live` are the windows of live.parquet.

    Raises UsageError if `live` lacks a window of this proof.
    """
    found = [each for step in proof.steps for each in _of_step(proof, step, live)]
    if proof.unproved:
        found.append(_verdict("proof complete", "", State.INVALID, "", proof.unproved))
    elif not proof.steps:
        found.append(_verdict("proof complete", "", State.INVALID, "", "the file has no statement"))
    return tuple(found)


def _of_step(proof: DdlProof, step: DdlStep, live: Mapping[str, Samples]) -> Iterator[ProofVerdict]:
    yield judge_holds(proof, step)
    for who in step.baseline:
        shortest_s = min((trial.seconds for trial in step.trials), default=0.0)
        quiet = all_responses(sent(live, step.baseline_window, who), shortest_s)
        baseline = judge_baseline(step, who, quiet, proof.limits)
        unsteady = "" if baseline.state is State.PASS else baseline.observed
        yield baseline
        yield from _met(proof, step, who, met_in(step.trials, live, who), unsteady)
        if step.safe is not None and step.safe.trials:
            met = met_in(step.safe.trials, live, who)
            for each in _met(proof, step, who, met, unsteady):
                yield msgspec.structs.replace(each, name=f"{SAFE}{each.name}")
    yield from _came_to_an_end(step)
    yield from _left_behind(step)
    if step.control is not None:
        yield _judge_control(
            step,
            step.control,
            met_in([step.control], live, "readers" if "readers" in step.baseline else "writers"),
        )


def _met(
    proof: DdlProof, step: DdlStep, who: Client, met: Sequence[Responses], unsteady: str
) -> Iterator[ProofVerdict]:
    yield judge_longest(step, who, met, proof.limits, unsteady)
    yield judge_errors(step, who, met)


def judge_holds(proof: DdlProof, step: DdlStep) -> ProofVerdict:
    """Judge how long the step's locks would keep others waiting on the real table.

    A prediction whose interval reaches the limit decides nothing, unless it is itself beyond.
    """
    holds, most_s = holds_of(step, proof.tables), proof.limits.max_wait_ms / 1e3
    long = sum(hold.real_s >= most_s for hold in holds)
    open_ = any(hold.most_s >= most_s for hold in holds)
    return ProofVerdict(
        name="locks",
        state=State.FAIL if long else State.INCONCLUSIVE if open_ else State.PASS,
        migration=step.number,
        expected=f"nothing is blocked for {limit_ms(proof.limits.max_wait_ms)} or longer,"
        f" on {count(proof.largest.real_rows)} rows",
        observed="; ".join(map(_told, holds)) or "blocks neither reads nor writes",
        n=max(len(holds), 1),
        exceedances=long,
    )


def _told(hold: Hold) -> str:
    """The prediction is labelled as such; there is none if no real table is larger than the one here."""
    if hold.prediction is not None:
        foreseen = hold.prediction
        wide = WIDE if foreseen.high_s > WIDE_FROM * foreseen.low_s else ""
        return (
            f"{told(hold)}; predicted for {count(foreseen.rows)} rows: about {duration_s(foreseen.seconds)}"
            f" ({duration_s(foreseen.low_s)} to {duration_s(foreseen.high_s)}{wide})"
        )
    predicted = f"; predicted for the real table: {duration_s(hold.real_s)}"
    return f"{told(hold)}{predicted if hold.real_s > hold.seconds else ''}"


def _came_to_an_end(step: DdlStep) -> Iterator[ProofVerdict]:
    """A safe way that does not come to its end is none; a statement that its own timeout ended did no harm."""
    trials = step.safe.trials if step.safe is not None else ()
    if trials:
        failed = [trial.failed for trial in trials if trial.failed]
        attempts = ", ".join(str(trial.attempts) for trial in trials)
        state = State.INCONCLUSIVE if failed else State.PASS
        yield ProofVerdict(
            name=f"{SAFE}came to its end",
            state=state,
            migration=step.number,
            expected="no error",
            observed=failed[0] if failed else f"attempts: {attempts}",
            n=len(trials),
            exceedances=len(failed),
            under_load=True,
        )


def _left_behind(step: DdlStep) -> Iterator[ProofVerdict]:
    """An INVALID index costs each write and serves no query; a build that a timeout ends leaves one."""
    ways = (("", step.trials), (SAFE, step.safe.trials if step.safe is not None else ()))
    for way, trials in ways:
        if left := sorted({name for trial in trials for name in trial.left}):
            yield ProofVerdict(
                name=f"{way}nothing left behind",
                state=State.FAIL,
                migration=step.number,
                expected="no INVALID index",
                observed=f"INVALID: {', '.join(left)}",
                n=len(trials),
                exceedances=sum(bool(trial.left) for trial in trials),
                under_load=True,
            )


def _judge_control(step: DdlStep, control: Trial, met: Sequence[Responses]) -> ProofVerdict:
    """Judge the positive control: an ALTER TABLE behind a long transaction stalls readers; these must have met it."""
    caught = any(bool((each.shares >= STALL).any()) for each in met)
    longest = max((float(each.response_ms.max()) for each in met if len(each)), default=None)
    return ProofVerdict(
        name="positive control",
        state=State.PASS if caught else State.INVALID,
        migration=step.number,
        expected=f"ALTER TABLE ADD COLUMN behind a long transaction is caught: a read of {ratio(STALL)} of its length",
        observed=f"{duration_ms(longest)} in a run of {duration_s(control.seconds)}",
        n=1,
        exceedances=int(not caught),
        under_load=True,
    )


def met_in(trials: Sequence[Trial], live: Mapping[str, Samples], who: Client) -> list[Responses]:
    """Return what one kind of client met in each trial."""
    return [responses_during(sent(live, each.window, who), each.started_ns, each.seconds) for each in trials]


def sent(live: Mapping[str, Samples], window: str, who: Client) -> Samples:
    """Return what one kind of client sent in a window."""
    name = f"{window}_{who}"
    if name not in live:
        raise UsageError(f"live.parquet has no window {name}: restore the file, or prove the SQL file again.")
    return live[name]


def _verdict(name: str, number: str, state: State, expected: str, observed: str) -> ProofVerdict:
    return ProofVerdict(
        name=name,
        state=state,
        migration=number,
        expected=expected,
        observed=observed,
        n=1,
        exceedances=int(state is not State.PASS),
    )
