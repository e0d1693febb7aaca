"""The virtual users of a driven scenario: the loop itself takes the starts; an iteration has no thread and no task."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from queue import SimpleQueue

from tailguard.base.errors import UsageError
from tailguard.engine.arrivals import Start
from tailguard.engine.dispatch_window import DispatchWindow
from tailguard.engine.event_loop.alarm import Alarm
from tailguard.engine.iteration.driven_iteration import DrivenIteration
from tailguard.engine.scenario_execution import ScenarioExecution, VirtualUser
from tailguard.engine.workload import DrivenJourney

# How often it is looked whether another thread has ended the window, and that once its time is over.
LOOK_NS, LOOK_AT_END_NS = 20_000_000, 2_000_000
# Iterations that begin in one round of the loop, so that those of no request do not hold it.
_MOST_A_ROUND = 64
# An open scenario may have hundreds of users: its warm-up is not a burst of them all.
_MOST_WARMING_UP = 64


@dataclass(slots=True, eq=False)
class _Driver:
    """A virtual user on the loop. In a warm-up `playing` is its twin, whose samples are not kept."""

    journey: DrivenJourney
    user: VirtualUser
    ended: Callable[[BaseException | None], None] = field(init=False)
    playing: VirtualUser = field(init=False)
    number: int = 0
    in_flight: bool = False

    def begin(self, execution: ScenarioExecution, start: Start, *, warmup: bool) -> None:
        self.playing = execution.warming_up(self.user) if warmup else self.user
        self.number, self.in_flight = start.number, True
        execution.begin(self.playing, start)
        iteration = self.playing.iteration
        assert isinstance(iteration, DrivenIteration)  # the scenario is driven
        self.journey(iteration, self.ended)


class DrivenUsers:
    """Plays windows on a loop. Users are made as iterations need them, up to `most` at once."""

    def __init__(
        self,
        execution: ScenarioExecution,
        loop: asyncio.AbstractEventLoop,
        journeys: Callable[[int], DrivenJourney],
        most: int,
    ) -> None:
        """Is made on the loop."""
        self.execution = execution
        self._loop, self._journeys, self._most = loop, journeys, most
        self._drivers: list[_Driver] = []
        self._free: list[_Driver] = []
        # By when they are ready, as an offset in the schedule.
        self._thinking: list[tuple[int, int, _Driver]] = []
        self._order = count()
        self._alarm = Alarm(loop, self._hand_out)
        self._window: DispatchWindow | None = None
        self._results: SimpleQueue[BaseException | None] = SimpleQueue()
        self._reserved: int | None = None
        self._failure: BaseException | None = None
        self._in_flight = self._full_until_ns = 0
        self._is_full = self._handing_out = self._no_more = False

    def play(self, window: DispatchWindow) -> None:
        """Play all starts of a window, and wait for the last one's end; in another thread than the loop's.

        Raises UsageError for a wrong scenario, and what a journey raised that is not an Exception.
        """
        results: SimpleQueue[BaseException | None] = SimpleQueue()
        self._loop.call_soon_threadsafe(self._open, window, results)
        failure = results.get()
        if failure is not None:
            raise failure

    def cancel(self) -> None:
        """Cancel what is still in flight: it was settled."""
        self._loop.call_soon_threadsafe(self._cancel)

    def close(self) -> None:
        """Give back what it holds, on the loop."""
        self._cancel()
        self._alarm.close()

    def _ended(self, driver: _Driver, failure: BaseException | None) -> None:
        """Take a user back whose iteration has ended."""
        window = self._window
        assert window is not None  # it is in flight
        driver.playing.playing = False
        if failure is not None:
            self._fail(driver, failure, window)
        self._in_flight -= 1
        driver.in_flight = False
        window.release()
        if self.execution.think is None:
            self._free.append(driver)
        else:
            if thinking_ns := self.execution.thinks_ns(driver.number):
                driver.user.ready_ns = window.offset_ns + thinking_ns
            self._take_back(driver)
        if self._is_full:
            self._is_full, self._full_until_ns = False, self.execution.now_ns()
        if not self._handing_out:
            self._hand_out()

    def _fail(self, driver: _Driver, failure: BaseException, window: DispatchWindow) -> None:
        """Keep what failed as a sample; of a wrong scenario, or what is not an Exception, end the window."""
        if isinstance(failure, Exception) and not isinstance(failure, UsageError):
            driver.playing.iteration.fail(failure)
            return
        self._failure = failure  # the thread that plays the window raises it
        window.close()

    def _open(self, window: DispatchWindow, results: "SimpleQueue[BaseException | None]") -> None:
        self._window, self._results, self._failure, self._reserved = window, results, None, None
        self._in_flight = self._full_until_ns = 0
        self._is_full = self._no_more = False
        self._hand_out()

    def _hand_out(self) -> None:
        """Begin everything that is due and has a user, and set the alarm for what comes next."""
        window = self._window
        if window is None:
            return
        self._handing_out = True
        begun = 0
        begin_next = self._begin_closed if window.spec.starts_ns is None else self._begin_open
        while not self._no_more and begin_next(window):
            begun += 1
            if begun == _MOST_A_ROUND:
                self._loop.call_soon(self._hand_out)
                break
        self._handing_out = False
        if self._no_more and not self._in_flight:
            self._finish()

    def _begin_open(self, window: DispatchWindow) -> bool:
        """Begin the next iteration, if one is due and a user is free; else see to it that we are called again."""
        now_ns = self.execution.now_ns()
        if self._reserved is None and not self._reserve(window):
            return False
        assert self._reserved is not None
        due_ns = window.due_ns(self._reserved, now_ns)
        if due_ns > now_ns and not window.is_over:
            self._look_at(due_ns, window, now_ns)
            return False
        may_begin = not window.is_closed and due_ns <= window.over_ns
        driver = self._next_driver(window) if may_begin else None
        if driver is None and may_begin:
            self._is_full = True
            self._look_at(now_ns + LOOK_NS, window, now_ns)
            return False
        return self._take(window, driver, due_ns, waited=due_ns >= self._full_until_ns)

    def _begin_closed(self, window: DispatchWindow) -> bool:
        """Begin the iteration of a user that is free; else see to it that we are called again."""
        driver = self._free.pop() if self._free else self._next_driver(window)
        now_ns = self.execution.now_ns()
        if driver is None:
            if self._thinking:
                self._look_at(window.at_ns(self._thinking[0][0]), window, now_ns)
                self._no_more = window.is_over
            return False
        if not self._reserve(window):
            self._take_back(driver)
            return False
        return self._take(window, driver, now_ns, waited=False)

    def _take(self, window: DispatchWindow, driver: _Driver | None, due_ns: int, *, waited: bool) -> bool:
        assert self._reserved is not None
        start = window.take(self._reserved, due_ns, waited=waited)
        self._reserved = None
        if start is None or driver is None:
            if driver is not None:
                self._take_back(driver)
            self._no_more = True
            return False
        self._in_flight += 1
        try:
            driver.begin(self.execution, start, warmup=window.spec.warmup)
        except BaseException as failure:  # noqa: BLE001  # the loop would log it, and the window never end
            driver.ended(failure)
        return True

    def _reserve(self, window: DispatchWindow) -> bool:
        self._reserved = window.reserve()
        self._no_more = self._reserved is None
        return not self._no_more

    def _next_driver(self, window: DispatchWindow) -> _Driver | None:
        """Return a user that is free, the one that was so last; None if all are busy, or think."""
        if self._free:
            return self._free.pop()
        most = min(self._most, _MOST_WARMING_UP) if window.spec.warmup else self._most
        while len(self._drivers) < most:
            journey = self._journeys(len(self._drivers))
            driver = _Driver(journey, self.execution.driven_user(journey, len(self._drivers)))
            driver.ended = partial(self._ended, driver)
            self._drivers.append(driver)
            if self.execution.think is None:
                return driver
            self._take_back(driver)
        if self._thinking and (window.spec.warmup or self._thinking[0][0] <= window.offset_ns):
            return heapq.heappop(self._thinking)[2]
        return None

    def _take_back(self, driver: _Driver) -> None:
        if self.execution.think is None:
            self._free.append(driver)
        else:
            heapq.heappush(self._thinking, (driver.user.ready_ns, next(self._order), driver))

    def _look_at(self, at_ns: int, window: DispatchWindow, now_ns: int) -> None:
        """Hand out again at an instant, or before it, as the window may end."""
        look_ns = LOOK_NS if window.left_ns > LOOK_NS else LOOK_AT_END_NS
        self._alarm.at(min(at_ns, now_ns + look_ns))

    def _finish(self) -> None:
        self._alarm.off()
        self._window = None
        self._results.put(self._failure)

    def _cancel(self) -> None:
        """Leave iterations that were settled: what they still do is not kept."""
        if self._window is None:
            return
        for driver in self._drivers:
            if driver.in_flight:
                driver.journey.cancel()
                driver.in_flight = False
                driver.user = self.execution.replaced(driver.user)
                self._window.release()
                self._take_back(driver)
        self._in_flight = 0
        self._finish()
