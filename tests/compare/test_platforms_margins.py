"""The margins that the platform's own checks have, p95 15 %, p99 20 % and errors 0.5 points, stated to the gate."""

import pytest

from tailguard.compare.comparison import compare_blocks
from tailguard.judge.objectives import load_margins
from tests.support.blocks import blocks

STATED = """
[scenarios.registration]
step = "register"
p95 = "<= 215ms"

[gate]
p95 = "15%"
p99 = "20%"
floor = "0.1ms"
"""


@pytest.fixture(scope="module")
def margins(tmp_path_factory):
    path = tmp_path_factory.mktemp("margins") / "objectives.toml"
    path.write_text(STATED, encoding="utf-8")
    return load_margins(path)


def found(margins, seed, **candidate):
    """Compare 40 pairs of 1,000 samples; the states by quantile, None for errors and refusals."""
    verdicts = compare_blocks(*blocks(seed, 40, n=1000, **candidate), margins)
    assert len({each.name for each in verdicts}) == len(verdicts), "a metric is compared once"
    return {each.q: each for each in verdicts}


def test_they_are_the_margins_of_the_verdicts_and_all_are_gated(margins):
    same = found(margins, 1)
    assert {q: round(each.margin, 3) for q, each in same.items()} == {0.95: 0.15, 0.99: 0.20, None: 0.005}
    assert all(each.gated for each in same.values())


def test_the_same_code_passes(margins):
    assert {each.state for each in found(margins, 2).values()} == {"PASS"}


def test_five_percent_are_within_them(margins):
    assert {each.state for each in found(margins, 3, factor=1.05).values()} == {"PASS"}


def test_a_slowdown_of_twenty_five_percent_is_over_them(margins):
    slower = found(margins, 4, factor=1.25)
    assert (slower[0.95].state, slower[0.99].state, slower[None].state) == ("FAIL", "FAIL", "PASS")


@pytest.mark.parametrize(("errors", "state"), [(0.001, "PASS"), (0.01, "FAIL")])
def test_a_tenth_of_a_point_of_errors_is_within_theirs_and_a_whole_one_is_over_it(margins, errors, state):
    assert found(margins, 5, errors=errors)[None].state == state
