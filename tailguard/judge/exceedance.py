"""From samples to what is judged: an objective's 0/1 stream in time order, and the latencies behind it."""

import numpy as np
from numpy.typing import NDArray

from tailguard.record.objective import Objective
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


def latencies_ms(samples: Samples, objective: Objective) -> NDArray[np.float64]:
    """Return, in the same order, the response times that are judged by the objective."""
    counted = samples.ok(objective.step)
    response_ms = (samples.ended_ns[counted] - samples.intended_ns[counted]) / 1e6
    in_order: NDArray[np.float64] = response_ms[np.argsort(samples.intended_ns[counted], kind="stable")]
    return in_order


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
