"""Whole runs as units: several of the baseline against several of the candidate, or why one of each cannot tell.

The difference of one run each has the standard deviation sqrt(2) sigma of runs however many samples were taken: no
test on the samples of two runs is honest. From three runs per side Welch's test on the runs' log-quantiles is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit  # scipy.stats says the same and takes half a second to import

from tailguard.base.state import State
from tailguard.base.text_format import ratio, signed_percent
from tailguard.compare.comparison import ALPHA, ComparedMetric
from tailguard.record.verdict import ChangeVerdict

FEWEST_RUNS = 3
# The least change seen 90 % of the time at alpha 1 % with known noise: (z.99 + z.90) sqrt(2) = 3.61 * 1.41 sigma.
SEEN = 5.1
# If nothing is known of the runs' noise: what shared machines show at best.
ASSUMED_NOISE = 0.05
RULE: Final = "Welch bound on runs"


@dataclass(frozen=True, slots=True)
class Noise:
    """Run-to-run noise: the standard deviation of a quantile's logarithm, and where it is known from."""

    sigma: float
    known_from: str

    def least_seen(self, runs: int) -> float:
        """Return the smallest change, as a share, that `runs` runs per side show 90 % of the time."""
        return math.expm1(SEEN * self.sigma / math.sqrt(runs))

    def runs_needed(self, change: float) -> int:
        """Return how many runs per side show a change of this share 90 % of the time."""
        return max(FEWEST_RUNS, math.ceil((SEEN * self.sigma / math.log1p(change)) ** 2))


def compare_units(
    metric: ComparedMetric,
    baseline: Sequence[float],
    candidate: Sequence[float],
    *,
    margin: float,
    gated: bool,
) -> ChangeVerdict:
    """Compare one quantile, in ms, of each run of both sides by Welch's one-sided bounds on its logarithm.

    FAIL and PASS as in `gate_blocks`. With fewer than three runs per side INCONCLUSIVE, with the smallest change that
    so few could have shown.
    """
    a, b = np.log(baseline), np.log(candidate)
    runs = min(len(a), len(b))
    estimate = float(b.mean() - a.mean())
    low, high, p = _welch(a, b) if runs >= FEWEST_RUNS else (-math.inf, math.inf, 1.0)
    limit = math.log1p(margin)
    state = State.INCONCLUSIVE
    if low > 0 and estimate >= limit / 2:
        state = State.FAIL
    elif high < limit:
        state = State.PASS
    words = {State.FAIL: "slower", State.PASS: f"not slower by {ratio(margin)}"}.get(state) or _open(
        estimated_noise(a, b), runs, margin
    )
    bounds = (
        f" [{signed_percent(math.expm1(low))}, {signed_percent(math.expm1(high))}]"
        if math.isfinite(low)
        else ""
    )
    return ChangeVerdict(
        name=metric.verdict_name,
        state=state,
        scenario=metric.scenario,
        step=metric.step,
        q=metric.q,
        change=math.expm1(estimate),
        low=math.expm1(low) if math.isfinite(low) else None,
        high=math.expm1(high) if math.isfinite(high) else None,
        margin=margin,
        alpha=ALPHA,
        p_fail=p,
        pairs=runs,
        slower=int((b > np.median(a)).sum()),
        baseline=float(np.exp(np.median(a))),
        candidate=float(np.exp(np.median(b))),
        gated=gated,
        rule=RULE,
        why=f"{len(a)} against {len(b)} runs, {signed_percent(math.expm1(estimate))}{bounds}: {words}",
    )


def estimated_noise(a: NDArray[np.float64], b: NDArray[np.float64]) -> Noise:
    """Return the runs' pooled standard deviation, or the assumed one if each side has but one."""
    freedom = len(a) + len(b) - 2
    if freedom < 1:
        return Noise(ASSUMED_NOISE, "assumed: one run per side cannot show it")
    squares = sum(float(((side - side.mean()) ** 2).sum()) for side in (a, b))
    return Noise(math.sqrt(squares / freedom), f"measured on these {len(a) + len(b)} runs")


def _open(noise: Noise, runs: int, margin: float) -> str:
    needed = noise.runs_needed(margin)
    return (
        f"{runs} {'run' if runs == 1 else 'runs'} per side could have shown a change of {ratio(noise.least_seen(runs))}"
        f" at {ratio(noise.sigma)} run-to-run noise ({noise.known_from}); {needed} runs per side would show"
        f" {ratio(margin)}, or `tailguard duet`, which runs both at once"
    )


def _welch(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return lower and upper one-sided bound of mean(b) - mean(a), and p of "b is not above a" (Welch 1947)."""
    va, vb = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    difference, se = float(b.mean() - a.mean()), math.sqrt(va + vb)
    if se == 0:  # the same number in every run: there is no noise to be in doubt about
        return difference, difference, 0.0 if difference > 0 else 1.0
    freedom = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    reach = float(stdtrit(freedom, 1 - ALPHA)) * se
    return difference - reach, difference + reach, float(stdtr(freedom, -difference / se))
