"""A workload: a scenario with the load that drives it, and what was measured."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from math import isfinite
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.engine.control.rates import RateChange
from tailguard.engine.iteration import Iteration
from tailguard.engine.iteration.answers import Refusal
from tailguard.engine.iteration.async_iteration import AsyncIteration
from tailguard.engine.iteration.driven_iteration import DrivenIteration
from tailguard.engine.schedule import Closed, Schedule
from tailguard.record.samples import Samples
from tailguard.record.scenario import ScenarioEnded, SlowIteration
from tailguard.record.scenario import Schedule as RecordedSchedule

Journey = Callable[[Iteration], object]
AsyncJourney = Callable[[AsyncIteration], Awaitable[object]]


class OnLoop(Protocol):
    """What an async scenario needs of its event loop."""

    def shared(self) -> AbstractAsyncContextManager[None]:
        """Make what its users share."""
        ...

    def user(self, number: int) -> AbstractAsyncContextManager[AsyncJourney]:
        """Make what is one virtual user's own."""
        ...


class DrivenJourney(Protocol):
    """What plays the iterations of one virtual user on an event loop, by callbacks."""

    def __call__(self, it: DrivenIteration, ended: Callable[[BaseException | None], None], /) -> None:
        """Begin one; `ended` is called once at its end, with what it failed of. Nothing is raised."""
        ...

    def cancel(self) -> None:
        """End the one in progress, without a call of `ended`."""
        ...


@dataclass(frozen=True, slots=True)
class Driven:
    """How an event loop drives a scenario by callbacks: an iteration needs neither a thread nor a task.

    `opened` lasts as long as its users, and gives the journey of the one of a number.
    """

    opened: Callable[[], AbstractAsyncContextManager[Callable[[int], DrivenJourney]]]


class Playable(Protocol):
    """A scenario as the engine knows it: a journey for each virtual user."""

    @property
    def name(self) -> str:
        """Its name in files and tables."""
        ...

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    @property
    def steps(self) -> Sequence[str]:
        """Names of the timed steps in order; none if they are found while the journey runs."""
        ...

    @property
    def refusals(self) -> Collection[Refusal]:
        """Clean, expected refusals."""
        ...

    @property
    def on_loop(self) -> OnLoop | Driven | None:
        """How its users are made on an event loop; None if they are threads."""
        ...

    def user(self, number: int) -> AbstractContextManager[Journey]:
        """Make what is one virtual user's own, in the thread that is the user; torn down in the same thread."""
        ...


@dataclass(frozen=True, slots=True)
class PlainScenario:
    """A scenario whose users have nothing of their own."""

    name: str
    journey: Journey
    steps: tuple[str, ...] = ()
    title: str = ""
    refusals: tuple[Refusal, ...] = ()
    on_loop: OnLoop | Driven | None = None

    def user(self, number: int) -> AbstractContextManager[Journey]:  # all users are alike
        """The same journey for all."""
        return nullcontext(self.journey)


@dataclass(frozen=True, slots=True)
class Load:
    """How a scenario is driven and for how long.

    Attributes:
        schedule: source of the intended starts.
        workers: virtual users, each a thread; with a closed schedule there is one for each client instead.
        warmup: iterations before the first sample; they run one after another on every worker, are counted and not
            kept.
        min_samples: ok samples that each step met so far must have before anybody is asked whether that is enough; 0
            asks of failures alone, too.
        max_samples: iterations after which the scenario ends.
        max_seconds: time of its own after which the scenario ends.
        rows_used_up: whether `max_samples` is where its rows end.
    """

    schedule: Schedule
    workers: int = 8
    warmup: int = 0
    min_samples: int = 1
    max_samples: int = 20_000
    max_seconds: float = 60.0
    rows_used_up: bool = False

    def __post_init__(self) -> None:
        if not (isfinite(self.max_seconds) and self.max_seconds > 0):
            raise UsageError(f"max_seconds is {self.max_seconds}; give a finite number above 0")
        for name, least in (("workers", 1), ("warmup", 0), ("min_samples", 0), ("max_samples", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} is {getattr(self, name)}; give {least} or more")
        if self.min_samples > self.max_samples:
            raise UsageError(
                f"min_samples {self.min_samples} exceeds max_samples {self.max_samples}; raise max_samples"
            )

    @property
    def users(self) -> int:
        """Number of virtual users."""
        return self.schedule.clients if isinstance(self.schedule, Closed) else self.workers

    @property
    def planned(self) -> int:
        """Most iterations that there will be."""
        if isinstance(self.schedule, Closed):
            return self.max_samples
        return min(self.max_samples, len(self.schedule.starts_ns()))


@dataclass(frozen=True, slots=True)
class Pace:
    """How scenarios take turns.

    Attributes:
        slice_s: length of a slice. Shorter interleaves finer, longer lets a queue build up as it would.
        patience_s: how much longer a slice may last that finds the platform never idle.
        drain_s: time that iterations still in progress or in the queue have at the end of a slice.
        save_every_s: how much measuring a kill may cost.
    """

    slice_s: float = 0.5
    patience_s: float = 2.0
    drain_s: float = 10.0
    save_every_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Workload:
    """A scenario with its load.

    `first` is the number of its first iteration; those of the warm-up count down from -1 - `first_warmup`. Workloads of
    one `mix` are played at once, "" is none. `rates` are the changes of a run that is played again.
    """

    scenario: Playable
    load: Load
    first: int = 0
    first_warmup: int = 0
    mix: str = ""
    rates: tuple[RateChange, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """What was measured of one scenario.

    Attributes:
        samples: all samples of all steps.
        schedule: what drove it, for the record.
        warmup: iterations that were run and not kept.
        offered_rate_per_s: iterations due per second of schedule; None if the schedule is closed.
        achieved_rate_per_s: iterations that came to their end per second, late ones and failures included.
        measured_s: time in which iterations were due or in progress.
        own_s: time of the journeys' own code before their first steps, over all iterations; charged to no step.
        lateness_ns: int64, how late each iteration began although a user was free: the generator's own error.
        starts_sha256: hash of the schedule's starts; None if it is closed, or another program held the clock.
        said: what the first failure or refusal of each kind said.
        slowest: the slowest iterations, with their numbers.
    """

    samples: Samples
    schedule: RecordedSchedule
    warmup: int
    offered_rate_per_s: float | None
    achieved_rate_per_s: float
    measured_s: float
    own_s: float
    lateness_ns: NDArray[np.int64]
    ended_because: ScenarioEnded
    said: Mapping[str, str] = field(default_factory=dict)
    starts_sha256: str | None = None
    slowest: tuple[SlowIteration, ...] = ()
