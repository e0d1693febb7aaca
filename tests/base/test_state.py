"""What a run amounts to: one order of severity, one exit code."""

from itertools import permutations

import msgspec
import pytest

from tailguard.base.state import State, worst
from tailguard.record.part import finite
from tailguard.record.run_record import Ended
from tailguard.record.verdict import PlanVerdict
from tests.support.blank_record import a_record


def a_verdict(state: State) -> PlanVerdict:
    return PlanVerdict(
        name="plan of q",
        state=state,
        query="q",
        baseline_blocks=1,
        candidate_blocks=1,
        diff=(),
        why="the same plan",
    )


def test_invalid_comes_before_fail_before_inconclusive_before_pass() -> None:
    ranked = sorted(State, key=lambda state: -state.severity)
    assert ranked == [State.INVALID, State.FAIL, State.INCONCLUSIVE, State.PASS]
    for some in permutations(State, 2):
        assert worst(some) is max(some, key=lambda state: state.severity)


def test_an_unasked_question_is_invalid() -> None:
    assert worst([]) is State.INVALID


@pytest.mark.parametrize(
    ("state", "code"), [(State.PASS, 0), (State.INCONCLUSIVE, 75), (State.FAIL, 99), (State.INVALID, 65)]
)
def test_a_complete_run_ends_with_the_code_of_its_worst_verdict(state: State, code: int) -> None:
    record = a_record(ended=Ended.COMPLETE, verdicts=(a_verdict(State.PASS), a_verdict(state)))
    assert (record.state, record.deserved_exit_code) == (state, code)


@pytest.mark.parametrize("ended", [each for each in Ended if each is not Ended.COMPLETE])
def test_a_run_that_is_not_complete_never_passes(ended: Ended) -> None:
    record = a_record(ended=ended, because="the disk is full", verdicts=(a_verdict(State.PASS),))
    assert record.state is State.INVALID
    assert record.why_incomplete
    assert record.deserved_exit_code == (130 if ended is Ended.INTERRUPTED else 65)


def test_a_run_without_a_verdict_never_passes() -> None:
    assert a_record(ended=Ended.COMPLETE).deserved_exit_code == 65


def test_a_number_that_does_not_exist_is_absent() -> None:
    assert [finite(value) for value in (1.5, float("nan"), float("inf"))] == [1.5, None, None]


def test_a_record_does_not_change() -> None:
    with pytest.raises(AttributeError):
        a_record().seed = 2  # type: ignore[misc]  # that is the point
    assert msgspec.structs.replace(a_record(), seed=2).seed == 2
