"""One side of one block of a duet: a fresh process that builds its world, warms up, measures and says what it saw.

Run as `python -P -m tailguard.duet.block ORDER RESULT`, both JSON files (see `Order`). Tailguard and the suite are the
caller's on both sides; all else comes from the side's own folder. What is measured goes to RESULT with the suffix
.samples (`tailguard.record.samples.pack`).
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tailguard.base.errors import TailguardError
from tailguard.base.placement import Placement, pinned
from tailguard.config.merge import Config, load_config
from tailguard.duet.plans import explain_queries
from tailguard.duet.remote_block import TURNS_A_BLOCK, later, open_remote
from tailguard.duet.turns import Turn
from tailguard.engine.measure import Pace, measure
from tailguard.engine.workload import Measurement, Trial
from tailguard.pipeline.loads import load_of
from tailguard.pipeline.world import World
from tailguard.record.samples.pack import pack_samples
from tailguard.suite.parts import parts_of
from tailguard.suite.registry import load_scenarios


@dataclass(frozen=True, slots=True)
class Order:
    """What a block shall do.

    Attributes:
        run_id: tells this block's rows from others'.
        profile: name of the profile, for the record.
        settings: every value of the configuration, by dotted key.
        config_file: the suite's description, beside the suite itself.
        folder: the side's code; "" if the side is a server.
        project: the folder that the suite was copied from; nothing may be loaded from there.
        placement: cores of generator and server, as `Placement.as_dict`.
        ordered_ns: when the process was started, on the clock that all processes of a machine share.
        explain: whether to look at the query plans, too, after all else.
        block: number of the block.
        server: what runs elsewhere and is reached over HTTP (`tailguard.duet.remote_block`); {} for the side's code.
        turns: socket over which the two sides take turns (`tailguard.duet.turns`); "" where there is no other side.
    """

    run_id: str
    profile: str
    settings: dict[str, Any]
    folder: str
    placement: dict[str, Any]
    ordered_ns: int
    config_file: str
    project: str = ""
    turns: str = ""
    explain: bool = False
    block: int = 0
    server: dict[str, Any] = field(default_factory=dict)


def main(order_path: str, result_path: str) -> None:
    """Do as ordered; the result is written only where the block came to its end."""
    order = Order(**json.loads(Path(order_path).read_text(encoding="utf-8")))
    if order.folder:
        # Tailguard is imported already, and the suite's own folder comes before this one.
        sys.path[:0] = [order.folder, str(Path(order.folder) / "src")]
    try:
        result = perform(order, Path(result_path).with_suffix(".samples"))
    except TailguardError as error:
        sys.exit(str(error))
    part = Path(result_path).with_suffix(".part")
    part.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
    part.replace(result_path)


def perform(order: Order, samples_path: Path) -> dict[str, Any]:
    """Measure one block; returns its record. Times of the phases are in seconds, and add up to the whole."""
    phases = Phases(order.ordered_ns)
    config = load_config(order.profile, file=order.config_file, flags=order.settings, environ={})
    scenarios = load_scenarios(config)
    placement = Placement(**order.placement)
    needs = frozenset[str]().union(*(scenario.needs for scenario in scenarios))
    phases.end("start")
    with ExitStack() as stack:
        held = stack.enter_context(ExitStack())
        held.enter_context(pinned(placement))
        world = stack.enter_context(_world(config, needs, order, placement, phases))
        if order.server:
            scenarios = _later(scenarios, order)
        trials = _trials(config, scenarios, world)
        phases.end("prepare")
        measured = _measure(trials, config, order.turns, phases)
        held.close()  # nothing is timed any more: the checks may use every core
        entries = {trial.scenario.slug: _entry(trial, world, measured) for trial in trials}
        pack_samples(samples_path, {slug: each.samples for slug, each in measured.items()})
        faults = list(world.faults)
        plans = _plans(order, config, world)
        phases.end("check")
    phases.end("close")
    return {
        "scenarios": entries,
        "faults": faults,
        "plans": plans,
        "platform": order.server.get("label") or order.folder,
        "phases_s": phases.seconds,
    }


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


@contextmanager
def _world(
    config: Config, needs: frozenset[str], order: Order, placement: Placement, phases: Phases
) -> Iterator[World]:
    if order.server:
        opened: Any = open_remote(config, order.server, order.run_id, placement)
    else:
        parts = parts_of(config.suite)
        check_origin(order)
        opened = parts.open_world(config, needs, order.run_id, placement=placement)
    with opened as world:
        phases.end("world")
        yield world


def _later(scenarios: Sequence[Any], order: Order) -> list[Any]:
    """Let the turns of each block begin where no other one's have been, as the server keeps what was done."""
    first_turn = order.server["first_turn"] + order.block * TURNS_A_BLOCK
    return [later(scenario, first_turn) for scenario in scenarios]


