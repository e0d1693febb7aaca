"""Play a recorded run again and compare the two."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from tailguard.base.output.streams import say
from tailguard.base.state import State, worst
from tailguard.compare.comparable import hardware_differences
from tailguard.compare.run_comparison import compare_runs, incomparable
from tailguard.formats.run_samples import find_run_samples
from tailguard.judge.objectives.configured import configured_margins
from tailguard.pipeline.control.source import Orders
from tailguard.pipeline.environment import describe_environment
from tailguard.pipeline.finish import finish
from tailguard.pipeline.session import watching
from tailguard.pipeline.suite_run import run_suite
from tailguard.record.run import Run
from tailguard.record.run_record import RunRecord
from tailguard.record.verdict import ChangeVerdict
from tailguard.reproduce.code import Code, recorded_code
from tailguard.reproduce.recorded_plan import RUNS_DIR, check_kind, check_starts, recorded_config


@dataclass(frozen=True, slots=True)
class Reproduced:
    """The new run, why it must not be compared with the recorded one, and what the gate says otherwise."""

    run: Run
    reasons: Sequence[str]
    changes: Sequence[ChangeVerdict]

    @property
    def state(self) -> State:
        """The gate's."""
        return State.INVALID if self.reasons else worst(each.state for each in self.changes if each.gated)


def reproduce(run: Run, command: Sequence[str], *, here: bool) -> Reproduced:
    """Play the run again, into the folder of its runs. Raises UsageError that names what cannot be had again."""
    record = run.record
    played, objectives = check_kind(record)
    with recorded_code(record.environment.git, here=here) as code:
        config, suite = recorded_config(record, played, code.folder, {RUNS_DIR: str(run.folder.parent)})
        unequal = check_starts(record, config, suite)
        for each in [*code.differences, *_machine(record, code), *unequal]:
            say(f"Different: {each}.", err=True)
        orders = None if record.overrides is None else Orders(record.overrides)
        with watching(objectives, orders) as watch:
            again = run_suite(config, watch, objectives=objectives, command=command)
        again.put_environment(replace(again.record.environment, git=code.git))
        finish(again, config.suite)
        before, after = (
            find_run_samples(str(each.folder), "run", each.folder.parent) for each in (run, again)
        )
        reasons = incomparable(before, after)
        changes = [] if reasons else compare_runs(before, after, configured_margins(config))
    return Reproduced(again, reasons, changes)


def _machine(record: RunRecord, code: Code) -> Iterator[str]:
    """What of the machine and the installed packages is not as it was."""
    then, now = record.environment, describe_environment(code.folder)
    yield from (f"another {each}" for each in hardware_differences(then, now))
    versions = (
        (name, then.packages.get(name), now.packages.get(name)) for name in {**then.packages, **now.packages}
    )
    for name, before, after in [("Python", then.python, now.python), *versions]:
        if before != after:
            yield f"{name} was {before or 'not there'} and is {after or 'not there'}"


def changed_verdicts(before: RunRecord, after: RunRecord) -> list[str]:
    """Return each verdict that is another one now."""
    states = {each.name: each.state for each in before.verdicts}
    return [
        f"{each.name} was {states[each.name]} and is {each.state}"
        for each in after.verdicts
        if each.name in states and states[each.name] is not each.state
    ]
