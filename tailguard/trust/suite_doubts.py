"""What a suite says of its own run: what it left out, and why what it measured is not to be trusted."""

from collections.abc import Iterable, Iterator, Mapping

from tailguard.record.doubt import OVERRIDDEN, SKIPPED_SCENARIO, UNCHECKED, Doubt, Grade
from tailguard.record.run_record import Override

# What a fixture notes (`run.note`) if the target's limiter answered instead of it, or a pool of rows ran out.
THROTTLED, EXHAUSTED = "throttled", "pool_exhausted"
# What a fixture notes if what the platform did can be seen nowhere, so that any answer would do.
NOTHING_CHECKED = "nothing_checked"
# What a run notes if a journey's own code blocked the event loop that all its users share.
HELD_LOOP = "held_loop"
# As for a thread of the generator's own (`machine_doubts`); from a second on no scheduler is to blame, and all that was
# sent in that time has it in its latency.
WARN_HELD_MS, GRAVE_HELD_MS = 250.0, 1000.0
_NOTED = {
    THROTTLED: (Grade.GRAVE, "no answer 429", "lift the rate on the target, then measure again"),
    EXHAUSTED: (Grade.GRAVE, "a row for each iteration", "give the pool more rows, or end sooner"),
    NOTHING_CHECKED: (Grade.GRAVE, "invariants that see what was done", "show them where it can be read"),
    HELD_LOOP: (Grade.WARN, "the loop comes back within 50 ms", "await the blocking call, or make it a step"),
}


def skipped_scenario(name: str, why: str) -> Doubt:
    """Return the doubt that a scenario was not measured: it has not passed."""
    return Doubt(
        kind=SKIPPED_SCENARIO,
        scenario=name,
        grade=Grade.WARN,
        measured=f"not measured: {why}",
        limit="every scenario measured",
        remedy="it was not measured: measure it in-process, or give the target a route",
    )


def skipped_step(name: str, step: str, why: str) -> Doubt:
    """Return the doubt that a step of a scenario was not taken: it has not passed."""
    return Doubt(
        kind="skipped_step",
        scenario=name,
        grade=Grade.NOTE,
        measured=f"{step} was not measured: {why}",
        limit="every step measured",
        remedy="enable what it needs, and measure again",
    )


def beside_other_tests(workers: int) -> Doubt:
    """Return the doubt that so many other workers of pytest ran tests while one measured."""
    return Doubt(
        kind="beside_other_tests",
        scenario=None,
        grade=Grade.WARN,
        measured=f"{workers} other workers of pytest-xdist ran tests on this machine at the same time",
        limit="no other worker",
        remedy="measure alone: `pytest -n 0 -m slo`",
    )


def other_requirements() -> Doubt:
    """Return the doubt that two commits may need other packages, and were measured with the same."""
    return Doubt(
        kind="other_requirements",
        scenario=None,
        grade=Grade.NOTE,
        measured="pyproject.toml, or a file of requirements, differs between the commits",
        limit="the packages that each commit asks for",
        remedy="both were measured with those that are installed: if they matter, use `tailguard duet`",
    )


def unchecked(name: str | None, why: str) -> Doubt:
    """Return the doubt that invariants were left out; of all scenarios if none is named."""
    return Doubt(
        kind=UNCHECKED,
        scenario=name,
        grade=Grade.NOTE,
        measured=why,
        limit="every invariant checked",
        remedy="check on the target itself what must hold after this run",
    )


def doubts_of_overrides(overrides: Iterable[Override]) -> Iterator[Doubt]:
    """Yield, for each scenario whose rate was changed or that was stopped, what was ordered."""
    changes: dict[str, list[str]] = {}
    for each in overrides:
        if each.order in {"rate", "stop"}:
            changes.setdefault(each.scenario, []).append(str(each))
    for scenario, told in changes.items():
        yield Doubt(
            kind=OVERRIDDEN,
            scenario=scenario,
            grade=Grade.WARN,
            measured=", ".join(told),
            limit="one load from the begin to the end",
            remedy="its verdicts are of all that was measured: to judge one load, play that alone",
        )


def doubts_of_subscribers(name: str, failure: str, held_ms: float) -> Iterator[Doubt]:
    """Yield what the process that received a scenario's broadcasts may have done to their times.

    `failure` says why it tells nothing more, "" if it does; `held_ms` is the longest time for which it stood still.
    """
    if failure:
        yield Doubt(
            kind="lost_subscribers",
            scenario=name,
            grade=Grade.GRAVE,
            measured=failure,
            limit="receipts of all subscribers",
            remedy="what was lost is not the platform's fault: look for who killed or stopped it, then measure again",
        )
    if held_ms > WARN_HELD_MS:
        yield Doubt(
            kind="held_subscribers",
            scenario=name,
            grade=Grade.GRAVE if held_ms > GRAVE_HELD_MS else Grade.WARN,
            measured=f"the subscribers' process stood still for {held_ms:.0f} ms; what arrived then was noted late",
            limit=f"{WARN_HELD_MS:g} ms; grave above {GRAVE_HELD_MS:g} ms",
            remedy="run fewer subscribers, or on a machine with more cores",
        )


def doubts_of_notes(notes: Mapping[str, object]) -> Iterator[Doubt]:
    """Yield what a run's notes say against it."""
    for name, value in notes.items():
        if name == UNCHECKED:
            yield unchecked(None, str(value))
        elif name in _NOTED:
            grade, limit, remedy = _NOTED[name]
            yield Doubt(
                kind=name, scenario=None, grade=grade, measured=str(value), limit=limit, remedy=remedy
            )
