"""Plain margins do what the scripts did, and say what they are worth."""

import pytest

from tailguard.base.errors import UsageError
from tailguard.compare.plain_margin import LABEL, parse_plain, plain_verdicts
from tailguard.record.objective import Margin
from tests.support.blocks import blocks

OLD = [parse_plain(text) for text in ("p95=15%", "p99=20%", "errors=0.5%")]


def states(found):
    return {verdict.name.split(",")[0]: verdict.state for verdict in found}


def test_the_three_margins_of_old_are_read():
    assert [Margin(q=0.95, most=0.15), Margin(q=0.99, most=0.20), Margin(q=None, most=0.005)] == OLD


def test_each_margin_is_held_against_the_pooled_numbers():
    found = states(plain_verdicts(OLD, *blocks(1, 10, factor=1.3, errors=0.02)))
    assert found == {
        "registration p95 of register": "FAIL",
        "registration p99 of register": "FAIL",
        "registration errors and refusals": "FAIL",
    }
    assert set(states(plain_verdicts(OLD, *blocks(2, 10))).values()) == {"PASS"}


def test_every_verdict_says_that_no_error_rate_is_known():
    for verdict in plain_verdicts(OLD, *blocks(3, 10)):
        assert LABEL in verdict.name
        assert LABEL in verdict.why
        assert (verdict.alpha, verdict.p_fail) == (None, None)


@pytest.mark.parametrize("text", ["p95", "p95:15%", "mean=5%", "errors=much", "p95=15"])
def test_what_is_not_a_margin_is_named(text):
    with pytest.raises(UsageError, match=text.partition("=")[0]):
        parse_plain(text)
