"""Plain margins, as CI scripts have them: p95 +15 %, p99 +20 %, errors +0.5 points. Their error rates are unknown.

They compare pooled numbers and test nothing: on the same code they raise 5 to 35 % false alarms (docs/statistics.md).
They are here for those who must keep one beside the statistical gate.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.compare.comparison import Block, error_rate
from tailguard.compare.gate import inverted_cdf
from tailguard.judge.decision import State
from tailguard.judge.objective import parse_quantile, parse_share

LABEL = "plain margin: no error rate known"
ERRORS = "errors"


@dataclass(frozen=True, slots=True)
class PlainMargin:
    """At most this much more: a share for the quantile `q`, or (q is None) points of the error rate."""

    q: float | None
    most: float


def parse_plain(text: str) -> PlainMargin:
    """Return the margin of `p95=15%` or `errors=0.5%`. Raises UsageError naming the text."""
    name, equals, share = text.partition("=")
    if not equals or not re.fullmatch(rf"p\d+(\.\d+)?|{ERRORS}", name):
        raise UsageError(f"{text!r} is no plain margin: write p95=15%, p99=20% or errors=0.5%")
    try:
        return PlainMargin(None if name == ERRORS else parse_quantile(name), parse_share(share))
    except UsageError as error:
        raise UsageError(f"plain margin {text!r}: {error}") from None


def plain_verdicts(
    margins: Sequence[PlainMargin], baseline: Sequence[Block], candidate: Sequence[Block]
) -> Iterator[dict[str, Any]]:
    """Yield run.json's verdicts: each margin on the pooled samples of each step, or on each scenario's errors."""
    for slug, samples in (baseline[0] if baseline else {}).items():
        sides = [[block[slug] for block in side if slug in block] for side in (baseline, candidate)]
        for margin in margins if all(sides) else ():
            if margin.q is None:
                a, b = (float(np.mean([error_rate(part) for part in side])) for side in sides)
                yield _verdict(slug, "", margin, a, b, b - a)
                continue
            for step in samples.steps:
                pooled = [np.concatenate([part.response_ms(step) for part in side]) for side in sides]
                if all(len(values) for values in pooled):
                    yield _latency(slug, step, margin, margin.q, pooled)


def _latency(
    slug: str, step: str, margin: PlainMargin, q: float, pooled: Sequence[NDArray[np.float64]]
) -> dict[str, Any]:
    a, b = (inverted_cdf(values, q) for values in pooled)
    return _verdict(slug, step, margin, a, b, b / a - 1)


def _verdict(slug: str, step: str, margin: PlainMargin, a: float, b: float, change: float) -> dict[str, Any]:
    name = "error rate" if margin.q is None else f"p{margin.q * 100:g} of {step}"
    return {
        "objective": f"{slug} {name}, {LABEL}",
        "scenario": slug,
        "step": step,
        "kind": "change",
        "q": margin.q,
        "limit_ms": None,
        "max_ratio": margin.most,
        "strict": False,
        "state": str(State.FAIL if change > margin.most else State.PASS),
        "n": 1,
        "exceedances": int(change > margin.most),
        "observed": {"value": change, "low": None, "high": None, "level": None},
        "unit": "ratio",
        "headroom": None,
        "alpha": None,
        "rule": LABEL,
        "dependence": None,
        "tau": None,
        "p_fail": None,
        "baseline": a,
        "candidate": b,
        "gated": True,
        "why": f"{change:+.1%} against at most {margin.most:+.1%}: {LABEL}",
    }
