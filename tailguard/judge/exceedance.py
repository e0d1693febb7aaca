"""From samples to what is judged: the 0/1 stream of an objective in time order, and what was observed of it."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainccinv, betaincinv

from tailguard.engine.quantiles import LEVEL, estimate
from tailguard.record.objective import Objective
from tailguard.record.part import Estimate
from tailguard.record.samples import CONFLICT, ERROR, Samples
from tailguard.record.samples.refusals import refused


def exceedances(samples: Samples, objective: Objective) -> NDArray[np.bool_]:
    """Return, in order of intended starts, which samples exceed the objective's limit.

    Latency: ok samples of the step, response time from the intended start. Error rate: errors among ok and failed
    samples of all steps. Retry rate: retried ones among ok and failed samples of the step. Refusal rate: clean,
    expected refusals among all samples; they are in none of the others.
    """
    counted = _population(samples, objective)
    order = np.argsort(samples.intended_ns[counted], kind="stable")
    stream: NDArray[np.bool_] = _exceeds(samples, objective)[counted][order]
    return stream


def observed_quantile(samples: Samples, objective: Objective) -> Estimate | None:
    """Return the objective's quantile with its interval in ms; None if the samples are too few to have it."""
    assert objective.q is not None
    found = estimate(samples.response_ms(objective.step), objective.q)
    if found.value is None:
        return None
    return Estimate(value=found.value, low=found.low, high=found.high, level=found.level, n=found.n)


def observed_ratio(samples: Samples, objective: Objective) -> Estimate | None:
    """Return the objective's rate with its interval (Clopper & Pearson 1934); None without samples."""
    stream = exceedances(samples, objective)
    return ratio_of(int(stream.sum()), len(stream))


def ratio_of(k: int, n: int) -> Estimate | None:
    """Return the share k of n with its interval (Clopper & Pearson 1934); None of nothing."""
    if n == 0:
        return None
    tail = (1 - LEVEL) / 2
    low = float(betaincinv(k, n - k + 1, tail)) if k else 0.0
    high = float(betainccinv(k + 1, n - k, tail)) if k < n else 1.0
    return Estimate(value=k / n, low=low, high=high, level=LEVEL, n=n)


def _population(samples: Samples, objective: Objective) -> NDArray[np.bool_]:
    if objective.metric == "latency":
        return samples.ok(objective.step)
    counted: NDArray[np.bool_] = (samples.outcome != CONFLICT) | (objective.metric == "refusal_rate")
    return counted & (samples.step == samples.step_index(objective.step)) if objective.step else counted


def _exceeds(samples: Samples, objective: Objective) -> NDArray[np.bool_]:
    exceeds: NDArray[np.bool_]
    if objective.metric == "error_rate":
        exceeds = samples.outcome == ERROR
    elif objective.metric == "refusal_rate":
        exceeds = refused(samples, objective.refusal)
    elif objective.metric == "retry_rate":
        exceeds = samples.retries > 0
    else:
        assert objective.limit_ms is not None
        response_ms = (samples.ended_ns - samples.intended_ns) / 1e6
        exceeds = response_ms >= objective.limit_ms if objective.strict else response_ms > objective.limit_ms
    return exceeds
