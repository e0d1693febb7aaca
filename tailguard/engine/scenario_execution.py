"""One scenario in one process: its virtual users play arrivals, by one set of rules no matter who hands them out."""

from array import array
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from tailguard.base.clock import Clock
from tailguard.base.errors import UsageError
from tailguard.engine.arrivals import Arrivals, Start
from tailguard.engine.iteration import Iteration
from tailguard.engine.iteration.answers import Refusals
from tailguard.engine.iteration.async_iteration import AsyncIteration
from tailguard.engine.iteration.call import Call
from tailguard.engine.iteration.context import IterationContext
from tailguard.engine.iteration.driven_iteration import DrivenIteration
from tailguard.engine.iteration.step_names import StepNames
from tailguard.engine.recorder import ErrorKinds, Recorder, merge
from tailguard.engine.think import Think
from tailguard.engine.workload import Driven, OnLoop, Playable
from tailguard.record.samples import ERROR, Samples, pack_code

# Error kinds of our own: an iteration that did not come back, and one that was due but found no user in time.
TIMED_OUT, NOT_SERVED = "TimedOut", "NotServed"


@dataclass(slots=True, eq=False)
class VirtualUser:
    """Plays the iterations of one thread: the journey on what is the user's own, and what times it.

    Attributes:
        recorder: the samples of this user, and nobody else's.
        values: what it recorded beside its steps.
        playing: whether an iteration is in progress.
        ready_ns: offset in the schedule before which it does not begin again, as it thinks.
        began: of each iteration its number and the size of the recorder's buffer when it began.
    """

    journey: Callable[..., object]
    iteration: Iteration
    recorder: Recorder
    values: Recorder
    playing: bool = False
    ready_ns: int = 0
    began: "array[int]" = field(default_factory=lambda: array("q"))


