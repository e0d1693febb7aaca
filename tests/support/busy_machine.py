"""What a run says of itself on a machine that is busy with something else, and what it would have ended with else."""

import re

from msgspec.structs import replace

from tailguard.base.state import State
from tailguard.record.doubt import Grade
from tailguard.record.run_record import RunRecord
from tailguard.record.verdict import ObjectiveVerdict, Verdict

BUSY_MACHINE = {"starved_generator", "late_event_loop", "late_generator"}
_SAMPLES_ALONE = re.compile(r"\(the samples alone would say (\w+)")


def grave(record: RunRecord, scenario: str | None = None) -> set[str]:
    """Return the kinds of grave doubts about a run, or about one scenario of it."""
    return {
        each.kind
        for each in record.doubts
        if each.grade is Grade.GRAVE and (scenario is None or each.scenario in (None, scenario))
    }


def undisturbed(record: RunRecord) -> RunRecord:
    """Return the record with what its samples alone say where nothing but the busy machine is against them."""
    return replace(record, verdicts=tuple(_undisturbed(each, record) for each in record.verdicts))


def earned(code: int, record: RunRecord) -> int:
    """Return what a run that ended with `code` would have ended with on a machine of its own."""
    assert code == record.exit_code
    return undisturbed(record).deserved_exit_code


def _undisturbed(verdict: Verdict, record: RunRecord) -> Verdict:
    said = _SAMPLES_ALONE.search(verdict.why)
    whole = record.complete and all(each.held for each in record.invariants)
    if not isinstance(verdict, ObjectiveVerdict) or said is None or not whole:
        return verdict
    busy = grave(record, verdict.objective.scenario) <= BUSY_MACHINE
    return replace(verdict, state=State(said[1])) if busy else verdict
