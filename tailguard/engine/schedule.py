"""Schedules: pure, seeded sources of intended starts. Waiting for them is the runner's job.

Every open schedule is one mechanism: arrivals of unit rate (evenly spaced, or with exponential gaps: a Poisson
process) put through the inverse of the cumulative rate R(t) = integral of the rate from 0 to t, in starts.
Source of the time change: Lewis and Shedler, Simulation of nonhomogeneous Poisson processes (1979).
"""

import hashlib
from dataclasses import dataclass, field
from math import ceil, isfinite
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.engine.think import Think
from tailguard.record import scenario as record

Offsets = NDArray[np.int64]

# A schedule is held in memory: 8 bytes a start here and as much again in the runner.
MOST_STARTS = 20_000_000


class Schedule(Protocol):
    """A source of intended starts."""

    kind: ClassVar[str]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        ...

    def starts_ns(self) -> Offsets:
        """Ascending offsets from the beginning, in ns; empty if the schedule is closed."""
        ...

    def describe(self, workers: int) -> record.Schedule:
        """Return the schedule as the run's record has it, played by `workers` workers."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """Starts spaced evenly, the first one at 0."""

    rate_per_s: float
    duration_s: float
    kind: ClassVar[str] = "constant"

    def __post_init__(self) -> None:
        _check_positive(self.kind, rate_per_s=self.rate_per_s, duration_s=self.duration_s)
        _check_size(self.kind, self.rate_per_s * self.duration_s)

    def starts_ns(self) -> Offsets:
        """Offsets i / rate below the duration, in ns."""
        return _to_ns(_unit_arrivals(self.rate_per_s * self.duration_s, None) / self.rate_per_s)

    def describe(self, workers: int) -> record.ConstantSchedule:
        """The rate."""
        return record.ConstantSchedule(rate_per_s=self.rate_per_s, workers=workers)


@dataclass(frozen=True, slots=True)
class Poisson:
    """Starts of users who do not know of each other: gaps are exponential with mean 1 / rate.

    A longer duration with the same seed begins with the same starts.
    """

    rate_per_s: float
    duration_s: float
    seed: int = 1
    kind: ClassVar[str] = "poisson"

    def __post_init__(self) -> None:
        _check_positive(self.kind, rate_per_s=self.rate_per_s, duration_s=self.duration_s)
        _check_size(self.kind, self.rate_per_s * self.duration_s)
        _check_seed(self.kind, self.seed)

    def starts_ns(self) -> Offsets:
        """Offsets of a Poisson process on [0, duration), in ns."""
        return _to_ns(_unit_arrivals(self.rate_per_s * self.duration_s, self.seed) / self.rate_per_s)

    def describe(self, workers: int) -> record.PoissonSchedule:
        """Rate and seed."""
        return record.PoissonSchedule(rate_per_s=self.rate_per_s, seed=self.seed, workers=workers)


@dataclass(frozen=True, slots=True)
class Ramp:
    """A rate that changes linearly from one value to another; evenly spaced, or Poisson if a seed is given."""

    from_per_s: float
    to_per_s: float
    duration_s: float
    seed: int | None = None
    kind: ClassVar[str] = "ramp"

    def __post_init__(self) -> None:
        _check_positive(self.kind, duration_s=self.duration_s, sum_of_rates=self.from_per_s + self.to_per_s)
        _check_not_negative(self.kind, from_per_s=self.from_per_s, to_per_s=self.to_per_s)
        _check_size(self.kind, self.rate_per_s * self.duration_s)
        _check_seed(self.kind, self.seed)

    @property
    def rate_per_s(self) -> float:
        """Mean rate over the duration."""
        return (self.from_per_s + self.to_per_s) / 2

    def starts_ns(self) -> Offsets:
        """Offsets in ns.

        R(t) = a t + s t^2 / 2 with a = from, s = (to - from) / duration. Its inverse is written as
        t = 2 R / (a + sqrt(a^2 + 2 s R)), which stays exact if s is near 0.
        """
        arrivals = _unit_arrivals(self.rate_per_s * self.duration_s, self.seed)
        slope = (self.to_per_s - self.from_per_s) / self.duration_s
        root = np.sqrt(np.maximum(self.from_per_s**2 + 2 * slope * arrivals, 0.0))
        divisor = self.from_per_s + root
        return _to_ns(np.divide(2 * arrivals, divisor, out=np.zeros_like(arrivals), where=divisor > 0))

    def describe(self, workers: int) -> record.RampSchedule:
        """Both rates, their mean and the seed."""
        return record.RampSchedule(
            rate_per_s=self.rate_per_s,
            from_per_s=self.from_per_s,
            to_per_s=self.to_per_s,
            seed=self.seed,
            workers=workers,
        )


@dataclass(frozen=True, slots=True)
class Steps:
    """Rates held one after the other: pairs of (rate in starts per second, seconds); a rate of 0 is a pause."""

    steps: tuple[tuple[float, float], ...]
    seed: int | None = None
    kind: ClassVar[str] = "steps"

    def __post_init__(self) -> None:
        if not self.steps:
            raise UsageError("a steps schedule needs at least one (rate_per_s, seconds) pair; it has none")
        for rate_per_s, seconds in self.steps:
            _check_not_negative(self.kind, rate_per_s=rate_per_s)
            _check_positive(self.kind, seconds=seconds)
        _check_positive(self.kind, sum_of_starts=self._total)
        _check_size(self.kind, self._total)
        _check_seed(self.kind, self.seed)

    @property
    def _total(self) -> float:
        return sum(rate_per_s * seconds for rate_per_s, seconds in self.steps)

    @property
    def duration_s(self) -> float:
        """Sum of the steps' seconds."""
        return sum(seconds for _, seconds in self.steps)

    @property
    def rate_per_s(self) -> float:
        """Mean rate over the duration."""
        return self._total / self.duration_s

    def starts_ns(self) -> Offsets:
        """Offsets in ns: within a step R(t) grows linearly, so its inverse is an interpolation."""
        arrivals = _unit_arrivals(self._total, self.seed)
        rates, seconds = (np.array(column, dtype=float) for column in zip(*self.steps, strict=True))
        grown = np.cumsum(rates * seconds)
        step = np.minimum(np.searchsorted(grown, arrivals, side="right"), len(rates) - 1)
        begun_s, begun = (np.concatenate([[0.0], ends[:-1]])[step] for ends in (np.cumsum(seconds), grown))
        return _to_ns(begun_s + (arrivals - begun) / np.where(rates[step] > 0, rates[step], 1.0))

    def describe(self, workers: int) -> record.StepsSchedule:
        """Mean rate, the steps and the seed."""
        return record.StepsSchedule(
            rate_per_s=self.rate_per_s, steps=self.steps, seed=self.seed, workers=workers
        )


