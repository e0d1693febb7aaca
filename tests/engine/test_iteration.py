"""An iteration times steps as the journey calls them, each from the right start."""

from types import SimpleNamespace

import pytest

from tailguard.base.errors import UsageError
from tailguard.engine.iteration.answers import Timed
from tailguard.engine.iteration.step_names import StepNames
from tailguard.record.samples import ERROR, OK
from tests.support.iteration_stage import DeadlockError, Stage


@pytest.fixture
def stage():
    return Stage()


def test_the_first_step_is_timed_from_the_intended_start_and_later_ones_from_their_own(stage):
    it = stage.begin(0, 900)
    it.step("one", stage.takes(50))
    it.step("two", stage.takes(7))
    assert stage.times() == [(900, 1000, 1050), (1050, 1050, 1057)]


def test_the_journeys_own_code_before_its_first_step_is_counted_and_not_charged(stage):
    it = stage.begin(0, 900)
    stage.clock.advance_ns(30)
    it.step("one", stage.takes(50))
    stage.clock.advance_ns(8)
    it.step("two", stage.takes(7))
    assert stage.times()[0] == (930, 1030, 1080)
    assert it.own_ns == 30


def test_a_step_hands_its_arguments_on_and_its_value_back(stage):
    it = stage.begin()
    assert it.step("one", lambda a, b, name: (a, b, name), 2, 3, name="x") == (2, 3, "x")


def test_a_with_block_is_a_step_too(stage):
    it = stage.begin(0, 900)
    with it.step("one"):
        stage.clock.advance_ns(50)
    with pytest.raises(DeadlockError), it.step("two"):
        stage.takes(7, raises=DeadlockError())()
    assert stage.times() == [(900, 1000, 1050), (1050, 1050, 1057)]
    assert stage.outcomes() == [("one", OK, ""), ("two", ERROR, "DeadlockError (40P01)")]


def test_a_call_may_say_when_it_ended_and_how_often_it_was_retried(stage):
    it = stage.begin()
    assert it.step("one", stage.takes(50, value=Timed("receipt", ended_ns=1040, retries=2))) == "receipt"
    assert it.step("two", stage.takes(5, value=Timed("row", retries=1))) == "row"
    assert stage.times() == [(1000, 1000, 1040), (1050, 1050, 1055)]
    assert stage.samples().retries.tolist() == [2, 1]


def test_attributes_of_other_objects_are_not_read_for_that(stage):
    it = stage.begin()
    it.step("one", stage.takes(50, value=SimpleNamespace(ended_ns=1040, retries=2)))
    assert stage.times() == [(1000, 1000, 1050)]
    assert stage.samples().retries.tolist() == [0]


def test_a_step_in_a_steps_call_is_a_usage_error_that_is_no_sample(stage):
    it = stage.begin()
    with pytest.raises(UsageError, match="step 'two' in step 'one'"):
        it.step("one", lambda: it.step("two", lambda: None))
    with pytest.raises(UsageError, match="step 'two' in step 'one'"), it.step("one"), it.step("two"):
        """Never reached."""
    assert len(stage.recorder) == 0
    it.step("two", lambda: None)


def test_a_pause_is_in_no_step(stage):
    it = stage.begin()
    it.step("one", stage.takes(5))
    it.pause(2.0)
    it.step("two", stage.takes(7))
    assert stage.times()[1] == (2_000_001_005, 2_000_001_005, 2_000_001_012)
    with pytest.raises(UsageError, match="pause before or after the step"), it.step("one"):
        it.pause(1)
    with pytest.raises(UsageError, match="give a time in seconds"):
        it.pause(-1)


def test_a_pause_before_the_first_step_is_charged_to_nobody(stage):
    it = stage.begin()
    stage.clock.advance_ns(3)
    it.pause(2.0)
    it.step("one", stage.takes(5))
    assert stage.times() == [(2_000_001_003, 2_000_001_003, 2_000_001_008)]
    assert it.own_ns == 3


def test_names_of_steps_are_found_in_the_order_in_which_they_are_met():
    stage = Stage(steps=())
    it = stage.begin()
    it.step("GET /cart", lambda: None)
    it.step("pay", lambda: None)
    it.step("GET /cart", lambda: None)
    assert [step for step, _, _ in stage.outcomes()] == ["GET /cart", "pay", "GET /cart"]
    assert stage.context.steps.names() == ("GET /cart", "pay")


def test_declared_names_keep_their_order_and_are_all_there_is(stage):
    stage.begin().step("two", lambda: None)
    assert stage.context.steps.names() == ("one", "two")
    with pytest.raises(
        UsageError, match=r"step 'tow' that its scenario does not declare; .* Did you mean 'two'\?"
    ):
        stage.begin().step("tow", lambda: None)


@pytest.mark.parametrize("name", ["", " cart", "a\nb"])
def test_a_steps_name_is_one_line_of_text(name):
    with pytest.raises(UsageError, match="one line of text"):
        Stage(steps=()).begin().step(name, lambda: None)
    with pytest.raises(UsageError, match="one line of text"):
        StepNames((name,))


def test_names_with_ids_in_them_are_refused_before_they_fill_the_table():
    it = Stage(steps=()).begin()
    for number in range(256):
        it.step(f"GET /cart/{number}", lambda: None)
    with pytest.raises(UsageError, match="without ids"):
        it.step("GET /cart/256", lambda: None)


def test_declared_names_are_different_ones():
    with pytest.raises(UsageError, match="different names"):
        StepNames(("one", "one"))


def test_random_numbers_depend_on_seed_scenario_and_number_alone(stage):
    first = [stage.begin(number).rng.random() for number in (4, 5)]
    it = Stage().begin(5)
    assert it.rng is it.rng
    assert it.rng.random() == first[1] != first[0]


def test_a_key_is_unique_over_iterations_scenarios_and_runs(stage):
    assert stage.begin(4).key == "run-shop-4"
    assert stage.begin(-1).key == "run-shop--1"
