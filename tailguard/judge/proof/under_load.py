"""Whether clients were held up while an index was built or dropped: decided on counts, beside a plain control.

There are two limits, and the smaller one counts: a share of the build's length, which tells a lock from
contention, and an absolute one, which says what users bear however long the build is. What happened in one build alone
may be the machine's own doing; what its repetition shows again is the build's.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from tailguard.base.state import State
from tailguard.base.text_format import duration_ms, duration_s, limit_ms, ratio
from tailguard.engine.quantiles import estimate
from tailguard.judge.decision import judge_counts
from tailguard.judge.proof.responses import LiveWindows, Responses
from tailguard.record.migration import Client, LiveProof, MigrationEntry, WaitLimits
from tailguard.record.samples import Samples
from tailguard.record.verdict import ProofVerdict

# A blocked request waits for all that is left of the build, so the longest one takes about the build's length
# (measured: 100 %). Contention for CPU and disk reached 14 % of it. Half lies well between the two.
STALL = 0.5
# Three of four requests that a lock blocks wait longer than this share of the build; at most 1 in 100 may.
HELD_UP, MOST_HELD_UP = 0.25, 0.01
ALPHA = 0.01  # the rate of wrong verdicts, each side
# At 1 in 100 allowed, 459 requests without one held up decide a p99 at 99 %.
ENOUGH = 460
# A share of a shorter build cannot be distinguished from the machine's own hiccups: the absolute limit alone counts.
SHORTEST_BUILD_S = 0.3
# A single hiccup of 212 ms was once seen in five concurrent builds: one build alone breaks no promise.
REPEATED = 2


class Asked(Protocol):
    """What is judged: its number, and in a word what it does while clients go on."""

    @property
    def number(self) -> str: ...

    @property
    def act(self) -> str: ...


def under_load_verdicts(
    entry: MigrationEntry, proof: LiveProof, live: Mapping[str, Samples]
) -> Iterator[ProofVerdict]:
    """Judge the baseline first: on a machine that stalls by itself, a stall says nothing about a build."""
    windows, limits = LiveWindows(proof, live), proof.limits
    for who in proof.baseline:
        builds, unbuilt = windows.builds(who), windows.baseline(who)
        baseline = judge_baseline(entry, who, unbuilt, limits)
        unsteady = "" if baseline.state is State.PASS else baseline.observed
        yield baseline
        yield judge_longest(entry, who, builds, limits, unsteady)
        yield judge_p99(entry, who, builds, unbuilt, limits, unsteady)
        yield judge_errors(entry, who, builds)
    if proof.control is not None:
        yield judge_control(entry, windows.control(proof.control, "writers"))


def judge_longest(
    entry: Asked, who: Client, builds: Sequence[Responses], limits: WaitLimits, unsteady: str = ""
) -> ProofVerdict:
    """Judge the longest response of each build, or drop.

    `unsteady` says how the baseline is, if it is too unsteady to judge beside it.
    """
    over = [_at_or_over(met, STALL, limits.max_wait_ms) for met in builds]
    state, remark = _repeated(over, entry.act)
    n = sum(map(len, builds))
    return ProofVerdict(
        name=f"longest wait of {who}",
        state=state if n and not unsteady else State.INCONCLUSIVE,
        migration=entry.number,
        expected=_below(STALL, limits, entry.act),
        observed=f"{_longest(builds, limits, entry.act)}{remark}{_unjudged(unsteady)}",
        n=n,
        exceedances=sum(over),
        under_load=True,
    )


def judge_p99(
    entry: MigrationEntry,
    who: Client,
    builds: Sequence[Responses],
    baseline: Responses,
    limits: WaitLimits,
    unsteady: str = "",
) -> ProofVerdict:
    """Judge the share of requests held up by the builds, with the exact binomial test (house law 1: on counts)."""
    quiet_ms, growth_ms = estimate(baseline.response_ms, 0.99).value, limits.max_p99_growth_ms
    most_ms, told = limits.max_wait_ms, limit_ms(limits.max_wait_ms)
    if growth_ms is not None and quiet_ms is not None and quiet_ms + growth_ms < most_ms:
        most_ms, told = quiet_ms + growth_ms, f"{limit_ms(growth_ms)} more than without a {entry.act}"
    held_up = [_at_or_over(met, HELD_UP, most_ms) for met in builds]
    n = sum(map(len, builds))
    state, remark = _p99_state(n, held_up, entry.act)
    if growth_ms is not None and quiet_ms is None:
        state, remark = State.INCONCLUSIVE, f": too few requests without a {entry.act} to have a p99"
    counted = f"{sum(held_up)} of {n}; p99 {_p99(builds)}, {duration_ms(quiet_ms)} without a {entry.act}"
    return ProofVerdict(
        name=f"p99 of {who}",
        state=State.INCONCLUSIVE if unsteady else state,
        migration=entry.number,
        expected=f"at most {ratio(MOST_HELD_UP)} of requests take {told} or more (or {_share(HELD_UP, entry.act)})",
        observed=f"{counted}{remark}{_unjudged(unsteady)}",
        n=n,
        exceedances=sum(held_up),
        alpha=ALPHA,
        under_load=True,
    )


def judge_errors(entry: Asked, who: Client, builds: Sequence[Responses]) -> ProofVerdict:
    """Judge failed requests: none may fail, and if there was none, none is known to succeed."""
    n, errors = sum(map(len, builds)), sum(met.errors for met in builds)
    passed = State.PASS if n else State.INCONCLUSIVE
    return ProofVerdict(
        name=f"no failed request of {who}",
        state=State.FAIL if errors else passed,
        migration=entry.number,
        expected="0",
        observed=f"{errors} of {n}",
        n=n,
        exceedances=errors,
        under_load=True,
    )


def judge_baseline(entry: Asked, who: Client, baseline: Responses, limits: WaitLimits) -> ProofVerdict:
    """Judge whether the machine is steady enough for a build to be told from it."""
    limit_ms_of = _limit_ms(baseline.build_s, HELD_UP, limits.max_wait_ms)
    unsteady = int(((baseline.response_ms >= limit_ms_of) | baseline.failed).sum())
    worst_ms = float(baseline.response_ms.max()) if len(baseline) else None
    return ProofVerdict(
        name=f"steady baseline of {who}",
        state=State.INCONCLUSIVE if unsteady or not len(baseline) else State.PASS,
        migration=entry.number,
        expected=f"without a {entry.act}: {_below(HELD_UP, limits, entry.act)}, none failed",
        observed=f"longest {duration_ms(worst_ms)}, {baseline.errors} failed",
        n=len(baseline),
        exceedances=unsteady,
        under_load=True,
    )


def judge_control(entry: MigrationEntry, met: Responses) -> ProofVerdict:
    """Judge the positive control: the plain statement stalls writers; a proof blind to that is worth nothing.

    However short it is: a plain build takes about half as long as the concurrent one, which is judged beside it.
    """
    caught = bool((met.shares >= STALL).any())
    longest_ms = float(met.response_ms.max()) if len(met) else None
    return ProofVerdict(
        name="positive control",
        state=State.PASS if caught else State.INVALID,
        migration=entry.number,
        expected=f"a plain {entry.statement}, its lock kept for {duration_s(met.build_s)}, is caught:"
        f" a response of {ratio(STALL)} of that or more",
        observed=_took(met, longest_ms, entry.act),
        n=1,
        exceedances=int(not caught),
        under_load=True,
    )


def _limit_ms(build_s: float, share: float, most_ms: float) -> float:
    """Return the smaller one of both limits for a build of this length."""
    return most_ms if build_s < SHORTEST_BUILD_S else min(share * build_s * 1e3, most_ms)


def _at_or_over(met: Responses, share: float, most_ms: float) -> int:
    return int((met.response_ms >= _limit_ms(met.build_s, share, most_ms)).sum())


def _repeated(over: Sequence[int], act: str) -> tuple[State, str]:
    """Judge how many requests of each build were over the limit: none, some of one build, or of several."""
    broken = sum(1 for count in over if count)
    if not broken:
        return State.PASS, ""
    if broken < REPEATED:
        return State.INCONCLUSIVE, _not_repeated(over, act)
    return State.FAIL, f", over the limit in {broken} of {len(over)} {act}s"


def _p99_state(n: int, held_up: Sequence[int], act: str) -> tuple[State, str]:
    state = judge_counts(n, sum(held_up), p0=MOST_HELD_UP, alpha=ALPHA).state if n else State.INCONCLUSIVE
    if state is State.INCONCLUSIVE:
        return state, ": too few to tell"
    if state is State.FAIL and sum(1 for count in held_up if count) < REPEATED:
        return State.INCONCLUSIVE, _not_repeated(held_up, act)
    return state, ""


def _not_repeated(over: Sequence[int], act: str) -> str:
    return f", over the limit in one of {len(over)} {act}s alone: it may be the machine's, prove it again"


def _longest(builds: Sequence[Responses], limits: WaitLimits, act: str) -> str:
    """Say how long the response took that came nearest to its limit, or went furthest beyond."""
    there = [met for met in builds if len(met)]
    if not there:
        return f"no request during a {act}"
    worst = max(
        there,
        key=lambda met: met.response_ms.max() / _limit_ms(met.build_s, STALL, limits.max_wait_ms),
    )
    return _took(worst, float(worst.response_ms.max()), act)


def _took(met: Responses, longest_ms: float | None, act: str) -> str:
    if longest_ms is None:
        return f"no request during a {act}"
    of = f", {ratio(longest_ms / (met.build_s * 1e3))} of it" if met.build_s >= SHORTEST_BUILD_S else ""
    return f"{duration_ms(longest_ms)} in a {act} of {duration_s(met.build_s)}{of}"


def _below(share: float, limits: WaitLimits, act: str) -> str:
    return f"below {limit_ms(limits.max_wait_ms)} (and below {_share(share, act)})"


def _share(share: float, act: str) -> str:
    return f"{ratio(share)} of a {act} of at least {SHORTEST_BUILD_S:g} s"


def _unjudged(unsteady: str) -> str:
    return f"; not judged, the baseline is unsteady: {unsteady}" if unsteady else ""


def _p99(builds: Sequence[Responses]) -> str:
    found = [response for met in builds for response in met.response_ms]
    return duration_ms(estimate(found, 0.99).value)
