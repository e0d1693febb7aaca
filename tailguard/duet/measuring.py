"""What a side of a block does whatever it measures: takes its turns, counts its time, checks whose code it called."""

import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from threading import Event

from tailguard.base.errors import InvalidRunError
from tailguard.config.merge import Config
from tailguard.duet.order import MeasuredScenario, Order, SideOrder
from tailguard.duet.turns import TurnClient
from tailguard.engine.measure import Pace, measure
from tailguard.engine.players import Making, in_threads
from tailguard.engine.workload import Measurement, Workload
from tailguard.record.scenario import Invariant, ScenarioEnded


class Phases:
    """Splits the time of a block: what is not measuring is the price of a fresh process."""

    def __init__(self, began_ns: int) -> None:
        self.seconds: dict[str, float] = {}
        self._last_ns = began_ns

    def end(self, name: str) -> None:
        """Say that a phase ends here and the next one begins; a phase may come again."""
        now_ns = time.monotonic_ns()
        self.seconds[name] = self.seconds.get(name, 0.0) + (now_ns - self._last_ns) / 1e9
        self._last_ns = now_ns


def measure_in_turns(
    workloads: Sequence[Workload],
    config: Config,
    order: Order,
    phases: Phases,
    players: Making = in_threads,
    stop: Event | None = None,
) -> dict[str, Measurement]:
    """Measure all workloads, slice by slice, each slice in a turn of its own."""
    client = TurnClient(order.turns) if order.turns else None
    watch = _Turns(client, phases)
    watch.take("wait")
    measured = measure(
        workloads,
        on_progress=watch.next,
        pace=Pace(slice_s=config.load.slice_s),
        run_id=order.run_id,
        seed=config.seed,
        players=players,
        stop=stop,
    )
    watch.phases.end("measure")
    if any(each.ended_because is ScenarioEnded.INTERRUPTED for each in measured.values()):
        raise KeyboardInterrupt
    if client is not None:
        client.end()
        client.close()
    phases.end("wait")
    return measured


class _Turns:
    """Hands the turn over after each slice. Without another side it is always ours."""

    def __init__(self, client: TurnClient | None, phases: Phases) -> None:
        self._client, self.phases = client, phases

    def next(self, _: object) -> None:
        """A slice is over."""
        self.take("measure")

    def take(self, before: str) -> None:
        """Wait for our turn; what was before counts as `before`."""
        self.phases.end(before)
        if self._client is not None:
            self._client.take()
            self.phases.end("wait")


def measured_scenario(
    title: str, measurement: Measurement, invariants: Sequence[Invariant] = ()
) -> MeasuredScenario:
    """Return what the record of a side says of a scenario."""
    return MeasuredScenario(
        title=title,
        schedule=measurement.schedule,
        warmup=measurement.warmup,
        offered_rate_per_s=measurement.offered_rate_per_s,
        measured_s=measurement.measured_s,
        own_s=measurement.own_s,
        invariants=tuple(invariants),
    )


def check_origin(side: SideOrder, but: Collection[Path] = ()) -> None:
    """Raise InvalidRunError if it is not the side's code that is called.

    That is so if a module comes from the project's own folder, or none comes from the side's; what lies at or below
    `but` in the latter is not its own.
    """
    files = {name: Path(getattr(module, "__file__", None) or "/") for name, module in sys.modules.items()}
    for name, file in files.items():
        if side.project and file.is_relative_to(side.project) and "site-packages" not in file.parts:
            raise InvalidRunError(
                f"the module {name} was loaded from {file}, not from the side's folder: it would be the same on both"
                " sides. Uninstall it, or keep its folder off PYTHONPATH."
            )
    called = (file for file in files.values() if not any(file.is_relative_to(each) for each in but))
    if side.folder and not any(file.is_relative_to(side.folder) for file in called):
        raise InvalidRunError(
            "no module was loaded from the side's folder: both sides would be the same. Code that a duet compares lies"
            " in the folder itself or in src/, and outside the suite's packages; your running service is compared with"
            " --baseline-command and --candidate-command."
        )
