"""Closed users think between their iterations: in no step, in the scenario's own time, as the seed says."""

import asyncio
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from tailguard.base.errors import UsageError
from tailguard.engine.measure import Pace, measure
from tailguard.engine.schedule import Closed
from tailguard.engine.think import Think
from tailguard.engine.workload import Load, PlainScenario, Workload
from tests.support.fake_clock import FakeClock

MS = 1_000_000
CALL_NS = 20 * MS
ONE = Pace(slice_s=60)


def thinking(clock, think, name="some", users=1, **load):
    scenario = PlainScenario(name, lambda it: it.step("go", clock.advance_ns, CALL_NS))
    return Workload(scenario, Load(Closed(users, 60, think), **load))


def pauses_ms(samples):
    begun, ended = samples.started_ns.tolist(), samples.ended_ns.tolist()
    return [(begin - end) / MS for end, begin in zip(ended, begun[1:], strict=False)]


def test_a_user_thinks_between_two_iterations_and_no_step_has_that_time():
    clock = FakeClock(0)
    found = measure([thinking(clock, Think(1, 1), max_samples=10)], clock=clock, pace=ONE)["some"]
    assert found.samples.response_ms("go").tolist() == [20.0] * 10
    assert pauses_ms(found.samples) == pytest.approx([1000] * 9, abs=1)
    assert found.achieved_rate_per_s == pytest.approx(1, rel=0.1)


def test_times_to_think_are_drawn_between_two_bounds_the_same_with_the_same_seed():
    drawn = []
    for seed in (1, 1, 2):
        clock = FakeClock(0)
        workload = thinking(clock, Think(0.1, 0.3), max_samples=50)
        drawn.append(pauses_ms(measure([workload], clock=clock, pace=ONE, seed=seed)["some"].samples))
    assert 100 <= min(drawn[0]) < 130
    assert 270 < max(drawn[0]) <= 301
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_think_time_goes_on_in_the_next_slice_and_stands_still_while_others_have_theirs():
    clock = FakeClock(0)
    pace = Pace(slice_s=0.25)
    workloads = [
        thinking(clock, Think(0.6, 0.6), max_samples=8),
        thinking(clock, None, "busy", max_seconds=20),
    ]
    found = measure(workloads, clock=clock, pace=pace)
    # Of 600 ms, two or three of its own slices: as many of the others' 250 ms lie between two iterations.
    assert all(600 + 2 * 240 <= pause <= 600 + 3 * 290 for pause in pauses_ms(found["some"].samples))
    assert found["some"].measured_s == pytest.approx(8 * 0.62, rel=0.2)


def test_nobody_thinks_in_the_warm_up():
    clock = FakeClock(0)
    found = measure([thinking(clock, Think(5, 5), warmup=20, max_samples=1)], clock=clock, pace=ONE)["some"]
    assert found.warmup == 20
    assert found.samples.started_ns[0] <= 20 * CALL_NS + 5e9


def test_users_do_not_all_begin_at_one_instant():
    think = Think(1, 1)
    first = [think.before_first_ns("1/some", user) for user in range(100)]
    assert (min(first), max(first)) == pytest.approx((0, 1e9), abs=5e7)


def test_an_async_user_thinks_too_and_the_others_go_on_meanwhile():
    begun = {}

    class OnLoop:
        @asynccontextmanager
        async def shared(self):
            yield

        @asynccontextmanager
        async def user(self, number):
            yield self.play

        async def play(self, it):
            await it.step("go", asyncio.sleep, 0.001)
            begun.setdefault(it.user, []).append(it.number)

    scenario = PlainScenario("some", lambda it: None, on_loop=OnLoop())
    load = Load(Closed(3, 60, Think(0.02, 0.04)), max_samples=30)
    samples = measure([Workload(scenario, load)], pace=Pace(slice_s=0.1))["some"].samples
    assert len(samples) == 30
    assert sorted(begun) == [0, 1, 2]
    for numbers in begun.values():
        for before, after in pairwise(numbers):
            # Numbers are in the order of arrival, and so are the samples.
            assert samples.started_ns[after] - samples.ended_ns[before] >= 18 * MS


@pytest.mark.parametrize(("least", "most"), [(0, 1), (3, 1), (1, float("inf"))])
def test_a_think_time_that_cannot_be_is_refused(least, most):
    with pytest.raises(UsageError, match="is not possible: give times above 0"):
        Think(least, most)
