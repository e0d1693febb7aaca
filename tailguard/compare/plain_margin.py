"""Plain margins, as CI scripts have them: p95 +15 %, p99 +20 %, errors +0.5 points. Their error rates are unknown.

They compare pooled numbers and test nothing: on the same code they raise 5 to 35 % false alarms (docs/statistics.md).
They are here for those who must keep one beside the statistical gate.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.base.state import State
from tailguard.compare.comparison import Block, failure_rate, metric_name
from tailguard.compare.gate import inverted_cdf
from tailguard.judge.objective import parse_quantile, parse_share
from tailguard.record.objective import Margin
from tailguard.record.samples import Samples
from tailguard.record.verdict import ChangeVerdict

LABEL: Final = "plain margin: no error rate known"
ERRORS = "errors"


def parse_plain(text: str) -> Margin:
    """Return the margin of `p95=15%` or `errors=0.5%`. Raises UsageError naming the text."""
    name, equals, share = text.partition("=")
    if not equals or not re.fullmatch(rf"p\d+(\.\d+)?|{ERRORS}", name):
        raise UsageError(f"{text!r} is not a plain margin: write p95=15%, p99=20% or errors=0.5%")
    try:
        return Margin(q=None if name == ERRORS else parse_quantile(name), most=parse_share(share))
    except UsageError as error:
        raise UsageError(f"plain margin {text!r}: {error}") from None


def plain_verdicts(
    margins: Sequence[Margin], baseline: Sequence[Block], candidate: Sequence[Block]
) -> Iterator[ChangeVerdict]:
    """Yield a verdict of each margin on the pooled samples of each step, or on each scenario's errors and refusals."""
    for slug, samples in (baseline[0] if baseline else {}).items():
        sides = [[block[slug] for block in side if slug in block] for side in (baseline, candidate)]
        for margin in margins if all(sides) else ():
            if margin.q is None:
                a, b = (float(np.mean([failure_rate(part) for part in side])) for side in sides)
                yield _verdict(slug, "", margin, a, b, b - a)
            else:
                yield from _latencies(slug, samples.steps, margin, margin.q, sides)


def _latencies(
    slug: str, steps: Sequence[str], margin: Margin, q: float, sides: Sequence[Sequence[Samples]]
) -> Iterator[ChangeVerdict]:
    for step in steps:
        pooled = [np.concatenate([part.response_ms(step) for part in side]) for side in sides]
        if all(len(values) for values in pooled):
            yield _latency(slug, step, margin, q, pooled)


def _latency(
    slug: str, step: str, margin: Margin, q: float, pooled: Sequence[NDArray[np.float64]]
) -> ChangeVerdict:
    a, b = (inverted_cdf(values, q) for values in pooled)
    return _verdict(slug, step, margin, a, b, b / a - 1)


def _verdict(slug: str, step: str, margin: Margin, a: float, b: float, change: float) -> ChangeVerdict:
    exceeds = change > margin.most
    return ChangeVerdict(
        name=f"{slug} {metric_name(step, margin.q)}, {LABEL}",
        state=State.FAIL if exceeds else State.PASS,
        scenario=slug,
        step=step,
        q=margin.q,
        change=change,
        low=None,
        high=None,
        margin=margin.most,
        alpha=None,
        p_fail=None,
        pairs=1,
        slower=int(exceeds),
        baseline=a,
        candidate=b,
        gated=True,
        rule=LABEL,
        why=f"{change:+.1%} against at most {margin.most:+.1%}: {LABEL}",
    )
