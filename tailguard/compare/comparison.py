"""Two sides over all metrics: which became slower, with the chance of one false alarm in the whole family held."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailguard.compare.gate import (
    SHARES,
    Change,
    gate_blocks,
    hodges_lehmann,
    inverted_cdf,
    looks_at,
    p_slower,
)
from tailguard.judge.decision import State
from tailguard.judge.margins import Margins
from tailguard.judge.multiplicity import holm
from tailguard.record.samples import ERROR, OK, Samples

ALPHA = 0.01
# More errors than this, in points of all requests, is a regression: what the platform's own CI allowed.
ERROR_MARGIN = 0.005
# p99 is watched: a slowdown that is proved fails, but nothing waits for a proof that there is none, as 40 pairs of 400
# samples give that hardly ever.
WATCHED = {0.99: 0.20}
# Blocks of fewer ok samples have no p95 worth the name; such a pair is left out of the metric and counted.
FEWEST = 20

Block = Mapping[str, Samples]


@dataclass(frozen=True, slots=True)
class Metric:
    """What is compared: a quantile of a step's latency, or (q is None) a scenario's share of errors."""

    scenario: str
    step: str
    q: float | None

    @property
    def name(self) -> str:
        """Return such as `p95 of upload`."""
        return "error rate" if self.q is None else f"p{self.q * 100:g} of {self.step}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric's answer.

    `change` is a share of the baseline (0.05 is 5 % slower), for error rates a difference in points (0.01 is one in a
    hundred more); `low` and `high` bound it, each with 1 - alpha, over all looks. `baseline` and `candidate` are
    medians over the blocks, in ms or as a rate.
    """

    metric: Metric
    state: State
    change: float
    low: float
    high: float
    margin: float
    p_fail: float
    pairs: int
    slower: int
    baseline: float
    candidate: float
    gated: bool
    why: str

    def as_verdict(self) -> dict[str, Any]:
        """Return the entry of run.json's verdicts, beside those of objectives."""
        return {
            "objective": f"{self.metric.scenario} {self.metric.name} against the baseline",
            "scenario": self.metric.scenario,
            "step": self.metric.step,
            "kind": "change",
            "q": self.metric.q,
            "limit_ms": None,
            "max_ratio": self.margin,
            "strict": True,
            "state": str(self.state),
            "n": self.pairs,
            "exceedances": self.slower,
            "observed": {"value": self.change, "low": self.low, "high": self.high, "level": 1 - ALPHA},
            "unit": "ratio",
            "headroom": None,
            "alpha": ALPHA,
            "rule": "signed-rank bound on paired blocks",
            "dependence": None,
            "tau": None,
            "p_fail": self.p_fail,
            "baseline": self.baseline,
            "candidate": self.candidate,
            "gated": self.gated,
            "why": self.why,
        }


def compare_blocks(
    baseline: Sequence[Block], candidate: Sequence[Block], margins: Margins, alpha: float = ALPHA
) -> list[Comparison]:
    """Compare all metrics of all scenarios; block j of both sides was measured side by side.

    A FAIL stands only where Holm's step-down over all gated metrics grants it, so that the chance of any false alarm
    in the whole duet is alpha; a PASS keeps its own alpha.
    """
    metrics = _metrics(baseline, candidate, margins)
    return guarded([_compare(metric, baseline, candidate, margins, alpha) for metric in metrics], alpha)


def guarded(found: Sequence[Comparison], alpha: float = ALPHA) -> list[Comparison]:
    """Let each FAIL stand only where Holm grants it among all metrics; a watched one that stands is gated then."""
    stands = holm([each.p_fail for each in found], alpha)
    return [
        each
        if each.state is not State.FAIL
        else replace(each, gated=True)
        if stood
        else _demoted(each, len(found))
        for each, stood in zip(found, stands, strict=True)
    ]


def decided(comparisons: Iterable[Comparison]) -> bool:
    """Tell whether more pairs could change the answer: a FAIL stands, or all are decided."""
    states = [each.state for each in comparisons if each.gated]
    return State.FAIL in states or State.INCONCLUSIVE not in states


def _metrics(baseline: Sequence[Block], candidate: Sequence[Block], margins: Margins) -> list[Metric]:
    """A scenario or step that only one side has is a metric, too: it will be INVALID, never skipped."""
    steps: dict[str, dict[str, None]] = {}
    for block in [*baseline, *candidate]:
        for slug, samples in block.items():
            steps.setdefault(slug, {}).update(dict.fromkeys(samples.steps))
    found = []
    for slug, names in steps.items():
        found += [Metric(slug, step, q) for step in names for q in (*margins.deltas, *WATCHED)]
        found.append(Metric(slug, "", None))
    return found


