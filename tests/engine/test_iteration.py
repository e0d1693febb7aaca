"""A session times steps, keeps the time of failures and never lets one end the run."""

from types import SimpleNamespace

import pytest

from tailguard.base.errors import UsageError
from tailguard.base.testing import FakeClock
from tailguard.engine.iteration import Session
from tailguard.engine.recorder import ErrorKinds, Recorder
from tailguard.record.samples import CONFLICT, ERROR, OK


class RefusedError(Exception):
    """A clean conflict."""


class DeadlockError(Exception):
    sqlstate = "40P01"


class Stage:
    """A session on a fake clock, and what it recorded."""

    def __init__(self):
        self.clock = FakeClock(1000)
        self.recorder, self.errors = Recorder(), ErrorKinds()
        self.session = Session(
            ("one", "two"),
            (RefusedError,),
            worker=3,
            clock=self.clock,
            recorder=self.recorder,
            errors=self.errors,
        )

    def samples(self):
        return self.recorder.samples("some", ("one", "two"), self.errors.names())

    def times(self):
        samples = self.samples()
        return list(
            zip(
                samples.intended_ns.tolist(),
                samples.started_ns.tolist(),
                samples.ended_ns.tolist(),
                strict=True,
            )
        )

    def takes(self, ns, value=None, raises=None):
        def call(*_):
            self.clock.advance_ns(ns)
            if raises is not None:
                raise raises
            return value

        return call


@pytest.fixture
def stage():
    return Stage()


def test_the_first_step_is_timed_from_the_intended_start_and_later_ones_from_their_own(stage):
    stage.session.begin(0, 900)
    stage.session.step("one", stage.takes(50))
    stage.session.step("two", stage.takes(7))
    assert stage.times() == [(900, 1000, 1050), (1050, 1050, 1057)]


def test_a_step_hands_its_arguments_on_and_its_value_back(stage):
    stage.session.begin(0, 1000)
    assert stage.session.step("one", lambda a, b: a + b, 2, 3) == 5


def test_a_refusal_is_a_conflict_and_any_other_exception_an_error_with_its_time_and_kind(stage):
    stage.session.begin(0, 1000)
    assert stage.session.step("one", stage.takes(5, raises=RefusedError())) is None
    stage.session.begin(1, 1005)
    assert stage.session.step("one", stage.takes(9, raises=DeadlockError())) is None
    samples = stage.samples()
    assert samples.outcome.tolist() == [CONFLICT, ERROR]
    assert [samples.errors[number] for number in samples.error] == ["RefusedError", "DeadlockError (40P01)"]
    assert stage.times() == [(1000, 1000, 1005), (1005, 1005, 1014)]


def test_a_value_that_says_when_it_ended_and_how_often_it_was_retried_is_believed(stage):
    stage.session.begin(0, 1000)
    stage.session.step("one", stage.takes(50, SimpleNamespace(ended_ns=1040, retries=2)))
    assert stage.times() == [(1000, 1000, 1040)]
    assert stage.samples().retries.tolist() == [2]


def test_a_value_with_none_as_its_end_ended_when_the_call_did(stage):
    stage.session.begin(0, 1000)
    stage.session.step("one", stage.takes(50, SimpleNamespace(ended_ns=None)))
    assert stage.times() == [(1000, 1000, 1050)]


def test_a_journey_that_breaks_before_its_first_step_keeps_the_time_since_it_was_due(stage):
    stage.session.begin(0, 900)
    stage.clock.advance_ns(30)
    stage.session.fail(KeyError("data"))
    samples = stage.samples()
    assert stage.times() == [(900, 1000, 1030)]
    assert (samples.outcome.tolist(), samples.errors[samples.error[0]]) == ([ERROR], "KeyError")


def test_an_abandoned_turn_is_an_error_and_what_it_does_later_is_not_kept(stage):
    stage.session.begin(0, 900)

    def hangs():
        stage.clock.advance_ns(100)
        stage.session.abandon("TimedOut")
        stage.clock.advance_ns(10**9)

    stage.session.step("two", hangs)
    assert stage.times() == [(900, 1000, 1100)]
    samples = stage.samples()
    assert (samples.steps[samples.step[0]], samples.errors[samples.error[0]]) == ("two", "TimedOut")


def test_a_step_that_the_scenario_does_not_declare_is_refused_by_name(stage):
    stage.session.begin(0, 1000)
    with pytest.raises(
        UsageError, match="step 'thre' that its scenario does not declare; declared are one, two"
    ):
        stage.session.step("thre", lambda: None)


def test_an_undisturbed_sample_is_ok(stage):
    stage.session.begin(0, 1000)
    stage.session.step("two", stage.takes(1))
    assert stage.samples().outcome.tolist() == [OK]
