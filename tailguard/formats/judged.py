"""A file of another tool against objectives: failures apart, names apart, with notes on what the file cannot tell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np

from tailguard.base.errors import UsageError
from tailguard.base.state import State
from tailguard.base.text_format import per_cent
from tailguard.config.option import did_you_mean
from tailguard.formats.checked import Counted, Latencies, Population
from tailguard.judge.decision import Decision, judge_counts, judge_finished
from tailguard.judge.interval import observed_latency, observed_rate, tests_of
from tailguard.judge.multiplicity import correct_fails
from tailguard.record.objective import Dependence, Objective
from tailguard.record.part import Estimate

# All names together, if that is what is wanted.
EVERY: Final = "*"
# From this share of failures on, no latency passes unless an objective says how many may fail.
UNSTATED_FAILURES = 0.05
# Names shown of a file that has many.
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """One objective of a file: the decision, what was observed, and of how many requests."""

    objective: Objective
    decision: Decision
    observed: Estimate | None
    requests: int
    failures: int | None


@dataclass(frozen=True, slots=True)
class Assumed:
    """What the user says of the samples."""

    alpha: float
    dependence: Dependence


def judge_file(
    found: Latencies | Counted, objectives: Sequence[Objective], assumed: Assumed, name: str = ""
) -> list[FileVerdict]:
    """Judge a file by objectives; those without a name of their own are of `name`.

    Raises UsageError with the table of names if several may be meant, or if the file cannot tell what is asked.
    """
    of_name = [_of(item, name) for item in objectives]
    judge: Callable[[Objective], FileVerdict]
    if isinstance(found, Counted):
        counted = found
        judge = lambda item: _of_histogram(counted, item, assumed)  # noqa: E731  # one of two, by what the file is
    else:
        samples = found
        judge = lambda item: _of_samples(samples, item, assumed)  # noqa: E731
    alone = [judge(item) for item in of_name]
    stand = correct_fails([each.decision for each in alone])
    return [
        replace(each, decision=_in_spite_of_failures(each, decision, of_name))
        for each, decision in zip(alone, stand, strict=True)
    ]


def names_table(found: Latencies) -> str:
    """Return the names of a file with their samples and failures, the most frequent first."""
    assert found.names is not None
    requests = np.bincount(found.names.codes, minlength=len(found.labels))
    failed = found.failed if found.failed is not None else np.zeros(len(found.values_ms), bool)
    failures = np.bincount(found.names.codes[failed], minlength=len(found.labels))
    order = np.argsort(-requests, kind="stable")[:_SHOWN]
    lines = [f"  {requests[i]:>12,}  {failures[i]:>10,}  {found.labels[i]}" for i in order.tolist()]
    more = len(found.labels) - len(lines)
    head = f"  {'requests':>12}  {'failed':>10}  name"
    return "\n".join([head, *lines, *([f"  and {more:,} more names"] if more else [])])


def _of(objective: Objective, name: str) -> Objective:
    if objective.step or not name:
        return objective
    return msgspec.structs.replace(objective, step=name, name=f"{name} {objective.name}")


def _of_samples(found: Latencies, objective: Objective, assumed: Assumed) -> FileVerdict:
    population = found.of(_label(found, objective))
    if objective.metric == "latency":
        decision = _latency(found, population, objective, assumed)
        observed = observed_latency(population.ok_ms, objective, decision)
    else:
        decision = _errors(found, population, objective, assumed)
        assert population.failed is not None
        observed = observed_rate(population.requests, population.failures, objective, decision)
    failures = None if population.failed is None else population.failures
    return FileVerdict(objective, decision, observed, population.requests, failures)


def _label(found: Latencies, objective: Objective) -> str | None:
    """Return the name that is judged; None for all requests of the file."""
    name, labels = objective.step, found.labels
    if name == EVERY or (not name and (len(labels) <= 1 or objective.metric == "error_rate")):
        return None
    if not labels:
        raise UsageError(f"it does not name its requests: leave {name!r} out")
    if not name:
        raise UsageError(
            f"it has {len(labels):,} names, which are not judged together: write '{labels[0]} {objective.name}',"
            f" or --name NAME, or --name '{EVERY}' for all together. It holds\n{names_table(found)}"
        )
    if name not in labels:
        raise UsageError(
            f"it has no requests named {name!r}.{did_you_mean(name, labels)} It holds\n{names_table(found)}"
        )
    return name


def _latency(found: Latencies, population: Population, objective: Objective, assumed: Assumed) -> Decision:
    if not len(population.ok_ms):
        why = f"every request failed ({population.requests:,}): there is no latency to judge"
        return Decision(State.INVALID, 0, 0, why, dependence=assumed.dependence, alpha=assumed.alpha)
    limit_ms = objective.limit
    ok_ms = population.ok_ms
    exceed = ok_ms >= limit_ms if objective.strict else ok_ms > limit_ms
    if not found.ordered:
        decision = _fixed(len(exceed), int(exceed.sum()), objective, assumed)
    else:
        decision = judge_finished(exceed, objective.p0, assumed.alpha, assumed.dependence)
    return _told(decision, found, population)


def _errors(found: Latencies, population: Population, objective: Objective, assumed: Assumed) -> Decision:
    if objective.metric != "error_rate":
        raise UsageError(f"{objective.name}: files of other tools do not tell retries; judge error rates")
    if population.failed is None:
        raise UsageError(f"it does not say which requests failed: {objective.name} cannot be judged")
    decision = judge_finished(population.failed, objective.p0, assumed.alpha, assumed.dependence)
    return _told(decision, found, None)


def _fixed(n: int, k: int, objective: Objective, assumed: Assumed) -> Decision:
    """Judge counts whose order is lost: only independent samples can be."""
    decision = judge_counts(n, k, p0=objective.p0, alpha=assumed.alpha)
    return decision if assumed.dependence == "independent" else _undecided(decision)


def _undecided(decision: Decision) -> Decision:
    why = (
        f"{decision.why} if the samples are independent; the order in time is lost, so bursts cannot be seen: say"
        " --dependence independent if there are none"
    )
    return replace(decision, state=State.INCONCLUSIVE, why=why, dependence="bursty", p_fail=1.0)


def _told(decision: Decision, found: Latencies, population: Population | None) -> Decision:
    """Say what else there is beside the samples that decide."""
    more = []
    if population is not None and population.failures:
        more.append(
            f"{population.failures:,} of {population.requests:,} requests failed and are not among them"
        )
    if found.skipped:
        more.append(f"bad rows left out: {found.skipped:,}")
    return replace(decision, why="; ".join([decision.why, *more]))


def _of_histogram(found: Counted, objective: Objective, assumed: Assumed) -> FileVerdict:
    if objective.step not in ("", EVERY):
        raise UsageError(f"a histogram does not name its requests: leave {objective.step!r} out")
    n = int(found.counts[-1])
    within, beside = found.failed_within or 0, found.failed_beside
    known = found.failed_within is not None
    requests, failures = n + beside, within + beside
    if objective.metric != "latency":
        if not known:
            raise UsageError(f"it does not say which requests failed: {objective.name} cannot be judged")
        decision = _fixed(requests, failures, objective, assumed)
        observed = observed_rate(requests, failures, objective, decision)
        return FileVerdict(objective, decision, observed, requests, failures)
    decision = _both(found, objective, assumed, n - within)
    return FileVerdict(
        objective,
        decision,
        _histogram_quantile(found, objective, decision),
        requests,
        failures if known else None,
    )


def _both(found: Counted, objective: Objective, assumed: Assumed, ok: int) -> Decision:
    """Judge at the fewest and at the most that may exceed: a bucket has the limit in it, a failure any latency."""
    if ok <= 0:
        return Decision(State.INVALID, 0, 0, "every request failed: there is no latency to judge")
    fewest, most = _exceeding(found, objective)
    failed = int(found.counts[-1]) - ok
    low = _fixed(ok, max(0, fewest - failed), objective, assumed)
    high = _fixed(ok, min(most, ok), objective, assumed)
    between = f"between {low.exceedances:,} and {high.exceedances:,} of {ok:,} exceed"
    if low.state is high.state:
        return replace(
            high, why=high.why if low.exceedances == high.exceedances else f"{between}; {high.why}"
        )
    why = f"{between}, as the limit lies within a bucket or failures may be on either side of it: use samples"
    return replace(high, state=State.INCONCLUSIVE, why=why, p_fail=1.0)


def _exceeding(found: Counted, objective: Objective) -> tuple[int, int]:
    """Return the fewest and the most values that may lie beyond the limit."""
    n, limit = int(found.counts[-1]), objective.limit
    within = found.values_ms * (1 + found.error)
    surely_within = within < limit if objective.strict else within <= limit
    beyond = found.values_ms * (1 - found.error)
    surely_beyond = beyond >= limit if objective.strict else beyond > limit
    at_least = int(found.counts[surely_within][-1]) if surely_within.any() else 0
    at_most = n
    if surely_beyond.any():
        first = int(surely_beyond.argmax())
        before = int(found.counts[first - 1]) if first else 0
        # Of what a row adds where rows are left out, one value alone is surely its own.
        at_most = before if found.complete else int(found.counts[first]) - 1
    return n - max(at_least, at_most), n - at_least


def _histogram_quantile(found: Counted, objective: Objective, decision: Decision) -> Estimate:
    """Return the quantile; its bounds are those of the bucket that they lie in, for failures on either side."""
    assert objective.q is not None
    n, low, high = int(found.counts[-1]), None, None
    for test, k in tests_of(decision):
        most, fewest = test.most_passing(k, objective.p0), test.fewest_failing(k, objective.p0)
        high = None if most is None else _value_at(found, n - most) * (1 + found.error)
        # Failures may be the slowest: the fewest that surely exceed lie below them.
        low = None if fewest is None else _value_at(found, test.n - fewest + 1) * (1 - found.error)
    return Estimate(
        value=_value_at(found, max(1, int(np.ceil(round(objective.q * n, 9))))),
        low=low,
        high=high,
        level=round(1 - 2 * decision.alpha, 12),
        n=n,
    )


def _value_at(found: Counted, rank: int) -> float:
    return float(found.values_ms[int(np.searchsorted(found.counts, rank))])


def _in_spite_of_failures(each: FileVerdict, decision: Decision, objectives: Sequence[Objective]) -> Decision:
    """Let no latency pass beside failures that no objective limits."""
    share = (each.failures or 0) / max(each.requests, 1)
    stated = any(
        item.metric == "error_rate" and item.step in ("", EVERY, each.objective.step) for item in objectives
    )
    forgiven = stated or share < UNSTATED_FAILURES or each.objective.metric != "latency"
    if forgiven or decision.state not in (State.PASS, State.INCONCLUSIVE):
        return decision
    why = (
        f"{per_cent(share)} % of the requests failed and no objective says how many may: add --objective"
        f" 'error rate < 1%' (the latencies alone would say {decision.state}: {decision.why})"
    )
    return replace(decision, state=State.INVALID, why=why)
