"""A call alone is played again and again in the thread that measures; what it costs and means is as for a step."""

import threading

import pytest

from tailguard.base.errors import UsageError
from tailguard.engine.iteration.answers import Timed
from tailguard.engine.iteration.call import Call
from tailguard.engine.measure import Pace, measure
from tailguard.engine.players import in_this_thread
from tailguard.engine.schedule import Closed, Constant
from tailguard.engine.workload import Load, PlainScenario, Workload
from tests.support.fake_clock import FakeClock
from tests.support.iteration_stage import Answer, RefusedError, Stage

MS = 1_000_000
FOR_EVER = 2**62


def measured(call, *, clock=None, done=None, schedule=None, **load):
    load = {"schedule": schedule or Closed(1, 60), "workers": 1, "min_samples": 0, **load}
    workload = Workload(PlainScenario("find", call, ("call",)), Load(**load))
    return measure([workload], done=done, clock=clock or FakeClock(0), players=in_this_thread)["find"]


def test_a_call_that_is_repeated_is_a_sample_each_time_from_its_own_start():
    stage = Stage(steps=("call",))
    assert stage.iteration.repeat(Call("call", stage.takes(5)), 3, FOR_EVER) == 3
    assert stage.times() == [(1000, 1000, 1005), (1005, 1005, 1010), (1010, 1010, 1015)]


def test_it_ends_with_the_first_call_that_ends_too_late():
    stage = Stage(steps=("call",))
    assert stage.iteration.repeat(Call("call", stage.takes(5)), 100, 1012) == 3


def test_what_a_call_raises_or_answers_is_told_apart_as_for_a_step():
    stage = Stage(steps=("call",))
    answers = iter([None, KeyError("x"), RefusedError(), Answer(status_code=503), Timed(None, 1007, 2)])

    def call():
        stage.clock.advance_ns(5)
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert stage.iteration.repeat(Call("call", call), 5, FOR_EVER) == 5
    assert stage.outcomes() == [
        ("call", 0, ""),
        ("call", 2, "KeyError"),
        ("call", 1, "RefusedError"),
        ("call", 2, "HTTP 503"),
        ("call", 0, ""),
    ]
    assert stage.samples().retries.tolist() == [0, 0, 0, 0, 2]
    assert stage.samples().ended_ns[-1] == 1007
    assert stage.context.errors.said()["KeyError"] == "'x'"


@pytest.mark.parametrize("wrong", [UsageError("wrong"), KeyboardInterrupt()])
def test_what_is_no_answer_of_a_platform_ends_it(wrong):
    stage = Stage(steps=("call",))
    with pytest.raises(type(wrong)):
        stage.iteration.repeat(Call("call", stage.takes(5, raises=wrong)), 5, FOR_EVER)
    assert stage.times() == []


def test_a_call_is_played_in_this_thread_warm_up_first_until_its_most_samples():
    seen = []
    found = measured(
        Call(
            "call", lambda *given, **named: seen.append((threading.get_ident(), given, named)), (1,), {"x": 2}
        ),
        warmup=7,
        max_samples=20,
    )
    assert seen == [(threading.get_ident(), (1,), {"x": 2})] * 27
    assert (len(found.samples), found.warmup, found.ended_because) == (20, 7, "max_samples")
    assert found.schedule.clients == 1


def test_slices_of_calls_follow_each_other_until_it_is_decided():
    clock, asked = FakeClock(0), []

    def done(name, samples):
        asked.append(len(samples))
        return len(asked) == 3

    found = measured(Call("call", lambda: clock.advance_ns(100 * MS)), clock=clock, done=done)
    assert asked == [5, 10, 15]
    assert found.ended_because == "decided"
    assert found.samples.response_ms("call").tolist() == [100.0] * 15
    assert found.measured_s == pytest.approx(1.5)
    assert found.achieved_rate_per_s == pytest.approx(10)


def test_calls_at_a_rate_are_timed_from_their_intended_start():
    clock = FakeClock(0)
    found = measured(
        Call("call", lambda: clock.advance_ns(15 * MS)),
        clock=clock,
        schedule=Constant(100, 0.05),
        max_seconds=0.05,
    )
    assert found.samples.response_ms("call").tolist() == [15.0, 20.0, 25.0, 30.0, 35.0]


def test_failures_alone_are_asked_about_if_no_ok_sample_is_wanted():
    def call():
        raise LookupError("nothing there")

    found = measured(Call("call", call), done=lambda *_: True, max_samples=50)
    assert found.ended_because == "decided" or len(found.samples) == 50
    assert found.said == {"LookupError": "nothing there"}


def test_a_journey_of_steps_is_played_in_this_thread_too():
    clock = FakeClock(0)
    seen = set()

    def journey(it):
        seen.add(threading.get_ident())
        it.step("a", lambda: clock.advance_ns(MS))
        it.step("b", lambda: clock.advance_ns(MS))

    workload = Workload(PlainScenario("buy", journey), Load(Closed(1, 60), 1, max_samples=5))
    found = measure([workload], clock=clock, players=in_this_thread, pace=Pace(slice_s=0.1))["buy"]
    assert seen == {threading.get_ident()}
    assert len(found.samples) == 10


class TickingClock(FakeClock):
    """Time passes with each look at it."""

    def now_ns(self):
        self.advance_ns(1000)
        return super().now_ns()


def test_a_call_alone_has_no_code_of_its_own_before_it():
    load = {"schedule": Constant(100, 0.05), "max_seconds": 0.05}
    assert measured(Call("call", int), clock=TickingClock(0), **load).own_s == 0
    assert measured(lambda it: it.step("call", int), clock=TickingClock(0), **load).own_s > 0
