"""Scenarios of a mix are played at once, each with its own users, and end together."""

from contextlib import contextmanager
from threading import Barrier

import pytest

from tailguard.base.errors import UsageError
from tailguard.engine.measure import Pace, measure
from tailguard.engine.schedule import Constant
from tailguard.engine.workload import Load, PlainScenario, Workload
from tailguard.record.scenario import ScenarioEnded

PACE = Pace(slice_s=0.2)


def mixed(name, journey, rate_per_s=200, **load):
    load = {"schedule": Constant(rate_per_s, 60), "workers": 2, **load}
    return Workload(PlainScenario(name, journey), Load(**load), mix="day")


def test_each_waits_for_an_iteration_of_the_other_so_both_are_in_progress_at_once():
    both = Barrier(2, timeout=60)

    def journey(it):
        it.step("meet", both.wait)

    found = measure([mixed("a", journey, max_samples=5), mixed("b", journey, max_samples=5)], pace=PACE)
    assert {name: len(each.samples.ok("meet")) for name, each in found.items()} == {"a": 5, "b": 5}


def test_they_end_when_the_last_is_decided_and_an_undecided_one_keeps_all_going():
    asked = []

    def done(name, samples):
        asked.append(name)
        return name == "a" or asked.count("b") > 2

    work = [mixed(name, lambda it: it.step("go", int), min_samples=1) for name in "ab"]
    found = measure(work, done=done, pace=PACE)
    assert {each.ended_because for each in found.values()} == {ScenarioEnded.DECIDED}
    assert asked.count("a") == asked.count("b") == 3


def test_the_others_end_with_the_first_whose_budget_is_spent():
    work = [
        mixed("a", lambda it: it.step("go", int), max_samples=10),
        mixed("b", lambda it: it.step("go", int)),
    ]
    found = measure(work, pace=PACE)
    assert found["a"].ended_because is found["b"].ended_because is ScenarioEnded.MAX_SAMPLES


def test_a_user_belongs_to_its_scenario_alone_and_both_number_them_from_0():
    made = []

    class Own(PlainScenario):
        @contextmanager
        def user(self, number):
            made.append((self.name, number))
            yield lambda it: it.step("go", int)

    work = [
        Workload(Own(name, lambda it: None), Load(Constant(100, 60), workers=2, max_samples=5), mix="day")
        for name in "ab"
    ]
    measure(work, pace=PACE)
    assert sorted(made) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]


def test_a_mistake_in_one_ends_all():
    def wrong(it):
        it.step("outer", it.step, "inner", int)

    with pytest.raises(UsageError, match="step 'inner' in step 'outer'"):
        measure([mixed("a", wrong), mixed("b", lambda it: it.step("go", int))], pace=PACE)
