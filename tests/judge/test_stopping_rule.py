"""Sampling until it is decided: asked after each slice, answered on the grid of looks only."""

import numpy as np
import pytest

from tailguard.judge.objectives import parse_objectives
from tailguard.judge.stopping_rule import StoppingRule
from tailguard.judge.verdicts import judge_run
from tests.support.runs_by_hand import made_run, samples_of


def objectives(dependence="independent", **more):
    """A p95 of 10 ms."""
    table = {"step": "register", "p95": "<= 10ms", "dependence": dependence} | more
    return parse_objectives({"scenarios": {"registration": table}})


def registrations(response_ms):
    """Samples of the one step."""
    return samples_of("registration", ("register",), response_ms)


def samples_until_done(rule, response_ms, slice_size):
    """Feed slices until done, as measuring does; the number of samples it took."""
    for n in range(slice_size, len(response_ms) + 1, slice_size):
        if rule("registration", registrations(response_ms[:n])):
            return n
    return len(response_ms)


@pytest.mark.parametrize(("response_ms", "state"), [(1.0, "PASS"), (99.0, "FAIL")])
def test_clear_cases_stop_early(response_ms, state):
    """A couple of hundred samples of a budget of 2,000."""
    rule = StoppingRule(objectives())
    assert samples_until_done(rule, np.full(2000, response_ms), 60) <= 180
    assert rule.standing("registration") == {"registration p95 <= 10ms": state}


def test_a_close_case_uses_its_budget():
    """5 % over a limit that allows 5 %."""
    rule = StoppingRule(objectives())
    response_ms = np.where(np.arange(1500) % 20 == 0, 20.0, 1.0)
    assert samples_until_done(rule, response_ms, 50) == 1500
    assert rule.standing("registration") == {"registration p95 <= 10ms": "INCONCLUSIVE"}


def test_all_objectives_of_a_scenario_must_be_decided():
    """A p99 takes 479 samples where the p95 takes 107."""
    rule = StoppingRule(objectives(p99="<= 10ms"))
    assert 479 <= samples_until_done(rule, np.ones(2000), 20) <= 600


def test_bursty_waits_for_its_first_look():
    """Even a hopeless platform is looked at from 1,000 samples on."""
    rule = StoppingRule(objectives("bursty"))
    assert samples_until_done(rule, np.full(3000, 99.0), 100) == 1000


@pytest.mark.parametrize("slice_size", [1, 7, 100, 1000])
def test_the_length_of_the_slices_does_not_change_the_answer(slice_size):
    """Peeking more often gives no more chances: the looks are the grid's."""
    response_ms = np.where(np.random.default_rng(8).random(1500) < 0.02, 20.0, 1.0)
    rule = StoppingRule(objectives())
    took = samples_until_done(rule, response_ms, slice_size)
    whole = StoppingRule(objectives())
    whole("registration", registrations(response_ms))
    assert rule.standing("registration") == whole.standing("registration")
    assert took < 1500


@pytest.mark.parametrize("response_ms", [1.0, 99.0])
def test_the_finished_run_says_what_was_decided_while_it_ran(tmp_path, response_ms):
    """The stream that stopped the sampling gives the same verdict from its file."""
    rule = StoppingRule(objectives())
    n = samples_until_done(rule, np.full(2000, response_ms), 60)
    run = made_run(tmp_path, registration=registrations(np.full(n, response_ms)))
    [verdict] = judge_run(run, objectives())
    assert {verdict.name: verdict.state} == rule.standing("registration")


def test_a_scenario_without_objectives_runs_to_its_budget():
    """Nobody asked anything of it."""
    assert StoppingRule(objectives())("other", registrations(np.ones(500))) is False