class ScenarioExecution:
    """A scenario on its way.

    Attributes:
        name: the scenario's.
        steps: the names of its steps so far.
        errors: the kinds of failures and refusals so far.
        lateness_ns: how late iterations began although a user was free.
        users: all virtual users so far.
        unserved: samples of iterations that nobody began.
        think: what a closed user waits between two iterations, None for nothing.
        at_once: whether other scenarios are played at the same time, so that its threads are its own.
    """

    def __init__(
        self,
        scenario: Playable,
        clock: Clock,
        *,
        run_id: str = "",
        seed: int = 1,
        think: Think | None = None,
        at_once: bool = False,
    ) -> None:
        """The iterations' keys are made of `run_id`, their random numbers of `seed`."""
        self.think, self.at_once = think, at_once
        self.name = scenario.name
        self.steps = StepNames(scenario.steps)
        self.errors = ErrorKinds()
        self.lateness_ns = array("q")
        self.users: list[VirtualUser] = []
        self._scenario = scenario
        self._clock = clock
        self._context = IterationContext(
            run_id,
            seed,
            scenario.name,
            clock,
            self.steps,
            Refusals(scenario.refusals),
            self.errors,
        )
        self.unserved = Recorder()

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of what was recorded so far."""
        return tuple(self._context.metrics.numbers)

    @contextmanager
    def user(self, number: int) -> Iterator[VirtualUser]:
        """Make a virtual user in this thread, and take it away in this thread."""
        with self._scenario.user(number) as journey:
            yield self._new(journey, number)

    @property
    def on_loop(self) -> OnLoop | Driven | None:
        """The scenario's."""
        return self._scenario.on_loop

    @asynccontextmanager
    async def user_on_loop(self, scenario: OnLoop, number: int) -> AsyncIterator[VirtualUser]:
        """Make a virtual user on the loop, and take it away there."""
        async with scenario.user(number) as journey:
            yield self._new(journey, number)

    def driven_user(self, journey: Callable[..., object], number: int) -> VirtualUser:
        """Make a virtual user that callbacks drive."""
        return self._new(journey, number)

    def replaced(self, user: VirtualUser) -> VirtualUser:
        """Return a new user in place of one that was left, with the same things of its own."""
        new = self._timed(user.journey, user.iteration.user)
        self.users.append(new)
        return new

    def thinks_ns(self, number: int) -> int:
        """Return what a user waits after the iteration of that number, in ns; nothing after one of the warm-up."""
        return self.think.after_ns(self._drawn_by, number) if self.think and number >= 0 else 0

    def now_ns(self) -> int:
        """Return the present instant."""
        return self._clock.now_ns()

    async def play_on_loop(self, user: VirtualUser, start: Start) -> None:
        """Play one iteration of an async journey, as `play` does. A cancelled one stays in progress, to be settled."""
        self.begin(user, start)
        iteration = user.iteration
        assert isinstance(iteration, AsyncIteration)  # the journey is async
        try:
            await user.journey(iteration)  # type: ignore[misc]  # an async journey returns an awaitable
            iteration.end()
        except UsageError:
            user.playing = False
            raise
        except Exception as failure:  # noqa: BLE001  # a failing journey is a sample, never the run's end
            iteration.fail(failure)
        user.playing = False

    def warming_up(self, user: VirtualUser) -> VirtualUser:
        """Return the same user, whose samples are not kept."""
        return self._timed(user.journey, user.iteration.user)

    def play(self, user: VirtualUser, start: Start) -> None:
        """Play one iteration; whatever the platform does is a sample. Raises UsageError if the scenario is wrong."""
        self.begin(user, start)
        iteration = user.iteration
        try:
            user.journey(iteration)
        except UsageError:
            raise
        except Exception as failure:  # noqa: BLE001  # a failing journey is a sample, never the run's end
            iteration.fail(failure)
        finally:
            user.playing = False

    def settle(self, arrivals: Arrivals, *, interrupted: bool = False) -> None:
        """Record what has not come back and what was never begun: leaving it out would flatter the platform.

        `arrivals` are closed, and what was in progress has had its time to end; not so if the run was `interrupted`,
        which makes neither an error.
        """
        for user in self.users:
            if user.playing:
                user.playing = False
                user.iteration.abandon(None if interrupted else TIMED_OUT)
        unserved = [] if interrupted else arrivals.unserved_ns()
        if unserved:
            code = pack_code(0, ERROR, 0, self.errors.number(NOT_SERVED))
            now_ns = self._clock.now_ns()
            for due_ns in unserved:
                self.unserved.append(due_ns, now_ns, now_ns, code)

    def samples(self) -> Samples:
        """All samples so far."""
        recorders = [self.unserved, *(user.recorder for user in self.users)]
        values = [user.values for user in self.users]
        return merge(recorders, self.name, self.steps.names(), self.errors.names(), values, self.metrics)

    def forget(self) -> None:
        """Forget all samples so far, and users that were left behind with what they may still send; between windows."""
        self.unserved.drain()
        self.lateness_ns = array("q")
        self.users = [user for user in self.users if user.iteration.keeps_in(user.recorder)]
        for user in self.users:
            user.recorder.drain()
            user.values.drain()
            del user.began[:]
            user.iteration.own_ns = 0

    def drain(self) -> bytearray:
        """Return the rows of all iterations that have ended, and forget them; for greenlets, which share a thread."""
        rows = self.unserved.drain()
        for user in self.users:
            if not user.playing:
                rows += user.recorder.drain() + user.values.drain()
                del user.began[:]
        return rows

    @property
    def own_s(self) -> float:
        """Time of the journeys' own code before their first steps, over all iterations; a call alone has none."""
        own_ns = (user.iteration.own_ns for user in self.users if not isinstance(user.journey, Call))
        return sum(own_ns) / 1e9

    def begin(self, user: VirtualUser, start: Start) -> None:
        """Begin an iteration of a user, which then is playing."""
        if start.late_ns >= 0:
            self.lateness_ns.append(start.late_ns)
        user.began.append(start.number)
        user.began.append(len(user.recorder.buffer))
        user.iteration.begin(start.number, start.due_ns, start.began_ns)
        user.playing = True

    @property
    def _drawn_by(self) -> str:
        return f"{self._context.seed}/{self.name}"

    def _new(self, journey: Callable[..., object], number: int) -> VirtualUser:
        user = self._timed(journey, number)
        if self.think is not None:
            user.ready_ns = self.think.before_first_ns(self._drawn_by, number)
        self.users.append(user)
        return user

    def _timed(self, journey: Callable[..., object], number: int) -> VirtualUser:
        recorder = Recorder()
        on_loop = self.on_loop
        kind = (
            Iteration
            if on_loop is None
            else DrivenIteration
            if isinstance(on_loop, Driven)
            else AsyncIteration
        )
        iteration = kind(self._context, recorder, number)
        return VirtualUser(journey, iteration, recorder, iteration.values)
