"""From samples to what is judged: an objective's 0/1 stream in time order, and the latencies behind it."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tailguard.record.objective import RECORDED, Objective
from tailguard.record.samples import CONFLICT, ERROR, Samples
from tailguard.record.samples.refusals import refused

Value = TypeVar("Value", np.bool_, np.float64)


def exceedances(samples: Samples, objective: Objective) -> NDArray[np.bool_]:
    """Return, in order of intended starts, which samples exceed the objective's limit.

    Latency: ok samples of the step, response time from the intended start. Error rate: errors among ok and failed
    samples of all steps. Retry rate: retried ones among ok and failed samples of the step. Refusal rate: clean,
    expected refusals among all samples; they are in none of the others. Recorded metrics: their values in order of
    time, of a rate those that are not as they should be.
    """
    if objective.metric in RECORDED:
        return _recorded(samples.recorded.of(objective.step), objective)
    if objective.metric == "latency":
        latencies = latencies_ms(samples, objective)
        return latencies >= objective.limit if objective.strict else latencies > objective.limit
    counted = _population(samples, objective)
    return _in_order(samples, counted, _exceeds(samples, objective)[counted])


def is_met(samples: Samples, objective: Objective) -> bool:
    """Whether the step, or the recorded metric, of an objective was met at all."""
    if objective.metric in RECORDED:
        return objective.step in samples.recorded.names
    return not objective.step or objective.step in samples.steps


def _recorded(values: NDArray[np.float64], objective: Objective) -> NDArray[np.bool_]:
    if objective.metric == "rate":
        wrong: NDArray[np.bool_] = values == 0 if objective.min_ratio is not None else values != 0
        return wrong
    return values >= objective.limit if objective.strict else values > objective.limit


def latencies_ms(samples: Samples, objective: Objective) -> NDArray[np.float64]:
    """Return, in the same order, the response times that are judged by the objective."""
    return _in_order(samples, samples.ok(objective.step), samples.response_ms(objective.step))


def _in_order(samples: Samples, counted: NDArray[np.bool_], values: NDArray[Value]) -> NDArray[Value]:
    """Return values of some of the samples in order of their intended starts; so they are kept, and mostly come."""
    if (samples.intended_ns[1:] >= samples.intended_ns[:-1]).all():
        return values
    return values[np.argsort(samples.intended_ns[counted], kind="stable")]


def _population(samples: Samples, objective: Objective) -> NDArray[np.bool_]:
    counted: NDArray[np.bool_] = (samples.outcome != CONFLICT) | (objective.metric == "refusal_rate")
    return counted & (samples.step == samples.step_index(objective.step)) if objective.step else counted


def _exceeds(samples: Samples, objective: Objective) -> NDArray[np.bool_]:
    match objective.metric:
        case "error_rate":
            failed: NDArray[np.bool_] = samples.outcome == ERROR
            return failed
        case "refusal_rate":
            return refused(samples, objective.refusal)
        case _:
            retried: NDArray[np.bool_] = samples.retries > 0
            return retried
