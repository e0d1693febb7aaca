"""The sequential rule: look at a growing 0/1 stream on a fixed grid until the evidence decides.

Each look weighs the counts so far (`judge.evidence`), divided by the inflation of clustered exceedances and,
for PASS in the bursty mode, with one more burst added. docs/explanation/statistics.md explains the rule and its limits.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.judge.evidence import inflation, ln_e_fail, ln_e_pass
from tailguard.record.objective import Dependence, Rule

# The distance of looks: a decision comes at most 15 % later than it could; closer looks cost computing, not
# errors.
GROWTH = 1.15

# A PASS must survive one more run of this many exceedances: a stall not seen yet leaves no trace in any
# estimate. 20 would err less under long stalls, but no p99 would pass within 20,000 samples.
BURST = 10

# Estimates of tau are low more often than high; its excess over 1 is stretched by this factor.
CAUTION = 1.5

# Before this many samples a noisy spell at the start can fail a sound platform (3.5 % at 400, about 1 % at 1000).
FIRST_LOOK: dict[Dependence, int] = {"bursty": 1000, "independent": 100}


def checked_rule(alpha: float, dependence: str, first_look: int = 0) -> Rule:
    """Return the rule; raise UsageError naming what it cannot be."""
    if not 0 < alpha < 0.5:  # noqa: PLR2004  # beyond even odds nothing is decided
        raise UsageError(f"alpha is {alpha}; a share of wrong verdicts lies between 0 and 0.5, such as 0.01")
    known = next((each for each in FIRST_LOOK if each == dependence), None)
    if known is None:
        raise UsageError(
            f"dependence is {dependence!r}; say 'bursty' (the default) or 'independent' (no queue)"
        )
    if first_look < 0:
        raise UsageError(f"first_look is {first_look}; it is a number of samples")
    return Rule(alpha=alpha, dependence=known, first_look=first_look)


def look_counts(rule: Rule) -> Iterator[int]:
    """Yield the numbers of samples at which a growing stream may be looked at, without end."""
    n = max(rule.first_look, FIRST_LOOK[rule.dependence])
    while True:
        yield n
        n = round(n * GROWTH)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look saw: counts, the inflation of their variance, and ln e-values for each side."""

    n: int
    exceedances: int
    tau: float
    ln_pass: float
    ln_fail: float


def look(counts: NDArray[np.int64], n: int, p0: float, dependence: Dependence) -> Look:
    """Weigh the first n samples; `counts` is `cumulative(exceed)`."""
    k, tau = int(counts[n]), inflation(counts, n)
    return Look(n, k, tau, passing_evidence(k, n, tau, p0, dependence), failing_evidence(k, n, tau, p0))


def passing_evidence(k: int, n: int, tau: float, p0: float, dependence: Dependence) -> float:
    """Return ln E_pass of k of n, whose clusters inflate the variance by tau; it falls in k and rises in p0.

    The smaller one of the plain and the tempered counts. So for independent samples the proof of the plain one holds
    unchanged, and the tempering only ever takes evidence away.
    """
    stretched = 1 + CAUTION * (tau - 1)
    if dependence == "independent":
        return float(ln_e_pass([k, k / stretched], [n, n / stretched], p0).min())
    # Beside few exceedances one more burst inflates the variance so much that more of them would be better evidence.
    # They must never be: no count tells more than none at all.
    (none, none_tau), (some, some_tau) = (_with_burst(each, n, tau, stretched) for each in (0, k))
    return float(ln_e_pass([k, none / none_tau, some / some_tau], [n, n / none_tau, n / some_tau], p0).min())


def failing_evidence(k: int, n: int, tau: float, p0: float) -> float:
    """Return ln E_fail of k of n, whose clusters inflate the variance by tau; it rises in k and falls in p0.

    The smaller one of the plain and the tempered counts, as for a PASS.
    """
    stretched = 1 + CAUTION * (tau - 1)
    return float(ln_e_fail([k, k / stretched], [n, n / stretched], p0).min())


def _with_burst(k: int, n: int, tau: float, stretched: float) -> tuple[int, float]:
    """Return the exceedances with one more burst of c0 = BURST, and the inflation that such bursts mean.

    tau_b = max(tau', 1.5 (c0^2/n + (k/n) tau) / (p_b (1 - p_b))), p_b = (k + c0) / (n + c0).
    """
    burst = min(k + BURST, n)
    p = burst / (n + BURST)
    return burst, max(stretched, CAUTION * (BURST**2 / n + k / n * tau) / (p * (1 - p)))


def looks(counts: NDArray[np.int64], p0: float, rule: Rule) -> list[Look]:
    """Return every look at a finished stream: those of the grid, and one at its end."""
    last = len(counts) - 1
    ns = []
    for n in look_counts(rule):
        if n >= last:
            break
        ns.append(n)
    return [look(counts, n, p0, rule.dependence) for n in [*ns, last]] if last > 0 else []
