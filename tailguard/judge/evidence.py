"""Evidence in counts: e-values against each side of a limit, and how far clusters of exceedances weaken them.

Symbols: n samples, k of them exceed the limit, p the true share of exceedances, p0 the share the objective
allows.
"""

import functools
from collections.abc import Callable
from typing import Any  # numpy's own scalars

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincc, betaln

# Weight of the mixture's prior, in samples. 10 to 50 differ by 15 % in samples to a decision; 10 lets a p99
# or a 1 % error rate without any exceedance pass after 479 samples, which fits the 500 every scenario has at
# least.
PRIOR_WEIGHT = 10.0

# Block lengths, in samples, at which clusters are looked for: from a short burst to a stall at hundreds a second.
BLOCKS = (10, 20, 50, 100, 200, 400)

# A variance over fewer blocks than this is noise rather than an estimate.
FEWEST_BLOCKS = 10


def ln_e_pass(k: ArrayLike, n: ArrayLike, p0: float) -> NDArray[np.float64]:
    """Return ln E_pass, against p >= p0, of k of n; both may be real numbers.

    Robbins' beta-binomial mixture, truncated at p0 so that each side is a test martingale of its null: with
    a = w p0, b = w (1 - p0), w the prior weight, and I the regularised incomplete beta function,

        base   = ln B(a+k, b+n-k) - ln B(a, b) - k ln p0 - (n-k) ln(1-p0)
        E_pass = exp(base) I(p0; a+k, b+n-k) / I(p0; a, b)
        E_fail = exp(base) (1 - I(p0; a+k, b+n-k)) / (1 - I(p0; a, b))

    By Ville's inequality P(ever E >= 1/alpha) <= alpha under the null, however often one looks (Robbins 1970;
    Howard, Ramdas, McAuliffe & Sekhon 2021). If I underflows, -inf is right: no evidence for that side.
    """
    return _ln_e(k, n, p0, betainc)


def ln_e_fail(k: ArrayLike, n: ArrayLike, p0: float) -> NDArray[np.float64]:
    """Return ln E_fail, against p <= p0, of k of n; see `ln_e_pass`."""
    return _ln_e(k, n, p0, betaincc)


def _ln_e(
    k: ArrayLike, n: ArrayLike, p0: float, tail: Callable[..., NDArray[np.float64]]
) -> NDArray[np.float64]:
    a, b = PRIOR_WEIGHT * p0, PRIOR_WEIGHT * (1 - p0)
    k, n = np.asarray(k, float), np.asarray(n, float)
    a_n, b_n = a + k, b + n - k
    ln_beta, ln_p0, ln_rest, ln_tail = _prior(p0, tail)
    base = betaln(a_n, b_n) - ln_beta - k * ln_p0 - (n - k) * ln_rest
    with np.errstate(divide="ignore"):
        found: NDArray[np.float64] = base + np.log(tail(a_n, b_n, p0)) - ln_tail
    return found


@functools.lru_cache(maxsize=256)  # one limit is asked for at every look
def _prior(p0: float, tail: Callable[..., NDArray[np.float64]]) -> tuple[Any, Any, Any, Any]:
    """Return what does not depend on the counts: ln B(a, b), ln p0, ln (1 - p0) and ln of the prior's tail."""
    a, b = PRIOR_WEIGHT * p0, PRIOR_WEIGHT * (1 - p0)
    with np.errstate(divide="ignore"):
        return betaln(a, b), np.log(p0), np.log1p(-p0), np.log(tail(a, b, p0))


def cumulative(exceed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return exceedances among the first 0, 1, ... len(exceed) samples."""
    counts = np.zeros(len(exceed) + 1, np.int64)
    np.cumsum(exceed, out=counts[1:])
    return counts


def inflation(counts: NDArray[np.int64], n: int) -> float:
    """Return tau >= 1, the factor by which clustering widens the variance of the share among the first n
    samples.

    tau = max over block lengths b of b Var(block means) / (p (1-p)), p = (k + 1/2) / (n + 1); 1 means no sign
    of clusters. `counts` is `cumulative(exceed)`. The maximum over several b errs to the cautious side.
    """
    p = (int(counts[n]) + 0.5) / (n + 1)
    tau = 1.0
    for b in BLOCKS:
        if n >= FEWEST_BLOCKS * b:
            in_block = np.diff(counts[: n // b * b + 1 : b])
            tau = max(tau, float(in_block.var(ddof=1) / b / (p * (1 - p))))
    return tau
