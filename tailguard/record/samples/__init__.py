"""Samples: what was measured, as columns of equal length."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.record.samples.values import NO_VALUES, PER_UNIT, Values

if TYPE_CHECKING:
    import pandas as pd

    from tailguard.record.scenario import Outcome

OUTCOMES: "tuple[Outcome, ...]" = ("ok", "conflict", "error")
OK, CONFLICT, ERROR = range(3)
VALUE = 3  # of a row that is not a sample: a recorded number

# A sample's code is one positive 32-bit integer: step in bits 0-7, outcome in 8-9, retries in 10-17, error kind in the
# rest.
# The code of an undisturbed ok sample is thus its step's number.
_OUTCOME_SHIFT, _RETRIES_SHIFT, _ERROR_SHIFT = 8, 10, 18
MOST_STEPS = 1 << 8
_AT_ONCE = 1 << 17  # samples: a processor's cache holds their times
MOST_RETRIES = (1 << 8) - 1
MOST_ERRORS = 1 << 13


def pack_code(step: int, outcome: int = OK, retries: int = 0, error: int = 0) -> int:
    """Pack what a sample is besides its times; retries beyond 255 are kept as 255."""
    return (
        step
        | outcome << _OUTCOME_SHIFT
        | min(retries, MOST_RETRIES) << _RETRIES_SHIFT
        | error << _ERROR_SHIFT
    )


def amend_code(code: int, outcome: int, error: int) -> int:
    """Return the code of the same step and retries with another outcome and error; one of an error stays."""
    if code >> _OUTCOME_SHIFT & 0b11 == ERROR:
        return code
    return pack_code(code & (MOST_STEPS - 1), outcome, code >> _RETRIES_SHIFT & MOST_RETRIES, error)


def unpack_codes(code: NDArray[np.integer[Any]]) -> dict[str, NDArray[Any]]:
    """Return the columns step, outcome, error and retries of packed codes."""
    return {
        "step": (code & (MOST_STEPS - 1)).astype(np.uint8),
        "outcome": (code >> _OUTCOME_SHIFT & 0b11).astype(np.uint8),
        "error": (code >> _ERROR_SHIFT).astype(np.int32),
        "retries": (code >> _RETRIES_SHIFT & MOST_RETRIES).astype(np.int32),
    }


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Samples of one scenario, in order of their intended start.

    Attributes:
        scenario: slug of the scenario.
        steps: names of the steps; `step` holds indices into it.
        errors: kinds of failure and refusal; `error` holds indices into it, and `errors[0]` is "", for none.
        intended_ns, started_ns, ended_ns: int64, instants of the monotonic clock.
        step, outcome: uint8; outcome is an index into `OUTCOMES`.
        error, retries: int32.
        recorded: numbers that the journey recorded beside its steps.
    """

    scenario: str
    steps: tuple[str, ...]
    errors: tuple[str, ...]
    intended_ns: NDArray[np.int64]
    started_ns: NDArray[np.int64]
    ended_ns: NDArray[np.int64]
    step: NDArray[np.uint8]
    outcome: NDArray[np.uint8]
    error: NDArray[np.int32]
    retries: NDArray[np.int32]
    recorded: Values = NO_VALUES

    def __len__(self) -> int:
        """Return the number of samples of all steps and outcomes."""
        return len(self.intended_ns)

    def response_ms(self, step: str) -> NDArray[np.float64]:
        """Times from the intended start to the end of the ok samples of `step`, in ms."""
        return self._times_ms(self.intended_ns, step)

    def service_ms(self, step: str) -> NDArray[np.float64]:
        """Times from the actual start to the end of the ok samples of `step`, in ms."""
        return self._times_ms(self.started_ns, step)

    def _times_ms(self, since_ns: NDArray[np.int64], step: str) -> NDArray[np.float64]:
        """Subtract piece by piece: of millions of samples, no column is copied whole."""
        ok, filled = self.ok(step), 0
        times = np.empty(np.count_nonzero(ok))
        for at in range(0, len(self), _AT_ONCE):
            rows = slice(at, at + _AT_ONCE)
            found = (self.ended_ns[rows] - since_ns[rows])[ok[rows]]
            np.divide(found, 1e6, out=times[filled : filled + len(found)])
            filled += len(found)
        return times

    def ok(self, step: str) -> NDArray[np.bool_]:
        """Mask of the ok samples of `step`."""
        mask: NDArray[np.bool_] = (self.step == self.step_index(step)) & (self.outcome == OK)
        return mask

    def in_order(self) -> "Samples":
        """Return them in order of their intended start; a file that somebody else wrote may hold another order."""
        if (self.intended_ns[1:] >= self.intended_ns[:-1]).all():
            return self
        return self.rows(np.argsort(self.intended_ns, kind="stable"))

    def rows(self, at: NDArray[np.intp]) -> "Samples":
        """Return the samples at these places, in this order."""
        columns = ("intended_ns", "started_ns", "ended_ns", "step", "outcome", "error", "retries")
        return replace(self, **{name: getattr(self, name)[at] for name in columns})

    def step_index(self, step: str) -> int:
        """Number of `step`.

        Raises:
            UsageError: the scenario has no such step.
        """
        if step not in self.steps:
            raise UsageError(
                f"scenario {self.scenario!r} has no step {step!r}; it has {', '.join(self.steps)}"
            )
        return self.steps.index(step)

    def frame(self) -> "pd.DataFrame":
        """The samples as a table, names instead of numbers: what `samples.parquet` holds."""
        import pandas as pd  # noqa: PLC0415 - half a second that measuring need not wait for

        return pd.DataFrame(
            {
                "scenario": _named(np.zeros(len(self), np.uint8), (self.scenario,)),
                "step": _named(self.step, self.steps),
                "intended_ns": self.intended_ns,
                "started_ns": self.started_ns,
                "ended_ns": self.ended_ns,
                "outcome": _named(self.outcome, OUTCOMES),
                "error": _named(self.error, self.errors),
                "retries": self.retries,
            }
        )


