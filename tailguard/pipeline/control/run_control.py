"""Obeys orders between two slices, and writes each one down."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Event

from tailguard.base.clock import Clock, MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.base.text_format import utc
from tailguard.config.option import did_you_mean
from tailguard.engine.workload_run import WorkloadRun
from tailguard.pipeline.control.order import Answer, Order
from tailguard.record.run_record import Override
from tailguard.record.scenario import ScenarioEnded

_LOOK_S = 0.1  # how often a paused run looks whether it must end
OVER = Answer(obeyed=False, told="The run ended before it could do that.")


@dataclass(slots=True)
class _Pending:
    order: Order
    answered: Event = field(default_factory=Event)
    answer: Answer = OVER


class RunControl:
    """Takes orders from any thread. `keep` hears of all that were obeyed so far, each time that there is one more."""

    def __init__(self, keep: Callable[[Sequence[Override]], object], clock: Clock | None = None) -> None:
        self._keep, self._clock = keep, clock or MonotonicClock()
        self._pending: SimpleQueue[_Pending] = SimpleQueue()
        self._over = Event()
        self._paused = False
        self._obeyed: list[Override] = []

    def obey(self, order: Order) -> Answer:
        """Wait until the run has come to a boundary and obeyed, or has ended."""
        pending = _Pending(order)
        self._pending.put(pending)
        while not pending.answered.wait(_LOOK_S) and not self._over.is_set():
            pass
        return pending.answer

    def end(self) -> None:
        """Obey nothing more."""
        self._over.set()

    def before_slice(self, group: Sequence[WorkloadRun], runs: Sequence[WorkloadRun], stop: Event) -> None:
        """Obey what is waiting; while the run is paused, wait for more."""
        while not stop.is_set():
            try:
                pending = self._pending.get(block=self._paused, timeout=_LOOK_S)
            except Empty:
                if self._paused:
                    continue
                return
            pending.answer = self._answer(pending.order, group, runs)
            pending.answered.set()

    def _answer(self, order: Order, group: Sequence[WorkloadRun], runs: Sequence[WorkloadRun]) -> Answer:
        try:
            obeyed = list(self._obey(order, group, runs))
        except UsageError as error:
            return Answer(obeyed=False, told=f"{error}.")
        self._obeyed += obeyed
        self._keep(self._obeyed)
        return Answer(obeyed=True, told="; ".join(map(str, obeyed)))

    def _obey(
        self, order: Order, group: Sequence[WorkloadRun], runs: Sequence[WorkloadRun]
    ) -> Iterator[Override]:
        match order.word:
            case "rate":
                assert order.rate_per_s is not None  # the order of a rate has one
                # All of them or none.
                changed = [(run, run.starts_at(order.rate_per_s)) for run in _meant(order.scenario, runs)]
                for run, starts_ns in changed:
                    run.take_starts(starts_ns)
                    yield self._noted(order, run)
                return
            case "pause" | "resume":
                if self._paused is (order.word == "pause"):
                    raise UsageError(f"the run is {'paused already' if self._paused else 'not paused'}")
                self._paused = order.word == "pause"
            case "stop":
                self._paused = False
                for run in [each for each in runs if not each.ended]:
                    run.end(ScenarioEnded.STOPPED)
                    yield self._noted(order, run)
                return
        yield self._noted(order, group[0])

    def _noted(self, order: Order, run: WorkloadRun) -> Override:
        return Override(
            order=order.word,
            scenario=run.name,
            iteration=run.next_iteration,
            offset_ns=run.offset_ns,
            at_ns=self._clock.now_ns(),
            at_utc=utc(datetime.now(UTC)),
            rate_per_s=order.rate_per_s,
        )


def _meant(scenario: str, runs: Sequence[WorkloadRun]) -> list[WorkloadRun]:
    """Return the scenarios that an order changes. Raises UsageError if there is none."""
    left = [run for run in runs if not run.ended]
    found = [run for run in left if scenario in {"", run.name}]
    if not found:
        raise UsageError(
            f"no scenario {scenario!r} is under way.{did_you_mean(scenario, [run.name for run in left])}"
        )
    return found