@dataclass(frozen=True, slots=True)
class Recorded:
    """Starts at the instants of recorded requests, in seconds and ascending, `speed` times as fast."""

    at_s: tuple[float, ...] = field(repr=False)
    speed: float = 1.0
    kind: ClassVar[str] = "recorded"

    def __post_init__(self) -> None:
        _check_positive(self.kind, speed=self.speed, starts=len(self.at_s))

    @property
    def duration_s(self) -> float:
        """Time of the last start, and a moment for it."""
        return (self.at_s[-1] - self.at_s[0]) / self.speed + 1e-3

    def starts_ns(self) -> Offsets:
        """Offsets from the first one, in ns."""
        at_s = np.array(self.at_s)
        return _to_ns((at_s - at_s[0]) / self.speed)

    def describe(self, workers: int) -> record.RecordedSchedule:
        """Mean rate and speed."""
        rate_per_s = len(self.at_s) / self.duration_s
        return record.RecordedSchedule(rate_per_s=rate_per_s, speed=self.speed, workers=workers)


@dataclass(frozen=True, slots=True)
class Closed:
    """N clients, each of whom starts again when the answer is there and, with `think`, thought about.

    There are no intended starts, so no queue is seen.
    """

    clients: int
    duration_s: float
    think: Think | None = None
    kind: ClassVar[str] = "closed"

    def __post_init__(self) -> None:
        _check_positive(self.kind, clients=self.clients, duration_s=self.duration_s)

    def starts_ns(self) -> Offsets:
        """Nothing: a start is when a client is free."""
        return np.empty(0, dtype=np.int64)

    def describe(self, workers: int) -> record.ClosedSchedule:
        """Number of clients and what they think; there is no offered rate."""
        bounds = (self.think.least_s, self.think.most_s) if self.think else None
        return record.ClosedSchedule(clients=self.clients, think_s=bounds, workers=workers)


def starts_sha256(starts_ns: Offsets) -> str | None:
    """Return the SHA-256 of all starts as 64-bit little-endian integers, in hex; None of a closed schedule."""
    return hashlib.sha256(starts_ns.astype("<i8").tobytes()).hexdigest() if len(starts_ns) else None


def _unit_arrivals(total: float, seed: int | None) -> NDArray[np.float64]:
    """Arrivals of rate 1 on [0, total): 0, 1, 2 ... or, with a seed, a Poisson process."""
    if seed is None:
        arrivals = np.arange(ceil(total), dtype=float)
        return arrivals[arrivals < total]
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(size=16))
    while arrivals[-1] < total:
        arrivals = np.append(arrivals, arrivals[-1] + np.cumsum(rng.exponential(size=len(arrivals))))
    return arrivals[arrivals < total]


def _to_ns(offsets_s: NDArray[np.float64]) -> Offsets:
    return np.floor(offsets_s * 1e9).astype(np.int64)


def _check_positive(kind: str, **values: float) -> None:
    for name, value in values.items():
        if not (isfinite(value) and value > 0):
            raise UsageError(f"{name} of a {kind} schedule is {value}; give a finite number above 0")


def _check_not_negative(kind: str, **values: float) -> None:
    for name, value in values.items():
        if not (isfinite(value) and value >= 0):
            raise UsageError(f"{name} of a {kind} schedule is {value}; give a finite number of 0 or more")


def _check_size(kind: str, starts: float) -> None:
    if starts > MOST_STARTS:
        raise UsageError(
            f"a {kind} schedule of {starts:.3g} starts does not fit (at most {MOST_STARTS}); "
            "lower its rate or its duration"
        )


def _check_seed(kind: str, seed: int | None) -> None:
    if seed is not None and seed < 0:
        raise UsageError(f"the seed of a {kind} schedule is {seed}; give 0 or more")