def _named(numbers: NDArray[np.integer[Any]], names: tuple[str, ...]) -> "pd.Categorical[str]":
    import pandas as pd  # noqa: PLC0415 - likewise

    return pd.Categorical.from_codes(numbers, pd.Index(names))


def with_values(samples: Samples) -> Samples:
    """Return the samples with each recorded number as one more row; see `values_apart`."""
    recorded = samples.recorded
    if not recorded.names:
        return samples
    count = len(recorded.value)
    none = np.zeros(count, np.int32)
    ended_ns = recorded.at_ns + np.round(recorded.value * PER_UNIT).astype(np.int64)
    more = {
        "intended_ns": recorded.at_ns,
        "started_ns": recorded.at_ns,
        "ended_ns": ended_ns,
        "step": recorded.name + np.uint8(len(samples.steps)),
        "outcome": np.full(count, VALUE, np.uint8),
        "error": none,
        "retries": none,
    }
    columns = {name: np.concatenate([getattr(samples, name), column]) for name, column in more.items()}
    steps = (*samples.steps, *recorded.names)
    return Samples(
        scenario=samples.scenario, steps=steps, errors=samples.errors, recorded=NO_VALUES, **columns
    )


def values_apart(samples: Samples, metrics: Sequence[str]) -> Samples:
    """Return the samples without the rows of recorded numbers, which are kept apart.

    The last of `samples.steps` are the `metrics`. Raises ValueError if they are not, or one is a step, too.
    """
    steps = samples.steps[: len(samples.steps) - len(metrics)]
    if not metrics:
        return samples
    if samples.steps[len(steps) :] != tuple(metrics) or {*steps} & {*metrics}:
        raise ValueError(f"scenario {samples.scenario!r} has a metric that is a step, or that is named twice")
    is_value = samples.outcome == VALUE
    if ((samples.step >= len(steps)) != is_value).any():
        raise ValueError(f"scenario {samples.scenario!r} has a sample of a metric, or a value of a step")
    at_ns, ended_ns = samples.started_ns[is_value], samples.ended_ns[is_value]
    order = np.argsort(at_ns, kind="stable")
    recorded = Values(
        tuple(metrics),
        (samples.step[is_value] - np.uint8(len(steps)))[order],
        at_ns[order],
        ((ended_ns - at_ns) / PER_UNIT)[order],
    )
    names = ("intended_ns", "started_ns", "ended_ns", "step", "outcome", "error", "retries")
    kept = {name: getattr(samples, name)[~is_value] for name in names}
    return Samples(scenario=samples.scenario, steps=steps, errors=samples.errors, recorded=recorded, **kept)


def samples_from_rows(
    scenario: str,
    steps: tuple[str, ...],
    errors: tuple[str, ...],
    rows: NDArray[np.int64],
) -> Samples:
    """Unpack recorded rows (n, 4) of intended, started, ended and code; order them by intended start."""
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    intended_ns, started_ns, ended_ns, code = np.ascontiguousarray(rows.T)
    return Samples(
        scenario=scenario,
        steps=steps,
        errors=errors,
        intended_ns=intended_ns,
        started_ns=started_ns,
        ended_ns=ended_ns,
        recorded=NO_VALUES,
        **unpack_codes(code),
    )