def _trials(config: Config, scenarios: Sequence[Any], world: World) -> list[Trial]:
    found = []
    for scenario in scenarios:
        settings = config.scenario(scenario.slug)
        data = scenario.prepare(world, settings)
        load = load_of(scenario.slug, settings, config.get("seed"))
        found.append(Trial(scenario, world.platform, data, load))
    return found


def _measure(trials: Sequence[Trial], config: Config, turns: str, phases: Phases) -> dict[str, Measurement]:
    """Measure all scenarios, slice by slice, each slice in a turn of its own."""
    turn = Turn(turns) if turns else None
    watch = _Turns(turn, phases)
    watch.take("wait")
    measured = measure(trials, pace=Pace(slice_s=config.get("load.slice_s")), on_progress=watch.next)
    watch.phases.end("measure")
    if any(each.ended_because == "interrupted" for each in measured.values()):
        raise KeyboardInterrupt
    if turn is not None:
        turn.end()
        turn.close()
    phases.end("wait")
    return measured


class _Turns:
    """Hands the turn over after each slice. Without another side it is always ours."""

    def __init__(self, turn: Turn | None, phases: Phases) -> None:
        self._turn, self.phases = turn, phases

    def next(self, _: object) -> None:
        """A slice is over."""
        self.take("measure")

    def take(self, before: str) -> None:
        """Wait for our turn; what was before counts as `before`."""
        self.phases.end(before)
        if self._turn is not None:
            self._turn.take()
            self.phases.end("wait")


def _entry(trial: Trial, world: World, measured: dict[str, Measurement]) -> dict[str, Any]:
    measurement = measured[trial.scenario.slug]
    held, unchecked = _invariants(trial, world, measurement)
    return {
        "title": trial.scenario.title,
        "schedule": dict(measurement.schedule),
        "warmup": measurement.warmup,
        "offered_rate_per_s": measurement.offered_rate_per_s,
        "achieved_rate_per_s": measurement.achieved_rate_per_s,
        "measured_s": measurement.measured_s,
        "invariants": held,
        "unchecked": unchecked,
    }


def _invariants(trial: Trial, world: World, measurement: Measurement) -> tuple[list[dict[str, Any]], str]:
    """Return what held and what did not; nothing, and why, where that needs a database that is not ours to read."""
    check: Callable[..., Any] = trial.scenario.invariants
    found = [asdict(each) for each in check(world, trial.data, measurement.samples)]
    if spoilt := getattr(world.platform, "throttled", "") or getattr(world.platform, "exhausted", ""):
        raise TailguardError(spoilt)
    if getattr(world, "blind", False):
        world.blind = False  # type: ignore[attr-defined]  # a remote world's
        return [], "the server's database is not ours to read"
    return found, ""


def _plans(order: Order, config: Config, world: World) -> dict[str, Any]:
    """Last of all, as it builds the side's indexes."""
    folder = config.get("migrations.folder")
    if not folder or not order.explain or order.server:
        return {}
    return explain_queries(world.database, Path(order.folder) / folder)


def check_origin(order: Order) -> None:
    """Raise TailguardError if a module was loaded from the project's own folder: then no side's code was measured."""
    project = Path(order.project)
    for name, module in list(sys.modules.items()):
        file = Path(getattr(module, "__file__", None) or "/")
        if order.project and file.is_relative_to(project) and "site-packages" not in file.parts:
            raise TailguardError(
                f"the module {name} was loaded from {file}, not from the side's folder: it would be the same on both"
                " sides. Uninstall it, or keep its folder off PYTHONPATH."
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
