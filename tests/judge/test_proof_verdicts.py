"""What clients met during a build, and how that is judged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tailguard.base.errors import UsageError
from tailguard.base.state import State, worst
from tailguard.judge.proof.responses import Responses, responses_during
from tailguard.judge.proof.under_load import (
    judge_baseline,
    judge_control,
    judge_errors,
    judge_longest,
    judge_p99,
)
from tailguard.judge.proof.verdicts import proof_verdicts
from tailguard.record.migration import Act, CycleStep, IndexState, MigrationEntry, Unproved, WaitLimits
from tailguard.record.samples import ERROR, pack_code, samples_from_rows
from tailguard.record.verdict import ProofVerdict
from tests.support import made_proof


def entry(
    cycle: tuple[CycleStep, ...] = (), unproved: Unproved | None = None, act: Act = "build"
) -> MigrationEntry:
    return MigrationEntry(
        number="0001",
        slug="newest",
        table="ledger",
        index="newest",
        act=act,
        parameters={},
        up_sql="",
        down_sql="",
        query_sql="",
        cycle=cycle,
        unproved=unproved,
    )


ENTRY = entry()
USABLE, INVALID = IndexState(valid=True, ready=True), IndexState(valid=False, ready=True)


def responses(*response_ms: float, build_s: float = 1.0, errors: int = 0) -> Responses:
    n = len(response_ms)
    return Responses(np.array(response_ms, dtype=float), np.arange(n) < errors, build_s)


NOBODY, QUIET = responses(), responses(1.0)
USUAL = WaitLimits()


def longest(*builds: Responses, limits: WaitLimits = USUAL, unsteady: str = "") -> ProofVerdict:
    return judge_longest(ENTRY, "writers", builds, limits, unsteady)


def p99(
    *builds: Responses, baseline: Responses = QUIET, limits: WaitLimits = USUAL, unsteady: str = ""
) -> ProofVerdict:
    return judge_p99(ENTRY, "writers", builds, baseline, limits, unsteady)


def test_a_request_that_waited_for_the_build_is_a_stall_if_the_next_build_shows_it_again() -> None:
    assert longest(responses(3.0, 990.0), responses(3.0, 980.0)).state == "FAIL"
    assert judge_control(ENTRY, responses(3.0, 990.0)).state == "PASS"


def test_one_hiccup_in_one_of_five_builds_decides_nothing_and_is_told() -> None:
    """As it was once measured: 212 ms in one of five builds, cause unknown."""
    quiet = responses(10.0, build_s=0.4)
    found = longest(quiet, quiet, responses(212.0, build_s=0.4), quiet, quiet)
    assert (found.state, found.exceedances) == ("INCONCLUSIVE", 1)
    assert found.observed.startswith(
        "212 ms in a build of 400 ms, 53 % of it, over the limit in one of 5 builds"
    )


def test_slow_requests_of_a_busy_machine_are_no_stall() -> None:
    verdict = longest(responses(3.0, 140.0), responses(3.0))
    assert (verdict.state, verdict.observed) == ("PASS", "140 ms in a build of 1 s, 14 % of it")


def test_a_wait_that_users_notice_never_passes_however_long_the_build() -> None:
    """8 writers who waited for 4 minutes each, in two builds of 10 minutes; p99 of 149 s."""
    stalled = responses(*[1.0] * 400, *[149_000.0] * 8, build_s=600.0)
    assert longest(stalled, stalled).state == "FAIL"
    assert p99(stalled, stalled).state == "FAIL"
    assert longest(stalled, responses(1.0, build_s=600.0)).state == "INCONCLUSIVE"


def test_both_limits_must_hold_for_a_pass() -> None:
    long, share_broken, both_held = (responses(ms, build_s=10.0) for ms in (501.0, 499.0, 499.0))
    short_share = responses(300.0, build_s=0.5)
    assert longest(long, long).state == "FAIL"
    assert longest(short_share, short_share).state == "FAIL"
    assert longest(share_broken, both_held).state == "PASS"
    assert longest(long, long, limits=WaitLimits(max_wait_ms=2_000.0)).state == "PASS"


def test_a_control_that_is_not_caught_makes_the_proof_invalid() -> None:
    blind = judge_control(ENTRY, responses(3.0, 140.0))
    assert blind.state == "INVALID"
    assert worst([State.FAIL, blind.state]) == "INVALID"


def test_a_build_of_a_small_table_is_judged_by_the_absolute_limit_alone() -> None:
    quick, slow = (responses(*[ms] * 460, build_s=0.01) for ms in (99.0, 500.0))
    assert (longest(quick, quick).state, p99(quick, quick).state) == ("PASS", "PASS")
    assert (longest(slow, slow).state, p99(slow, slow).state) == ("FAIL", "FAIL")
    assert longest(quick, quick).observed == "99 ms in a build of 10 ms"
    assert judge_baseline(ENTRY, "writers", quick, USUAL).state == "PASS"


def test_p99_may_grow_by_what_was_said_and_no_more() -> None:
    baseline = responses(*[20.0] * 200)
    grown, limits = responses(*[125.0] * 460, build_s=5.0), WaitLimits(max_p99_growth_ms=100.0)
    assert p99(grown, grown, baseline=baseline).state == "PASS"
    found = p99(grown, grown, baseline=baseline, limits=limits)
    assert (found.state, found.exceedances) == ("FAIL", 920)
    assert "100 ms more than without a build" in found.expected
    assert p99(grown, grown, baseline=responses(*[30.0] * 200), limits=limits).state == "PASS"
    assert p99(grown, grown, baseline=responses(20.0), limits=limits).state == "INCONCLUSIVE"


def test_requests_held_up_in_one_build_alone_do_not_fail_p99() -> None:
    quiet = responses(*[1.0] * 100)
    held_up = responses(*[400.0] * 60)
    assert p99(quiet, held_up).state == "INCONCLUSIVE"
    assert p99(held_up, held_up).state == "FAIL"


def test_a_short_control_is_caught_all_the_same() -> None:
    assert judge_control(ENTRY, responses(3.0, 99.0, build_s=0.1)).state == "PASS"
    assert judge_control(ENTRY, responses(build_s=0.1)).state == "INVALID"


def test_no_request_during_a_build_never_passes() -> None:
    assert longest(NOBODY, NOBODY).state == "INCONCLUSIVE"
    assert p99(NOBODY).state == "INCONCLUSIVE"
    assert judge_baseline(ENTRY, "readers", NOBODY, USUAL).state == "INCONCLUSIVE"
    assert judge_errors(ENTRY, "readers", [NOBODY]).state == "INCONCLUSIVE"


def test_a_failed_request_fails_the_proof() -> None:
    assert judge_errors(ENTRY, "writers", [responses(1.0), responses(1.0, errors=1)]).state == "FAIL"
    assert judge_errors(ENTRY, "writers", [responses(1.0)]).state == "PASS"


def test_a_machine_that_stalls_by_itself_is_no_baseline() -> None:
    for baseline, state in (
        (responses(1.0, 400.0), "INCONCLUSIVE"),
        (responses(1.0, 1.0, errors=2), "INCONCLUSIVE"),
        (responses(1.0, 40.0), "PASS"),
        (responses(1.0, 400.0, build_s=60.0), "PASS"),
        (responses(1.0, 600.0, build_s=60.0), "INCONCLUSIVE"),
    ):
        assert judge_baseline(ENTRY, "writers", baseline, USUAL).state == state


def test_beside_an_unsteady_baseline_no_stall_is_judged_and_the_verdict_says_why() -> None:
    stalled, unsteady = responses(*[990.0] * 40), "longest 400 ms, 0 failed"
    for verdict in (longest(stalled, stalled, unsteady=unsteady), p99(stalled, stalled, unsteady=unsteady)):
        assert verdict.state == "INCONCLUSIVE"
        assert verdict.observed.endswith(f"; not judged, the baseline is unsteady: {unsteady}")


@given(st.integers(1, 3000), st.data())
def test_the_share_held_up_is_decided_by_the_exact_binomial_test(n: int, data: st.DataObject) -> None:
    """Oracle: scipy's own binomial test, each side at 1 %."""
    held_up = data.draw(st.integers(0, min(n, 60)))
    builds = [responses(*[400.0] * held_up), responses(*[1.0] * (n - held_up))]
    if held_up > 1:
        builds = [responses(400.0), responses(*[400.0] * (held_up - 1), *[1.0] * (n - held_up))]
    verdict = p99(*builds)
    assert (verdict.n, verdict.exceedances) == (n, held_up)
    if binomtest(held_up, n, 0.01, alternative="less").pvalue <= 0.01:
        assert verdict.state == "PASS"
    elif held_up > 1 and binomtest(held_up, n, 0.01, alternative="greater").pvalue <= 0.01:
        assert verdict.state == "FAIL"
    else:
        assert verdict.state == "INCONCLUSIVE"


