"""The orders of a recorded run, obeyed again at the same iterations."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import Event

from msgspec.structs import replace

from tailguard.base.clock import Clock, MonotonicClock
from tailguard.base.text_format import utc
from tailguard.engine.control.rates import RateChange
from tailguard.engine.workload_run import WorkloadRun
from tailguard.record.run_record import Override
from tailguard.record.scenario import ScenarioEnded


def rates_of(overrides: Sequence[Override], scenario: str) -> tuple[RateChange, ...]:
    """Return the changes of a scenario's rate and its end, which its schedule has from the start when played again."""
    return tuple(
        RateChange(each.iteration, each.offset_ns, each.rate_per_s or 0.0)
        for each in overrides
        if each.scenario == scenario and each.order in {"rate", "stop"}
    )


class Replay:
    """Pauses at the first boundary that has come to the recorded iteration, and notes what the schedule had already."""

    def __init__(
        self,
        overrides: Sequence[Override],
        keep: Callable[[Sequence[Override]], object],
        clock: Clock | None = None,
    ) -> None:
        self._left = list(overrides)
        self._keep, self._clock = keep, clock or MonotonicClock()
        self._obeyed: list[Override] = []
        self._paused_ns = 0

    def before_slice(self, group: Sequence[WorkloadRun], runs: Sequence[WorkloadRun], stop: Event) -> None:
        """Obey, in their order, what was obeyed by this iteration."""
        by_name = {run.name: run for run in runs}
        due = [each for each in self._left if _is_due(each, by_name[each.scenario])]
        for order in due:
            self._left.remove(order)
            if order.order == "resume":  # for as long as it was paused then
                stop.wait(max(order.at_ns - self._paused_ns, 0) / 1e9)
            elif order.order == "pause":
                self._paused_ns = order.at_ns
            elif order.order == "stop":
                by_name[order.scenario].end(ScenarioEnded.STOPPED)
            self._note(order)
        if due:
            self._keep(self._obeyed)

    def end(self) -> None:
        """Note the ends of scenarios that came to theirs in the last slice: their schedules had them."""
        for order in [each for each in self._left if each.order == "stop"]:
            self._note(order)
        self._keep(self._obeyed)

    def _note(self, order: Override) -> None:
        self._obeyed.append(replace(order, at_ns=self._clock.now_ns(), at_utc=utc(datetime.now(UTC))))


def _is_due(order: Override, run: WorkloadRun) -> bool:
    return run.ended or run.next_iteration >= order.iteration
