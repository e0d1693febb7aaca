"""What fails in an iteration keeps its time and is heard of once."""

from types import SimpleNamespace

import pytest

from tailguard.base.errors import UsageError
from tailguard.engine.iteration.answers import Refusals, RetriedError, StatusError, Timed
from tailguard.record.samples import CONFLICT, ERROR, OK
from tests.support.iteration_stage import Answer, DeadlockError, RefusedError, Response, Stage


@pytest.fixture
def stage():
    return Stage()


def test_a_call_that_raises_is_one_sample_with_its_time_and_its_exception_goes_on(stage):
    it = stage.begin(0, 1000)
    with pytest.raises(RefusedError):
        it.step("one", stage.takes(5, raises=RefusedError()))
    it = stage.begin(1, 1005)
    with pytest.raises(DeadlockError):
        it.step("one", stage.takes(9, raises=DeadlockError()))
    assert stage.outcomes() == [("one", CONFLICT, "RefusedError"), ("one", ERROR, "DeadlockError (40P01)")]
    assert stage.times() == [(1000, 1000, 1005), (1005, 1005, 1014)]


def test_what_a_step_raised_is_not_counted_twice_when_the_journey_ends_with_it(stage):
    stage.play(lambda it: it.step("one", stage.takes(5, raises=DeadlockError())))
    assert stage.outcomes() == [("one", ERROR, "DeadlockError (40P01)")]


def test_a_failure_that_the_journey_caught_lets_it_go_on(stage):
    def journey(it):
        with pytest.raises(DeadlockError):
            it.step("one", stage.takes(5, raises=DeadlockError()))
        it.step("two", stage.takes(3))

    stage.play(journey)
    assert stage.outcomes() == [("one", ERROR, "DeadlockError (40P01)"), ("two", OK, "")]


def test_what_the_journey_raises_after_a_step_turns_that_step_into_an_error_with_its_time(stage):
    def journey(it):
        it.step("one", stage.takes(5))
        order = it.step("two", stage.takes(7, value=[]))
        stage.clock.advance_ns(100)
        assert order, "an order without lines"

    stage.play(journey)
    assert stage.outcomes() == [("one", OK, ""), ("two", ERROR, "AssertionError")]
    assert stage.times()[1] == (1005, 1005, 1012)


def test_only_the_iteration_that_failed_has_its_step_turned_into_an_error(stage):
    stage.play(lambda it: it.step("one", stage.takes(5)))

    def breaks_at_once(_):
        raise KeyError("data")

    stage.play(breaks_at_once, 1)
    assert stage.outcomes() == [("one", OK, ""), ("one", ERROR, "KeyError")]


def test_a_refusal_that_the_journey_answers_with_another_failure_is_an_error(stage):
    def journey(it):
        try:
            it.step("one", stage.takes(5, raises=RefusedError()))
        except RefusedError:
            raise AssertionError("refused, and yet it has left a row") from None

    stage.play(journey)
    assert stage.outcomes() == [("one", ERROR, "AssertionError")]


def test_an_error_keeps_its_kind_whatever_the_journey_raises_because_of_it(stage):
    def journey(it):
        try:
            it.step("one", stage.takes(5, raises=DeadlockError()))
        except DeadlockError as failure:
            raise RuntimeError("the checkout failed") from failure

    stage.play(journey)
    assert stage.outcomes() == [("one", ERROR, "DeadlockError (40P01)")]


def test_an_answer_of_status_400_or_more_is_an_error_that_ends_the_iteration(stage):
    def journey(it):
        it.step("one", stage.takes(5, value=Response(503)))
        it.step("two", stage.takes(5))

    stage.play(lambda it: it.step("one", stage.takes(5, value=Response(200))))
    stage.play(journey, 1)
    assert stage.outcomes() == [("one", OK, ""), ("one", ERROR, "HTTP 503")]


def test_a_status_counts_only_beside_headers(stage):
    it = stage.begin()
    order = SimpleNamespace(status=500)
    assert it.step("one", lambda: order) is order
    with pytest.raises(StatusError, match="HTTP 404") as raised:
        it.step("two", lambda: Answer(status=404, headers={}))
    assert raised.value.status == 404


def test_a_status_is_a_refusal_if_the_scenario_names_it():
    stage = Stage(refusals=(409,))
    with pytest.raises(StatusError):
        stage.begin().step("one", lambda: Response(409))
    assert stage.outcomes() == [("one", CONFLICT, "HTTP 409")]