def _compare(
    metric: Metric, baseline: Sequence[Block], candidate: Sequence[Block], margins: Margins, alpha: float
) -> Comparison:
    sides = [_having(metric, side) for side in (baseline, candidate)]
    if len(sides[0]) < len(baseline) or len(sides[1]) < len(candidate):
        missing = "baseline" if len(sides[0]) < len(baseline) else "candidate"
        return _invalid(metric, f"{metric.scenario} {metric.step} is missing on the {missing}'s side")
    if metric.q is None:
        return _compare_errors(metric, sides[0], sides[1], alpha)
    rows = [[samples.response_ms(metric.step) for samples in side] for side in sides]
    kept = [(a, b) for a, b in zip(*rows, strict=True) if min(len(a), len(b)) >= FEWEST]
    if not kept:
        return _invalid(metric, f"no pair has {FEWEST} ok samples on both sides")
    a, b = [pair[0] for pair in kept], [pair[1] for pair in kept]
    delta = margins.deltas.get(metric.q) or WATCHED[metric.q]
    change = gate_blocks(
        a, b, q=metric.q, delta=delta, alpha=alpha, floor_ms=margins.floor_of(metric.scenario)
    )
    found = _of_change(metric, change, _quantiles(a, metric.q), _quantiles(b, metric.q))
    short = len(rows[0]) - len(kept)
    left_out = f"; {short} pairs left out: under {FEWEST} ok samples" if short else ""
    gated = metric.q in margins.deltas
    return replace(
        found,
        gated=gated,
        why=found.why + left_out + ("" if gated else " (watched: only a proved slowdown counts)"),
    )


def _of_change(metric: Metric, change: Change, a: NDArray[np.float64], b: NDArray[np.float64]) -> Comparison:
    return Comparison(
        metric=metric,
        state=change.state,
        change=change.ratio - 1,
        low=change.low - 1,
        high=change.high - 1,
        margin=change.margin - 1,
        p_fail=change.p_fail,
        pairs=change.pairs,
        slower=int((b[: change.pairs] > a[: change.pairs]).sum()),
        baseline=float(np.median(a)),
        candidate=float(np.median(b)),
        gated=True,
        why=change.why,
    )


def _compare_errors(
    metric: Metric, baseline: Sequence[Samples], candidate: Sequence[Samples], alpha: float
) -> Comparison:
    """Compare shares of errors: the same looks and bounds, on differences in points instead of log-ratios.

    Ties at 0 count against the candidate being worse: the exact signed-rank bound stays valid, on the safe side.
    """
    a, b = (np.array([error_rate(samples) for samples in side]) for side in (baseline, candidate))
    d = b - a
    looks = looks_at(len(d))
    found = [_decide_errors(d[:n], alpha) for n in looks]
    at = next((i for i, (state, *_) in enumerate(found) if state is not State.INCONCLUSIVE), len(found) - 1)
    state, estimate, low, high = found[at]
    n = looks[at]
    words = {State.FAIL: "worse", State.PASS: f"not worse by {ERROR_MARGIN:.1%} of all requests"}
    why = f"{n} pairs, {estimate:+.2%} of all requests: {words.get(state, 'undecided')}"
    return Comparison(
        metric, state, estimate, low, high, ERROR_MARGIN,
        min(p_slower(d[:look]) for look in looks), n, int((d[:n] > 0).sum()),
        float(a.mean()), float(b.mean()), gated=True, why=why,
    )  # fmt: skip


def _decide_errors(d: NDArray[np.float64], alpha: float) -> tuple[State, float, float, float]:
    estimate, low, high = hodges_lehmann(d, alpha / SHARES)
    if low > 0 and estimate >= ERROR_MARGIN / 2:
        return State.FAIL, estimate, low, high
    return (State.PASS if high < ERROR_MARGIN else State.INCONCLUSIVE), estimate, low, high


def error_rate(samples: Samples) -> float:
    """Errors over ok and failed samples; clean conflicts are counted apart."""
    errors, ok = (int(np.count_nonzero(samples.outcome == outcome)) for outcome in (ERROR, OK))
    return errors / (errors + ok) if errors + ok else 0.0


def _having(metric: Metric, blocks: Sequence[Block]) -> list[Samples]:
    found = [block[metric.scenario] for block in blocks if metric.scenario in block]
    return [samples for samples in found if not metric.step or metric.step in samples.steps]


def _quantiles(blocks: Sequence[NDArray[np.float64]], q: float) -> NDArray[np.float64]:
    return np.array([inverted_cdf(block, q) for block in blocks])


def _invalid(metric: Metric, why: str) -> Comparison:
    nan = math.nan
    return Comparison(metric, State.INVALID, nan, nan, nan, nan, 1.0, 0, 0, nan, nan, gated=True, why=why)


def _demoted(found: Comparison, family: int) -> Comparison:
    why = f"{found.why}; but one of {family} metrics looks as bad by chance (p = {found.p_fail:.2g}): more pairs"
    return replace(found, state=State.INCONCLUSIVE, why=why)
