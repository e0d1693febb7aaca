"""What clients felt of a build, and what that says: whether a build stalls them, decided on counts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from tailguard.engine.quantiles import estimate
from tailguard.record.samples import ERROR, OK, Samples

State = Literal["PASS", "FAIL", "INCONCLUSIVE", "INVALID"]
# A blocked request waits for all that is left of the build, so the longest one takes about the build's length
# (measured: 100 %). Contention for CPU and disk reached 14 % of it. Half lies well between the two.
STALL = 0.5
# Three of four requests that a lock blocks wait longer than this share of the build; at most 1 in 100 may.
HELD_UP, MOST_HELD_UP = 0.25, 0.01
ALPHA = 0.01  # the rate of wrong verdicts, each side
# A shorter build cannot be told from the machine's own hiccups.
SHORTEST_BUILD_S = 0.3


@dataclass(frozen=True, slots=True)
class Felt:
    """Responses of one kind of client during some builds, in ms, each with the length of its build."""

    response_ms: NDArray[np.float64]
    build_s: NDArray[np.float64]
    errors: int

    @property
    def shares(self) -> NDArray[np.float64]:
        """Each response as a share of its build's length."""
        return self.response_ms / (self.build_s * 1e3)

    def summary(self) -> dict[str, Any]:
        """Return count, p50, p99 with interval and the longest, as run.json has them."""
        return {
            "n": len(self.response_ms),
            "errors": self.errors,
            "p50_ms": asdict(estimate(self.response_ms, 0.5)),
            "p99_ms": asdict(estimate(self.response_ms, 0.99)),
            "longest_ms": float(self.response_ms.max()) if len(self.response_ms) else None,
        }


@dataclass(frozen=True, slots=True)
class LiveVerdict:
    """One question about a build under load, and its answer."""

    name: str
    state: State
    expected: str
    observed: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as run.json has it."""
        return asdict(self)


def felt_during(samples: Samples, started_ns: int, ended_ns: int) -> Felt:
    """Return what those felt who wanted something while the build ran, in whole or in part."""
    there = (samples.intended_ns < ended_ns) & (samples.ended_ns > started_ns)
    response_ms = (samples.ended_ns - samples.intended_ns)[there] / 1e6
    build_s = np.full(len(response_ms), (ended_ns - started_ns) / 1e9)
    return Felt(response_ms, build_s, int((samples.outcome[there] == ERROR).sum()))


def all_of(samples: Samples, build_s: float) -> Felt:
    """Return what clients felt in a window without a build, to be held against builds of `build_s`."""
    response_ms = (samples.ended_ns - samples.intended_ns) / 1e6
    return Felt(response_ms, np.full(len(response_ms), build_s), int((samples.outcome != OK).sum()))


def pooled(felt: Sequence[Felt]) -> Felt:
    """Put several builds together."""
    return Felt(
        np.concatenate([one.response_ms for one in felt]),
        np.concatenate([one.build_s for one in felt]),
        sum(one.errors for one in felt),
    )


def judge_stall(who: str, felt: Felt, act: str = "build") -> LiveVerdict:
    """Judge the longest response against the length of the build, or of the drop that `act` calls it."""
    name, expected = f"no stall of {who}", f"longest response below {STALL:.0%} of its {act}"
    if not len(felt.response_ms):
        return LiveVerdict(name, "INCONCLUSIVE", expected, f"no request during a {act}")
    worst = int(felt.shares.argmax())
    share, build_s = float(felt.shares[worst]), float(felt.build_s[worst])
    observed = f"{felt.response_ms[worst]:.1f} ms, {share:.1%} of a {act} of {build_s:.2f} s"
    if build_s < SHORTEST_BUILD_S:
        return LiveVerdict(name, "INCONCLUSIVE", expected, f"{observed}; {_too_short(act)}")
    state: State = "PASS" if share < STALL else "FAIL"
    return LiveVerdict(name, state, expected, observed)


def judge_p99(who: str, felt: Felt, baseline: Felt, act: str = "build") -> LiveVerdict:
    """Judge the share of requests held up by a build, with the exact binomial test (house law 1: on counts)."""
    n, held_up = len(felt.response_ms), int((felt.shares > HELD_UP).sum())
    name = f"p99 of {who}"
    expected = f"at most {MOST_HELD_UP:.0%} of requests take over {HELD_UP:.0%} of the {act}"
    observed = f"{held_up} of {n}; p99 {_p99(felt)}, {_p99(baseline)} without a {act}"
    if n and binom.cdf(held_up, n, MOST_HELD_UP) <= ALPHA:
        return LiveVerdict(name, "PASS", expected, observed)
    if n and binom.sf(held_up - 1, n, MOST_HELD_UP) <= ALPHA:
        if felt.build_s.min() < SHORTEST_BUILD_S:
            return LiveVerdict(name, "INCONCLUSIVE", expected, f"{observed}; {_too_short(act)}")
        return LiveVerdict(name, "FAIL", expected, observed)
    return LiveVerdict(name, "INCONCLUSIVE", expected, f"{observed}: too few to tell")


def judge_errors(who: str, felt: Felt) -> LiveVerdict:
    """Judge failed requests: none may fail, and where there was none, none is known to succeed."""
    state: State = "FAIL" if felt.errors else "PASS" if len(felt.response_ms) else "INCONCLUSIVE"
    return LiveVerdict(f"no failed request of {who}", state, "0", f"{felt.errors} of {len(felt.response_ms)}")


def judge_baseline(who: str, baseline: Felt, act: str = "build") -> LiveVerdict:
    """Judge whether the quiet machine is quiet enough: where it stalls by itself, no build can be judged."""
    worst = float(baseline.shares.max()) if len(baseline.response_ms) else float("inf")
    held = worst < HELD_UP and not baseline.errors
    observed = f"longest {worst:.1%} of it, {baseline.errors} failed"
    expected = f"without a {act}: below {HELD_UP:.0%} of a {act}'s length, none failed"
    return LiveVerdict(f"steady baseline of {who}", "PASS" if held else "INCONCLUSIVE", expected, observed)


def judge_control(felt: Felt, statement: str = "CREATE INDEX", act: str = "build") -> LiveVerdict:
    """Judge the positive control: the plain statement stalls writers; a proof blind to that is worth nothing.

    However short it is: a plain build takes about half as long as the concurrent one, which is judged beside it.
    """
    caught = bool((felt.shares >= STALL).any())
    expected = f"a plain {statement} is caught: a response of {STALL:.0%} of the {act} or more"
    observed = judge_stall("writers", felt, act).observed
    return LiveVerdict("positive control", "PASS" if caught else "INVALID", expected, observed)


def _too_short(act: str) -> str:
    return f"below {SHORTEST_BUILD_S:g} s a {act} is too short to judge: take more rows"


def _p99(felt: Felt) -> str:
    value = estimate(felt.response_ms, 0.99).value
    return "unknown" if value is None else f"{value:.1f} ms"