def test_a_function_may_tell_a_refusal():
    stage = Stage(refusals=(lambda failure: "sold out" in str(failure),))
    stage.play(lambda it: it.step("one", stage.takes(1, raises=ValueError("sold out"))))
    stage.play(lambda it: it.step("one", stage.takes(1, raises=ValueError("no such thing"))), 1)
    assert [outcome for _, outcome, _ in stage.outcomes()] == [CONFLICT, ERROR]


class SoldOutError(RefusedError):
    code = "SOLD_OUT"


def test_a_refusal_is_counted_by_what_declares_it_and_by_what_was_said():
    stage = Stage(refusals=(RefusedError,))
    with pytest.raises(SoldOutError):
        stage.begin().step("one", stage.takes(1, raises=SoldOutError()))
    assert stage.outcomes() == [("one", CONFLICT, "RefusedError: SoldOutError (SOLD_OUT)")]


@pytest.mark.parametrize("refusal", ["OutOfStock", int, 4.5])
def test_a_refusal_that_cannot_be_one_is_refused(refusal):
    with pytest.raises(UsageError, match="neither an exception class, an HTTP status nor a function"):
        Refusals((refusal,))


def test_a_failure_may_say_how_often_it_was_retried_and_goes_on_as_itself(stage):
    it = stage.begin()
    with pytest.raises(RefusedError):
        it.step("one", stage.takes(5, raises=RetriedError(RefusedError(), retries=4)))
    assert stage.outcomes() == [("one", CONFLICT, "RefusedError")]
    assert stage.samples().retries.tolist() == [4]


def test_a_timed_answer_has_its_status_read_too(stage):
    with pytest.raises(StatusError):
        stage.begin().step("one", lambda: Timed(Response(500), retries=2))
    assert stage.outcomes() == [("one", ERROR, "HTTP 500")]
    assert stage.samples().retries.tolist() == [2]


def test_a_call_that_has_not_done_its_work_is_a_usage_error_with_the_line_of_the_step(stage):
    async def fetch():
        """Never awaited."""

    def rows():
        yield 1

    for call, kind in ((fetch, "coroutine"), (rows, "generator")):
        with pytest.raises(UsageError, match=rf"test_iteration_failures\.py, line \d+: .* returned a {kind}"):
            stage.begin().step("one", call)
    assert len(stage.recorder) == 0


def test_a_journey_that_breaks_before_its_first_step_keeps_the_time_since_it_was_due(stage):
    it = stage.begin(0, 900)
    stage.clock.advance_ns(30)
    it.fail(KeyError("data"))
    assert stage.times() == [(900, 1000, 1030)]
    assert stage.outcomes() == [("one", ERROR, "KeyError")]


def test_a_journey_that_never_comes_to_a_step_has_samples_all_the_same():
    stage = Stage(steps=())
    stage.begin().fail(KeyError("data"))
    assert stage.outcomes() == [("journey", ERROR, "KeyError")]


def test_an_abandoned_iteration_is_an_error_and_what_it_does_later_is_not_kept(stage):
    it = stage.begin(0, 900)

    def hangs():
        stage.clock.advance_ns(100)
        it.abandon("TimedOut")
        stage.clock.advance_ns(10**9)

    it.step("two", hangs)
    it.step("one", stage.takes(5))
    assert stage.times() == [(900, 1000, 1100)]
    assert stage.outcomes() == [("two", ERROR, "TimedOut")]


def test_an_iteration_that_hangs_after_a_step_makes_that_step_an_error(stage):
    it = stage.begin()
    it.step("one", stage.takes(5))
    it.abandon("TimedOut")
    assert stage.outcomes() == [("one", ERROR, "TimedOut")]


def test_an_iteration_may_be_left_without_a_sample(stage):
    stage.begin().abandon(None)
    assert len(stage.recorder) == 0


def test_who_ends_the_thread_in_a_step_is_no_sample_and_no_step_stays_open(stage):
    with pytest.raises(SystemExit):
        stage.begin().step("one", stage.takes(5, raises=SystemExit()))
    assert len(stage.recorder) == 0
    stage.begin(1).step("one", stage.takes(5))
    assert stage.outcomes() == [("one", OK, "")]
