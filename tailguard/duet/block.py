"""One side of one block of a duet: a fresh process that builds its world, warms up, measures and says what it saw.

Run as `python -P -m tailguard.duet.block ORDER RESULT`, both JSON files (`tailguard.duet.order`). Tailguard and the
suite are the caller's on both sides; all else comes from the side's own folder. What is measured goes to RESULT with
the suffix .samples (`tailguard.record.samples.pack`).
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from tailguard.base.errors import TailguardError
from tailguard.config.merge import Config, load_config
from tailguard.duet.order import MeasuredScenario, Order, PhaseTimes, SideRecord
from tailguard.duet.plans import explain_queries
from tailguard.duet.remote_block import ITERATIONS_PER_BLOCK, later, open_remote
from tailguard.duet.turns import TurnClient
from tailguard.engine.measure import Pace, measure
from tailguard.engine.placement import pinned
from tailguard.engine.scenario import Scenario
from tailguard.engine.workload import Measurement, Workload
from tailguard.pipeline.loads import load_of
from tailguard.pipeline.world import RemoteWorld, World
from tailguard.record.duet import ExplainedQuery
from tailguard.record.run_json import decode, encode
from tailguard.record.samples.pack import pack_samples
from tailguard.record.scenario import Invariant, ScenarioEnded
from tailguard.suite.parts import parts_of
from tailguard.suite.registry import load_scenarios


def main(order_path: str, result_path: str) -> None:
    """Do as ordered; the result is written only if the block came to its end."""
    order = decode(Path(order_path).read_bytes(), Order)
    if order.side.folder:
        # Tailguard is imported already, and the suite's own folder comes before this one.
        sys.path[:0] = [order.side.folder, str(Path(order.side.folder) / "src")]
    try:
        record = perform(order, Path(result_path).with_suffix(".samples"))
    except TailguardError as error:
        sys.exit(str(error))
    part = Path(result_path).with_suffix(".part")
    part.write_bytes(encode(record))
    part.replace(result_path)


def perform(order: Order, samples_path: Path) -> SideRecord:
    """Measure one block; its samples go to `samples_path`."""
    phases = Phases(order.ordered_ns)
    side = order.side
    config = load_config(side.profile, file=side.config_file, flags=side.settings, environ={})
    scenarios = load_scenarios(config)
    needs = frozenset[str]().union(*(scenario.needs for scenario in scenarios))
    phases.end("start")
    with ExitStack() as stack:
        held = stack.enter_context(ExitStack())
        held.enter_context(pinned(side.placement))
        world = stack.enter_context(_world(config, needs, order, phases))
        workloads = _workloads(config, _numbered(scenarios, order), world)
        phases.end("prepare")
        measured = _measure(workloads, config, order.turns, phases)
        held.close()  # nothing is timed any more: the checks may use every core
        entries = {each.scenario.slug: _entry(each, world, measured) for each in workloads}
        pack_samples(samples_path, {slug: each.samples for slug, each in measured.items()})
        faults = tuple(world.faults)
        plans = _plans(order, config, world)
        phases.end("check")
    phases.end("close")
    return SideRecord(
        scenarios=entries,
        platform=side.server.label if side.server else side.folder,
        faults=faults,
        plans=plans,
        phases=PhaseTimes(**phases.seconds),
    )


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
def _world(config: Config, needs: frozenset[str], order: Order, phases: Phases) -> Iterator[World]:
    side = order.side
    opened: AbstractContextManager[World]
    if side.server:
        opened = open_remote(config, side.server, order.run_id, side.placement)
    else:
        parts = parts_of(config.suite)
        check_origin(side.project)
        opened = parts.open_world(config, needs, order.run_id, placement=side.placement)
    with opened as world:
        phases.end("world")
        yield world


def _numbered(scenarios: Sequence[Scenario], order: Order) -> Sequence[Scenario]:
    """Let a block at a server begin after the iterations of all others, as the server keeps what was done."""
    server = order.side.server
    if server is None:
        return scenarios
    first = server.first_iteration + order.number * ITERATIONS_PER_BLOCK
    return [later(scenario, first) for scenario in scenarios]


def _workloads(config: Config, scenarios: Sequence[Scenario], world: World) -> list[Workload]:
    found = []
    for scenario in scenarios:
        settings = config.scenario(scenario.slug)
        data = scenario.prepare(world, settings)
        load = load_of(scenario.slug, settings, config.get("seed"))
        found.append(Workload(scenario, world.platform, data, load))
    return found


def _measure(
    workloads: Sequence[Workload], config: Config, turns: str, phases: Phases
) -> dict[str, Measurement]:
    """Measure all scenarios, slice by slice, each slice in a turn of its own."""
    client = TurnClient(turns) if turns else None
    watch = _Turns(client, phases)
    watch.take("wait")
    measured = measure(workloads, pace=Pace(slice_s=config.get("load.slice_s")), on_progress=watch.next)
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


def _entry(workload: Workload, world: World, measured: Mapping[str, Measurement]) -> MeasuredScenario:
    measurement = measured[workload.scenario.slug]
    held, unchecked = _invariants(workload, world, measurement)
    return MeasuredScenario(
        title=workload.scenario.title,
        schedule=measurement.schedule,
        warmup=measurement.warmup,
        offered_rate_per_s=measurement.offered_rate_per_s,
        measured_s=measurement.measured_s,
        invariants=held,
        unchecked=unchecked,
    )


def _invariants(
    workload: Workload, world: World, measurement: Measurement
) -> tuple[tuple[Invariant, ...], str]:
    """Return what held and what did not; nothing, and why, if that needs a database that is not ours to read."""
    found = workload.scenario.invariants(world, workload.data, measurement.samples)
    if spoilt := getattr(world.platform, "throttled", "") or getattr(world.platform, "exhausted", ""):
        raise TailguardError(spoilt)
    if isinstance(world, RemoteWorld) and world.blind:
        world.blind = False
        return (), "the server's database is not ours to read"
    return tuple(found), ""


def _plans(order: Order, config: Config, world: World) -> dict[str, ExplainedQuery]:
    """Last of all, as it builds the side's indexes."""
    folder = config.get("migrations.folder")
    if not folder or not order.explain or order.side.server:
        return {}
    return explain_queries(world.database, Path(order.side.folder) / folder)


def check_origin(project: str) -> None:
    """Raise TailguardError if a module was loaded from the project's own folder: then no side's code was measured."""
    for name, module in list(sys.modules.items()):
        file = Path(getattr(module, "__file__", None) or "/")
        if project and file.is_relative_to(project) and "site-packages" not in file.parts:
            raise TailguardError(
                f"the module {name} was loaded from {file}, not from the side's folder: it would be the same on both"
                " sides. Uninstall it, or keep its folder off PYTHONPATH."
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
