"""Two sides over all metrics: which became slower, with the chance of one false alarm in all of them held."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from tailguard.base.state import State
from tailguard.base.text_format import ratio, signed_percent
from tailguard.compare.gate import (
    SHARES,
    Change,
    fewest_pairs,
    gate_blocks,
    hodges_lehmann,
    inverted_cdf,
    looks_at,
    p_slower,
)
from tailguard.compare.gate_sentences import metric_name
from tailguard.compare.pairs import FEWEST, Block, failure_rate
from tailguard.judge.multiplicity import holm
from tailguard.record.objective import Margins
from tailguard.record.part import finite
from tailguard.record.samples import Samples
from tailguard.record.verdict import ChangeRule, ChangeVerdict

# Of one side, the latencies in ms of each block.
Latencies: TypeAlias = Sequence[NDArray[np.float64]]
ALPHA = 0.01
# More errors and refusals than this, in points of all requests, is a regression: what the platform's own CI allowed.
ERROR_MARGIN = 0.005
# p99 is watched: a proven slowdown fails, but nothing waits for a proof that there is none, as 40 pairs of 400
# samples give that hardly ever.
WATCHED = {0.99: 0.20}
WATCHED_WHY = " (watched: only a proven slowdown counts)"
RULE: Final = "signed-rank bound on paired blocks"


@dataclass(frozen=True, slots=True)
class ComparedMetric:
    """What is compared: a quantile of a step's latency, or (q is None) a scenario's share of errors and refusals."""

    scenario: str
    step: str
    q: float | None

    @property
    def title(self) -> str:
        """Such as `registration p95 of register`."""
        return f"{self.scenario} {metric_name(self.step, self.q)}"

    @property
    def verdict_name(self) -> str:
        return f"{self.title} against the baseline"

    def invalid(self, rule: ChangeRule, why: str) -> ChangeVerdict:
        """Return the verdict of a metric that cannot be compared."""
        return ChangeVerdict(
            name=self.verdict_name,
            state=State.INVALID,
            scenario=self.scenario,
            step=self.step,
            q=self.q,
            change=None,
            low=None,
            high=None,
            margin=None,
            alpha=ALPHA,
            p_fail=1.0,
            pairs=0,
            slower=0,
            baseline=None,
            candidate=None,
            gated=True,
            rule=rule,
            why=why,
        )


def compare_blocks(
    baseline: Sequence[Block], candidate: Sequence[Block], margins: Margins
) -> list[ChangeVerdict]:
    """Compare all metrics of all scenarios; block j of both sides was measured side by side.

    A FAIL stands only if Holm's step-down over all metrics grants it, so that the chance of any false alarm
    in the whole duet is `ALPHA`; a PASS keeps its own.
    """
    metrics = _metrics(baseline, candidate, margins)
    found = [_compare(metric, baseline, candidate, margins) for metric in metrics]
    return [of_few(each, len(baseline), len(found)) for each in guarded(found)]


def guarded(found: Sequence[ChangeVerdict]) -> list[ChangeVerdict]:
    """Let each FAIL stand only if Holm grants it among all metrics; a watched one that stands is gated then.

    A rule without a p, as that of failure rates of runs, is granted always.
    """
    stands = holm([each.p_fail or 0.0 for each in found], ALPHA)
    return [
        each
        if each.state is not State.FAIL
        else replace(each, gated=True)
        if stood
        else _demoted(each, len(found))
        for each, stood in zip(found, stands, strict=True)
    ]


def of_few(found: ChangeVerdict, pairs: int, metrics: int) -> ChangeVerdict:
    """Say of what is undecided that no slowdown, however large, could be found in so few pairs; if that is so."""
    fewest = fewest_pairs(metrics, ALPHA)
    if found.state is not State.INCONCLUSIVE or pairs >= fewest:
        return found
    few = f"{pairs} pairs among {metrics} metrics can never be a FAIL, which takes {fewest}: give it more minutes"
    return replace(found, why=f"{found.why}; {few}")


def decided(changes: Iterable[ChangeVerdict]) -> bool:
    """Tell whether more pairs cannot change the answer: a FAIL stands, or all are decided."""
    states = [each.state for each in changes if each.gated]
    return State.FAIL in states or State.INCONCLUSIVE not in states


def _metrics(baseline: Sequence[Block], candidate: Sequence[Block], margins: Margins) -> list[ComparedMetric]:
    """A scenario or step that only one side has is a metric, too: it will be INVALID, never skipped."""
    steps: dict[str, dict[str, None]] = {}
    for block in [*baseline, *candidate]:
        for slug, samples in block.items():
            steps.setdefault(slug, {}).update(dict.fromkeys(samples.steps))
    found = []
    for slug, names in steps.items():
        found += [ComparedMetric(slug, step, q) for step in names for q in compared_quantiles(margins)]
        found.append(ComparedMetric(slug, "", None))
    return found


def _compare(
    metric: ComparedMetric,
    baseline: Sequence[Block],
    candidate: Sequence[Block],
    margins: Margins,
) -> ChangeVerdict:
    sides = [having(metric, side) for side in (baseline, candidate)]
    if len(sides[0]) < len(baseline) or len(sides[1]) < len(candidate):
        missing = "baseline" if len(sides[0]) < len(baseline) else "candidate"
        return metric.invalid(RULE, f"{metric.scenario} {metric.step} is missing on the {missing}'s side")
    return compare_pairs(metric, sides[0], sides[1], margins)


def compare_pairs(
    metric: ComparedMetric,
    baseline: Sequence[Samples],
    candidate: Sequence[Samples],
    margins: Margins,
    *,
    once: bool = False,
) -> ChangeVerdict:
    """Compare one metric, alone; the n-th samples of both sides are a pair. `once` as in `gate_blocks`."""
    if metric.q is None:
        a, b = (np.array([failure_rate(samples) for samples in side]) for side in (baseline, candidate))
        return compare_rates(metric, a, b, once=once)
    allowed, gated = allowed_change(margins, metric.q)
    floor_ms = margins.floor_of(metric.scenario)
    decide = partial(gate_blocks, q=metric.q, delta=allowed, alpha=ALPHA, floor_ms=floor_ms, once=once)
    return compare_latencies(metric, metric.q, (baseline, candidate), decide, gated=gated)


def compare_latencies(
    metric: ComparedMetric,
    q: float,
    sides: Sequence[Sequence[Samples]],
    decide: Callable[[Latencies, Latencies], Change],
    *,
    gated: bool,
) -> ChangeVerdict:
    """Let `decide` compare the latencies in ms of all pairs that have enough of them."""
    rows = [[samples.response_ms(metric.step) for samples in side] for side in sides]
    kept = [(a, b) for a, b in zip(*rows, strict=True) if min(len(a), len(b)) >= FEWEST]
    if not kept:
        return metric.invalid(RULE, f"no pair has {FEWEST} ok samples on both sides")
    a, b = [pair[0] for pair in kept], [pair[1] for pair in kept]
    change = decide(a, b)
    short = len(rows[0]) - len(kept)
    left_out = f"; {short} pairs left out: under {FEWEST} ok samples" if short else ""
    why = change.why + left_out + ("" if gated else WATCHED_WHY)
    return change_verdict(metric, change, _quantiles(a, q), _quantiles(b, q), gated=gated, why=why)


def allowed_change(margins: Margins, q: float) -> tuple[float, bool]:
    """Return how much slower the quantile may become, as a share, and whether it is gated or only watched."""
    gated = next((each.most for each in margins.quantiles if each.q == q), None)
    return (WATCHED[q], False) if gated is None else (gated, True)


def compared_quantiles(margins: Margins) -> list[float]:
    """Return the gated quantiles, then the watched ones that are not gated."""
    return list(dict.fromkeys([*(each.q for each in margins.quantiles if each.q is not None), *WATCHED]))


def share_of(ratio: float) -> float | None:
    """Return a bound of a ratio as a share; None if it bounds nothing."""
    return ratio - 1 if 0 < ratio < math.inf else None


def change_verdict(
    metric: ComparedMetric,
    change: Change,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    *,
    gated: bool,
    why: str,
) -> ChangeVerdict:
    """Return the verdict on a change; `a` and `b` are the quantiles of the pairs in ms, baseline first."""
    return ChangeVerdict(
        name=metric.verdict_name,
        state=change.state,
        scenario=metric.scenario,
        step=metric.step,
        q=metric.q,
        change=change.ratio - 1,
        low=share_of(change.low),
        high=share_of(change.high),
        margin=change.margin - 1,
        alpha=ALPHA,
        p_fail=change.p_fail,
        pairs=change.pairs,
        slower=int((b[: change.pairs] > a[: change.pairs]).sum()),
        baseline=float(np.median(a)),
        candidate=float(np.median(b)),
        gated=gated,
        rule=RULE,
        why=why,
    )


def compare_rates(
    metric: ComparedMetric, a: NDArray[np.float64], b: NDArray[np.float64], *, once: bool = False
) -> ChangeVerdict:
    """Compare the shares of failures in each pair, baseline first: on differences in points instead of log-ratios.

    Ties at 0 count against the candidate being worse: the exact signed-rank bound stays valid, on the safe side.
    """
    d = b - a
    looks = looks_at(len(d), once=once)
    found = [_decide_errors(d[:n]) for n in looks]
    at = next((i for i, (state, *_) in enumerate(found) if state is not State.INCONCLUSIVE), len(found) - 1)
    state, estimate, low, high = found[at]
    n = looks[at]
    words = {State.FAIL: "worse", State.PASS: f"not worse by {ratio(ERROR_MARGIN)} of all requests"}
    return ChangeVerdict(
        name=metric.verdict_name,
        state=state,
        scenario=metric.scenario,
        step="",
        q=None,
        change=estimate,
        low=finite(low),
        high=finite(high),
        margin=ERROR_MARGIN,
        alpha=ALPHA,
        p_fail=min(p_slower(d[:look]) for look in looks),
        pairs=n,
        slower=int((d[:n] > 0).sum()),
        baseline=float(a.mean()),
        candidate=float(b.mean()),
        gated=True,
        rule=RULE,
        why=f"{n} pairs, {signed_percent(estimate)} of all requests: {words.get(state, 'undecided')}",
    )


def _decide_errors(d: NDArray[np.float64]) -> tuple[State, float, float, float]:
    estimate, low, high = hodges_lehmann(d, ALPHA / SHARES)
    if low > 0 and estimate >= ERROR_MARGIN / 2:
        return State.FAIL, estimate, low, high
    return (State.PASS if high < ERROR_MARGIN else State.INCONCLUSIVE), estimate, low, high


def having(metric: ComparedMetric, blocks: Sequence[Block]) -> list[Samples]:
    """Return the samples of the blocks that have the metric's scenario and step."""
    found = [block[metric.scenario] for block in blocks if metric.scenario in block]
    return [samples for samples in found if not metric.step or metric.step in samples.steps]


def _quantiles(blocks: Sequence[NDArray[np.float64]], q: float) -> NDArray[np.float64]:
    return np.array([inverted_cdf(block, q) for block in blocks])


def _demoted(found: ChangeVerdict, metrics: int) -> ChangeVerdict:
    more = "more pairs" if found.rule == RULE else "more runs"
    corrected = f"not significant after correcting for {metrics} metrics (p = {found.p_fail:.2g})"
    return replace(found, state=State.INCONCLUSIVE, why=f"{found.why}, but {corrected}: use {more}")
