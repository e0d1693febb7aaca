"""A claim at several loads: where its answer turns, in a sentence."""

import pandas as pd
import pytest
from msgspec.structs import replace

from tailguard.base.state import State
from tailguard.compare.gate_sentences import trials_of, turning_sentence
from tailguard.record.duet import Claim, LoadTrial
from tailguard.record.run_record import Ended, RunRecord
from tests.support.made_duet import change, duet
from tests.support.made_run import record

YES, NO, OPEN = State.PASS, State.FAIL, State.INCONCLUSIVE
CLAIM = Claim(title="A cache", scenario="registration", step="register", q=0.5, change=-0.6, source="")


def trial(rate_per_s: float, state: State) -> LoadTrial:
    return LoadTrial(run="first", rate_per_s=rate_per_s, state=state, change=-0.4, low=-0.5, high=-0.3)


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (
            {10: NO, 50: YES, 100: YES},
            "REFUTED at 10/s, CONFIRMED at 50/s and 100/s: it turns between 10/s and 50/s.",
        ),
        (
            {1: NO, 2: OPEN, 3: YES},
            "REFUTED at 1/s, UNDECIDED at 2/s, CONFIRMED at 3/s: it turns between 1/s and 2/s, and between 2/s and 3/s.",  # noqa: E501  # one sentence
        ),
        ({30: YES, 0.5: YES, 20: YES}, "CONFIRMED at 0.5/s, 20/s and 30/s: it does not turn between them."),
        ({30: NO}, "REFUTED at 30/s."),
    ],
)
def test_it_turns_where_the_answers_of_neighbours_differ(states: dict[float, State], said: str) -> None:
    assert turning_sentence([trial(rate, state) for rate, state in states.items()]) == said


@pytest.fixture
def tried(table: pd.DataFrame) -> RunRecord:
    """A run at 50/s that confirms, after one at 10/s that refuted."""
    claimed = change("registration p50 of register at least 60 % less", YES, change=-0.7, margin=-0.6)
    loads = replace(duet(), claim=CLAIM, rate_per_s=50.0, earlier_loads=(trial(10, NO),))
    return replace(record(table), duet=loads, verdicts=(claimed,), migrations=(), doubts=())


def test_the_runs_own_answer_stands_beside_the_earlier_ones(tried: RunRecord) -> None:
    assert [(each.run, each.rate_per_s, each.state) for each in trials_of(tried)] == [
        ("first", 10, NO),
        (tried.id, 50, YES),
    ]


def test_a_run_that_cannot_be_trusted_confirms_nothing_at_its_load(tried: RunRecord) -> None:
    broken = replace(tried, ended=Ended.BROKE_OFF)
    assert trials_of(broken)[-1].state is State.INVALID


def test_a_run_without_loads_has_none(tried: RunRecord) -> None:
    assert tried.duet is not None
    assert trials_of(replace(tried, duet=replace(tried.duet, rate_per_s=None))) == ()
    assert trials_of(replace(tried, duet=None)) == ()
