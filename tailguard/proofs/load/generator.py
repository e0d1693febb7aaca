"""Writers and readers of a table, at an open model's rate, for as long as a window is open.

Latency runs from the intended start, so a client that waits for a lock also delays the requests queued behind it.
Writers and readers have workers of their own: a stalled writer must not make a reader late.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any, Protocol

import psycopg

from tailguard.engine.iteration import Iteration
from tailguard.engine.measure import measure
from tailguard.engine.schedule import Closed, Poisson, Schedule
from tailguard.engine.workload import Load, Measurement, Pace, PlainScenario, Workload
from tailguard.migrations.watch import Database
from tailguard.proofs.load.statements import Statements
from tailguard.record.migration import Client, Parameter
from tailguard.record.samples import Samples

WORKERS = 8  # of each; a stall may hold them all, and the queue behind them is seen as latency
LONGEST_S = 900.0  # of a window; a schedule is made in advance
PREPARE_AFTER = 5  # executions on a connection; psycopg's own default
WARM_UP = 40  # iterations, counted and not kept: each worker plans its statements
# Half of what was reached would already queue; a quarter leaves room for the build itself, which takes a core.
SHARE_OF_CAPACITY = 0.25


class Parameters(Protocol):
    """What has the parameters of each iteration."""

    def parameters(self, number: int) -> Mapping[str, Parameter]:
        """Return those of one iteration."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """A statement that clients execute, and the name of its step."""

    step: str
    sql: str
    of: Parameters


@dataclass(frozen=True, slots=True)
class Requests:
    """What writers execute in turn, and what readers do; without one of them there are no such clients."""

    writing: Sequence[Request]
    reading: Sequence[Request]


@dataclass(frozen=True, slots=True)
class Crowd:
    """One kind of client: its statements, each executed in turn, on one connection per worker."""

    who: Client
    queries: Sequence[Request]
    connections: Sequence[psycopg.Connection[Any]]

    def play(self, it: Iteration) -> None:
        """Execute one statement."""
        request = self.queries[it.number % len(self.queries)]
        execute: Callable[..., object] = self.connections[it.user].execute
        it.step(request.step, execute, request.sql, request.of.parameters(abs(it.number)))


@dataclass(slots=True)
class Window:
    """What was measured while a window was open; filled when it closes."""

    samples: dict[Client, Samples] = field(default_factory=dict)


def requests_on(tables: Mapping[str, Statements]) -> Requests:
    """Return what clients execute on tables, by what names their steps."""
    writing = [
        Request(f"{step}{name}", query, statements)
        for name, statements in tables.items()
        for step, query in (("insert", statements.insert), ("update", statements.update))
        if query
    ]
    reading = [Request(f"read{name}", statements.read, statements) for name, statements in tables.items()]
    return Requests(writing, reading)


@contextmanager
def crowds(database: Database, requests: Requests, *, prepare: bool = True) -> Iterator[list[Crowd]]:
    """Connect the writers and the readers; they keep their connections over all windows.

    A prepared statement fails once when the type of a column that it returns changes; without `prepare` none is.
    """
    clients: tuple[tuple[Client, Sequence[Request]], ...] = (
        ("writers", requests.writing),
        ("readers", requests.reading),
    )
    threshold = PREPARE_AFTER if prepare else None
    with ExitStack() as stack:

        def crowd(who: Client, queries: Sequence[Request]) -> Crowd:
            connections = [
                stack.enter_context(database.connect(prepare_threshold=threshold)) for _ in range(WORKERS)
            ]
            return Crowd(who, queries, connections)

        yield [crowd(who, queries) for who, queries in clients if queries]


@contextmanager
def open_window(crowds: Sequence[Crowd], rate_per_s: float, seed: int) -> Iterator[Window]:
    """Drive every crowd at `rate_per_s` while the block runs, which begins when all are at work.

    Leave the block only when what was held up had time to end: what is due and unserved at its end is not counted.
    """
    window, stop = Window(), Event()
    threads = [_Driver(crowd, Poisson(rate_per_s, LONGEST_S, seed), stop) for crowd in crowds]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.wait_until_at_work()
        yield window
    finally:
        stop.set()
        for thread in threads:
            if thread.ident is not None:  # Ctrl-C may come before all have started
                thread.join()
    window.samples = {thread.crowd.who: thread.result().samples for thread in threads}


def calibrate(crowds: Sequence[Crowd], most_per_s: float, seconds: float) -> float:
    """Return a rate for each crowd well below what the slower one reaches in `seconds` with nothing else to do."""
    reached = []
    for crowd in crowds:
        driver = _Driver(crowd, Closed(WORKERS, seconds), Event(), seconds)
        driver.start()
        driver.join()
        reached.append(driver.result().achieved_rate_per_s)
    return min(most_per_s, SHARE_OF_CAPACITY * min(reached))


class _Driver(Thread):
    """Measures one crowd on a thread of its own until `stop` is set."""

    def __init__(self, crowd: Crowd, schedule: Schedule, stop: Event, longest_s: float = LONGEST_S) -> None:
        super().__init__(name=f"{crowd.who} of the proof", daemon=True)
        self.crowd = crowd
        load = Load(schedule, WORKERS, WARM_UP, max_samples=10_000_000, max_seconds=longest_s)
        # One slice: a build has no pauses either.
        self._pace = Pace(slice_s=longest_s)
        steps = tuple(request.step for request in crowd.queries)
        scenario = PlainScenario(crowd.who, self._play, steps, f"The table's {crowd.who}")
        self._workload = Workload(scenario, load)
        self._at_work = Event()
        self._stop_event = stop
        self._measured: Measurement | None = None
        self._failure: BaseException | None = None

    def run(self) -> None:
        try:
            measured = measure([self._workload], stop=self._stop_event, pace=self._pace)
            self._measured = measured[self.crowd.who]
        except BaseException as failure:  # noqa: BLE001  # raised again when the result is asked for
            self._failure = failure

    def wait_until_at_work(self) -> None:
        """Wait for the first iteration after the warm-up, or for the end of what cannot begin."""
        while self.is_alive() and not self._at_work.wait(0.01):
            pass

    def result(self) -> Measurement:
        """Return what was measured, or raise what broke it."""
        if self._failure is not None:
            raise self._failure
        assert self._measured is not None  # the thread has ended
        return self._measured

    def _play(self, it: Iteration) -> None:
        if it.number == 0:
            self._at_work.set()
        self.crowd.play(it)