# One before, one into the build, one within, one out of it that failed, one after: in ms, of a build from 1 s to 2 s.
SENT_MS = [
    [0, 0, 900, 0],
    [500, 500, 1200, 0],
    [1300, 1300, 1400, 0],
    [1800, 1800, 3000, 1],
    [2100, 2100, 2200, 0],
]


@pytest.mark.parametrize(
    ("started_ms", "seconds", "expected_ms"),
    [
        (1000, 1.0, [700, 100, 1200]),
        (1340, 0.02, [100]),  # from 1.2 s to 1.5 s: LEAST_WINDOW_S around a build of 20 ms
        (1690, 0.02, [1200]),  # which began 0.1 s after the build's end
    ],
    ids=["while it ran", "around a short one", "just after a short one"],
)
def test_everybody_who_wanted_something_while_the_build_ran_is_counted(
    started_ms: int, seconds: float, expected_ms: list[float]
) -> None:
    rows = np.array(SENT_MS, dtype=np.int64) * [1_000_000, 1_000_000, 1_000_000, pack_code(0, ERROR)]
    samples = samples_from_rows("writers", ("insert",), ("",), rows)
    found = responses_during(samples, started_ms * 1_000_000, seconds)
    assert found.response_ms.tolist() == expected_ms
    assert found.errors == (1200 in expected_ms)


