"""What clients met during a build, and how that is judged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tailguard.base.errors import UsageError
from tailguard.base.state import State, worst
from tailguard.judge.proof.responses import Responses, pooled, responses_during
from tailguard.judge.proof.under_load import (
    judge_baseline,
    judge_control,
    judge_errors,
    judge_p99,
    judge_stall,
)
from tailguard.judge.proof_verdicts import proof_verdicts
from tailguard.record.migration import Act, CycleStep, IndexState, MigrationEntry, Unproved
from tailguard.record.samples import ERROR, pack_code, samples_from_rows
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
    return Responses(np.array(response_ms, dtype=float), np.arange(n) < errors, np.full(n, build_s))


def test_a_request_that_waited_for_the_build_is_a_stall() -> None:
    assert judge_stall(ENTRY, "writers", responses(3.0, 990.0)).state == "FAIL"
    assert judge_control(ENTRY, responses(3.0, 990.0)).state == "PASS"


def test_slow_requests_of_a_busy_machine_are_no_stall() -> None:
    verdict = judge_stall(ENTRY, "writers", responses(3.0, 140.0))
    assert (verdict.state, verdict.observed) == ("PASS", "140.0 ms, 14.0% of a build of 1.00 s")


def test_a_control_that_is_not_caught_makes_the_proof_invalid() -> None:
    blind = judge_control(ENTRY, responses(3.0, 140.0))
    assert blind.state == "INVALID"
    assert worst([State.FAIL, blind.state]) == "INVALID"


def test_a_build_too_short_to_tell_from_a_hiccup_is_not_judged() -> None:
    assert judge_stall(ENTRY, "writers", responses(3.0, build_s=0.1)).state == "INCONCLUSIVE"
    assert judge_stall(ENTRY, "writers", responses(99.0, build_s=0.1)).state == "INCONCLUSIVE"
    held_up = [99.0] * 40
    short, long = responses(*held_up, build_s=0.1), responses(*held_up, build_s=0.3)
    assert judge_p99(ENTRY, "writers", short, responses(1.0)).state == "INCONCLUSIVE"
    assert judge_p99(ENTRY, "writers", long, responses(1.0)).state == "FAIL"


def test_a_short_control_is_caught_all_the_same() -> None:
    assert judge_control(ENTRY, responses(3.0, 99.0, build_s=0.1)).state == "PASS"
    assert judge_control(ENTRY, responses(build_s=0.1)).state == "INVALID"


def test_no_request_during_a_build_never_passes() -> None:
    nobody = responses()
    assert judge_stall(ENTRY, "readers", nobody).state == "INCONCLUSIVE"
    assert judge_p99(ENTRY, "readers", nobody, responses(1.0)).state == "INCONCLUSIVE"
    assert judge_baseline(ENTRY, "readers", nobody).state == "INCONCLUSIVE"
    assert judge_errors(ENTRY, "readers", nobody).state == "INCONCLUSIVE"


def test_a_failed_request_fails_the_proof() -> None:
    assert judge_errors(ENTRY, "writers", responses(1.0, errors=1)).state == "FAIL"
    assert judge_errors(ENTRY, "writers", responses(1.0)).state == "PASS"


def test_a_machine_that_stalls_by_itself_is_no_baseline() -> None:
    assert judge_baseline(ENTRY, "writers", responses(1.0, 400.0)).state == "INCONCLUSIVE"
    assert judge_baseline(ENTRY, "writers", responses(1.0, 1.0, errors=2)).state == "INCONCLUSIVE"
    assert judge_baseline(ENTRY, "writers", responses(1.0, 40.0)).state == "PASS"


def test_beside_an_unsteady_baseline_no_stall_is_judged_and_the_verdict_says_why() -> None:
    stalled = responses(*[990.0] * 40)
    for verdict in (
        judge_stall(ENTRY, "writers", stalled, "longest 40.0% of it"),
        judge_p99(ENTRY, "writers", stalled, responses(400.0), "longest 40.0% of it"),
    ):
        assert verdict.state == "INCONCLUSIVE"
        assert verdict.observed.endswith("; not judged, the baseline is unsteady: longest 40.0% of it")


@given(st.integers(1, 3000), st.data())
def test_the_share_held_up_is_decided_by_the_exact_binomial_test(n: int, data: st.DataObject) -> None:
    """Oracle: scipy's own binomial test, each side at 1 %."""
    held_up = data.draw(st.integers(0, min(n, 60)))
    response_ms = [400.0] * held_up + [1.0] * (n - held_up)
    verdict = judge_p99(ENTRY, "writers", responses(*response_ms), responses(1.0))
    assert (verdict.n, verdict.exceedances) == (n, held_up)
    if binomtest(held_up, n, 0.01, alternative="less").pvalue <= 0.01:
        assert verdict.state == "PASS"
    elif binomtest(held_up, n, 0.01, alternative="greater").pvalue <= 0.01:
        assert verdict.state == "FAIL"
    else:
        assert verdict.state == "INCONCLUSIVE"


def test_everybody_who_wanted_something_while_the_build_ran_is_counted() -> None:
    """One before, one into the build, one within, one out of it that failed, one after."""
    failed = pack_code(0, ERROR)
    rows = [[0, 0, 9, 0], [5, 5, 12, 0], [13, 13, 14, 0], [18, 18, 30, failed], [21, 21, 22, 0]]
    samples = samples_from_rows("writers", ("insert",), ("",), np.array(rows, dtype=np.int64))
    found = responses_during(samples, 10, 10e-9)
    assert (found.response_ms * 1e6).tolist() == [7, 1, 12]
    assert found.errors == 1
    both = pooled([found, found])
    assert len(both) == 6
    assert both.errors == 2


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
