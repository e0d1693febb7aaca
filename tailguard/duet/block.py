"""One side of one block of a duet: a fresh process that builds its world, warms up, measures and says what it saw.

Run as `python -P -m tailguard.duet.block ORDER RESULT`, both JSON files (see `Order`). The instrument, `perf` and
`scenarios`, is the caller's on both sides; the platform comes from the side's own folder. What is measured goes to
RESULT with the suffix .samples (`tailguard.engine.samples_pack`).
"""

import json
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from perf.world import World
    from tailguard.base.placement import Placement
    from tailguard.config.merge import Config
    from tailguard.duet.turns import Turn
    from tailguard.engine.workload import Measurement, Trial


@dataclass(frozen=True, slots=True)
class Order:
    """What a block shall do.

    Attributes:
        run_id: tells this block's rows from others'.
        profile: name of the profile, for the record.
        settings: every value of the configuration, by dotted key.
        folder: the side's code, put before all else on the import path; "" for the code that is installed.
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
    turns: str = ""
    explain: bool = False
    block: int = 0
    server: dict[str, Any] = field(default_factory=dict)


def main(order_path: str, result_path: str) -> None:
    """Do as ordered; the result is written only where the block came to its end."""
    order = Order(**json.loads(Path(order_path).read_text(encoding="utf-8")))
    if order.folder:
        # `perf` and `scenarios` are imported already, so that this changes nothing but the platform.
        sys.path.insert(0, order.folder)
    from tailguard.base.errors import TailguardError  # noqa: PLC0415  # imported late: the side's folder comes first

    try:
        result = perform(order, Path(result_path).with_suffix(".samples"))
    except TailguardError as error:
        sys.exit(str(error))
    part = Path(result_path).with_suffix(".part")
    part.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
    part.replace(result_path)


def perform(order: Order, samples_path: Path) -> dict[str, Any]:
    """Measure one block; returns its record. Times of the phases are in seconds, and add up to the whole."""
    from tailguard.base.placement import Placement, pinned  # noqa: PLC0415
    from tailguard.config.merge import load_config  # noqa: PLC0415  # imported late: see `main`
    from tailguard.engine.samples_pack import pack_samples  # noqa: PLC0415
    from tailguard.suite.registry import load_scenarios  # noqa: PLC0415

    phases = Phases(order.ordered_ns)
    config = load_config(order.profile, flags=order.settings, environ={})
    scenarios = load_scenarios(config.get("scenarios"))
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
        plans = _plans(order, world)
        phases.end("check")
    phases.end("close")
    return {
        "scenarios": entries,
        "faults": faults,
        "plans": plans,
        "platform": order.server.get("label") or _source_of_platform(),
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
    config: "Config", needs: frozenset[str], order: Order, placement: "Placement", phases: Phases
) -> "Iterator[World]":
    if order.server:
        from tailguard.duet.remote_block import open_remote  # noqa: PLC0415  # imports the platform, as below

        opened: Any = open_remote(config, order.server, order.run_id, placement)
    else:
        from perf.world import open_world  # noqa: PLC0415

        opened = open_world(config, needs, order.run_id, placement=placement)
    with opened as world:
        phases.end("world")
        yield world


def _later(scenarios: "Sequence[Any]", order: Order) -> "list[Any]":
    """Let the turns of each block begin where no other one's have been, as the server keeps what was done."""
    from tailguard.duet.remote_block import TURNS_A_BLOCK, later  # noqa: PLC0415

    first_turn = order.server["first_turn"] + order.block * TURNS_A_BLOCK
    return [later(scenario, first_turn) for scenario in scenarios]


def _trials(config: "Config", scenarios: "Sequence[Any]", world: "World") -> "list[Trial]":
    from tailguard.engine.workload import Trial  # noqa: PLC0415
    from tailguard.pipeline.loads import load_of  # noqa: PLC0415

    found = []
    for scenario in scenarios:
        settings = config.scenario(scenario.slug)
        data = scenario.prepare(world, settings)
        load = load_of(scenario.slug, settings, config.get("seed"))
        found.append(Trial(scenario, world.platform, data, load))
    return found


def _measure(
    trials: "Sequence[Trial]", config: "Config", turns: str, phases: Phases
) -> "dict[str, Measurement]":
    """Measure all scenarios, slice by slice, each slice in a turn of its own."""
    from tailguard.duet.turns import Turn  # noqa: PLC0415
    from tailguard.engine.measure import Pace, measure  # noqa: PLC0415

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

    def __init__(self, turn: "Turn | None", phases: Phases) -> None:
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


def _entry(trial: "Trial", world: "World", measured: "dict[str, Measurement]") -> dict[str, Any]:
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


def _invariants(
    trial: "Trial", world: "World", measurement: "Measurement"
) -> tuple[list[dict[str, Any]], str]:
    """Return what held and what did not; nothing, and why, where that needs a database that is not ours to read."""
    from tailguard.base.errors import TailguardError  # noqa: PLC0415  # as in `main`

    check: Callable[..., Any] = trial.scenario.invariants
    found = [asdict(each) for each in check(world, trial.data, measurement.samples)]
    if spoilt := getattr(world.platform, "throttled", "") or getattr(world.platform, "exhausted", ""):
        raise TailguardError(spoilt)
    if getattr(world, "blind", False):
        world.blind = False  # type: ignore[attr-defined]  # a remote world's
        return [], "the server's database is not ours to read"
    return found, ""


def _plans(order: Order, world: "World") -> dict[str, Any]:
    """Last of all, as it builds the side's indexes."""
    if not order.explain or order.server:
        return {}
    from tailguard.duet.plans import explain_queries  # noqa: PLC0415

    return explain_queries(world.database, Path(order.folder) / "migrations_sql")


def _source_of_platform() -> str:
    import deltacrown  # noqa: PLC0415

    return str(Path(reference.__file__).parent.parent)


if __name__ == "__main__":
    import perf  # noqa: F401  # before the side's folder gets in front; `scenarios` is imported by -m

    main(*sys.argv[1:])