@pytest.mark.parametrize(
    ("act", "found", "states"),
    [
        ("build", [USABLE, None, USABLE], ["PASS", "PASS", "PASS"]),
        ("build", [INVALID, USABLE, None], ["FAIL", "FAIL", "FAIL"]),
        ("drop", [None, USABLE, None], ["PASS", "PASS", "PASS"]),
        ("drop", [USABLE, INVALID, None], ["FAIL", "FAIL", "PASS"]),
    ],
)
def test_after_each_way_the_index_is_usable_or_gone(
    act: Act, found: list[IndexState | None], states: list[str]
) -> None:
    actions = ("up", "down", "up")
    steps = (
        CycleStep(action=way, seconds=1.0, index=index) for way, index in zip(actions, found, strict=True)
    )
    assert [verdict.state for verdict in proof_verdicts(entry(tuple(steps), act=act), {})] == states


@pytest.mark.parametrize(("stopped", "state"), [(True, "INCONCLUSIVE"), (False, "INVALID")])
def test_a_proof_that_broke_off_says_why_and_never_passes(stopped: bool, state: str) -> None:
    unproved = Unproved(because="no table", stopped=stopped, under_load=True)
    (verdict,) = proof_verdicts(entry(unproved=unproved), {})
    assert (verdict.state, verdict.why) == (state, "under load: no table")


def test_a_window_that_is_missing_from_the_raw_samples_is_named() -> None:
    there = made_proof.samples()
    lost = {name: one for name, one in there.items() if name != "0001/build_2_writers"}
    assert len(proof_verdicts(made_proof.proved(), there)) > 9
    with pytest.raises(UsageError, match=r"live.parquet has no window 0001/build_2_writers"):
        proof_verdicts(made_proof.proved(), lost)
