"""One set of rules for what is played, whoever hands out the arrivals and in whatever thread."""

import pytest

from tailguard.engine.arrivals import Start
from tailguard.engine.recorder import ROW_BYTES
from tailguard.engine.scenario_execution import NOT_SERVED, TIMED_OUT, ScenarioExecution
from tailguard.engine.workload import PlainScenario
from tests.support.fake_clock import FakeClock


class Arrivals:
    """Some starts that are due now, and some that nobody began."""

    def __init__(self, clock, count=3, unserved=()):
        self._clock, self._numbers, self._unserved = clock, iter(range(count)), list(unserved)

    def claim(self):
        number = next(self._numbers, None)
        now_ns = self._clock.now_ns()
        return None if number is None else Start(number, now_ns, -1, now_ns)

    def close(self):
        self._numbers = iter(())

    def unserved_ns(self):
        return self._unserved


@pytest.fixture
def clock():
    return FakeClock(1000)


def execution_of(journey, clock):
    return ScenarioExecution(PlainScenario("some", journey), clock)


def errors(execution):
    samples = execution.samples()
    return [samples.errors[number] for number in samples.error]


def test_what_was_never_begun_is_an_error_from_the_instant_it_was_due(clock):
    execution = execution_of(lambda it: it.step("go", int), clock)
    execution.settle(Arrivals(clock, unserved=[400, 700]))
    samples = execution.samples()
    assert errors(execution) == [NOT_SERVED, NOT_SERVED]
    assert samples.intended_ns.tolist() == [400, 700]
    assert samples.ended_ns.tolist() == [1000, 1000]


def test_what_has_not_come_back_is_an_error_once(clock):
    def journey(it):
        it.step("go", lambda: clock.advance_ns(50))
        it.step("hang", hangs)

    def hangs():
        clock.advance_ns(100)
        for _ in range(2):
            execution.settle(Arrivals(clock))

    execution = execution_of(journey, clock)
    with execution.user(0) as user:
        execution.play(user, Arrivals(clock).claim())
    assert errors(execution) == ["", TIMED_OUT]


def test_an_interrupt_makes_neither_an_error(clock):
    execution = execution_of(
        lambda it: it.step("go", lambda: execution.settle(Arrivals(clock), interrupted=True)), clock
    )
    with execution.user(0) as user:
        execution.play(user, Arrivals(clock).claim())
    execution.settle(Arrivals(clock, unserved=[1]), interrupted=True)
    assert errors(execution) == []


def test_rows_are_drained_once_and_not_before_their_iteration_has_ended(clock):
    drained = []

    def journey(it):
        it.step("go", int)
        drained.append(len(execution.drain()) // ROW_BYTES)
        assert it.number == 0, "the answer was wrong"

    execution = execution_of(journey, clock)
    arrivals = Arrivals(clock, count=2)
    with execution.user(0) as user:
        while start := arrivals.claim():
            execution.play(user, start)
            drained.append(len(execution.drain()) // ROW_BYTES)
    assert drained == [0, 1, 0, 1]
    assert len(execution.samples()) == 0


def test_what_the_first_failure_of_each_kind_said_is_kept_without_its_secrets(clock):
    def breaks(it):
        it.step("go", int, f"postgres://me:hidden@host/{it.number}")

    execution = execution_of(breaks, clock)
    arrivals = Arrivals(clock)
    with execution.user(0) as user:
        while start := arrivals.claim():
            execution.play(user, start)
    (said,) = execution.errors.said().values()
    assert said.endswith("me:***@host/0'")
