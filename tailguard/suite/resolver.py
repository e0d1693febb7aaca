"""The resolver: makes the fixtures of the chosen scenarios, in this process and for its virtual users."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

from tailguard.engine.iteration import Iteration
from tailguard.engine.iteration.answers import Refusal
from tailguard.engine.workload import Driven, DrivenJourney
from tailguard.record.samples import Samples
from tailguard.record.scenario import Invariant
from tailguard.suite.data import Data, Withheld, from_data, skipped_data, to_data
from tailguard.suite.fixture import Scope
from tailguard.suite.invariants import SkippedError, checked
from tailguard.suite.lifetime import Lifetime
from tailguard.suite.loop_lifetime import LoopLifetime, ScenarioOnLoop
from tailguard.suite.plan import SAMPLES, Node, Nodes, Plan, handed_over, walk
from tailguard.suite.scenario import Driver


class Resolver(Lifetime):
    """A process's fixtures of scope "run" and "process": a context manager, to be used in the main thread.

    `run_values` is what `export` returned in the process that was started; None in that process itself. `seed` is the
    run's.
    """

    def __init__(self, run_values: Mapping[str, Data] | None = None, seed: int = 1) -> None:
        super().__init__()
        self.seed = seed
        self.on_loop: LoopLifetime | None = None
        self._run_values = run_values
        self._exported: dict[str, Data] = {}
        self._handed_over: dict[str, Node] = {}

    def export(self, plans: Iterable[Plan]) -> dict[str, Data]:
        """Make all fixtures of scope "run" that the plans need; return those that the run's other processes ask for.

        Raises:
            SkippedError: a fixture that a journey needs called `skip`. What only invariants need is left out instead.
        """
        for plan in plans:
            self._make(plan.journey, "run")
            self._make_for_check(plan.check)
            asked = handed_over({**plan.check, **plan.journey})
            self._handed_over |= {node.key: node for node in asked if not node.fixture.is_given}
        return {key: self._data(node) for key, node in self._handed_over.items()}

    def bind(self, plan: Plan) -> "BoundScenario":
        """Make what a scenario needs in this process; its users make their own.

        Raises:
            SkippedError: a fixture that the journey needs called `skip`.
        """
        self._make(plan.journey, "run", "process")
        unchecked = ""
        try:
            self._make(plan.check, "run", "process")
        except SkippedError as skipped:
            unchecked = str(skipped)
        return BoundScenario(plan, self, unchecked)

    def _make_for_check(self, nodes: Nodes) -> None:
        try:
            self._make(nodes, "run")
        except SkippedError as skipped:
            for node in handed_over(nodes):
                if node not in self._values:
                    self._exported.setdefault(node.key, skipped_data(str(skipped)))

    def _make(self, nodes: Nodes, *scopes: Scope) -> None:
        if self._run_values is not None:  # what those of the run need is not here
            scopes = tuple(scope for scope in scopes if scope != "run")
            for node in handed_over(nodes):
                self.value(node)
        for node in walk(nodes):
            if node.fixture.scope in scopes and not node.on_loop:
                self.value(node)

    def _new(self, node: Node) -> object:
        if node.fixture.scope != "run" or node.fixture.is_given:
            return super()._new(node)
        if self._run_values is not None:
            return from_data(self._run_values[node.key])
        try:
            value = super()._new(node)
        except SkippedError as skipped:
            self._exported[node.key] = skipped_data(str(skipped))
            raise
        if not isinstance(value, Withheld):
            self._exported[node.key] = to_data(value, _named(node))
        return value

    def _data(self, node: Node) -> Data:
        """Return a value as other processes get it."""
        if node.key not in self._exported:
            value = self._values[node]
            assert isinstance(value, Withheld)  # else it was exported when it was made
            try:
                self._exported[node.key] = to_data(value.for_workers(), _named(node))
            except SkippedError as skipped:
                self._exported[node.key] = skipped_data(str(skipped))
        return self._exported[node.key]


def _named(node: Node) -> str:
    return f"{node.fixture.place}: fixture {node.fixture.name!r}"


class UserLifetime(Lifetime):
    """A virtual user's own fixtures, on top of its process's."""

    def __init__(self, process: Resolver, number: int) -> None:
        super().__init__()
        self._process, self._number = process, number

    def _new(self, node: Node) -> object:
        if node.fixture.rows:
            return node.fixture.rows.at(self._number, self._process.seed)
        return super()._new(node) if node.fixture.scope == "user" else self._process.value(node)


@dataclass(frozen=True, slots=True)
class BoundScenario:
    """A scenario with its fixtures, for the engine to play.

    `unchecked` says why its invariants are left out, "" if they are not. `skipped` are declared steps that this run
    does not take.
    """

    plan: Plan
    resolver: Resolver
    unchecked: str
    skipped: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The scenario's."""
        return self.plan.scenario.name

    @property
    def title(self) -> str:
        """The scenario's."""
        return self.plan.scenario.title

    @property
    def steps(self) -> tuple[str, ...]:
        """The scenario's, without those skipped."""
        return tuple(step for step in self.plan.scenario.steps if step not in self.skipped)

    @property
    def refusals(self) -> Mapping[Refusal, str]:
        """The scenario's."""
        return self.plan.scenario.refusals

    @property
    def on_loop(self) -> ScenarioOnLoop | Driven | None:
        """How its users are made on an event loop; None if its journey is neither async nor driven."""
        if self.plan.scenario.driver is not None:
            return Driven(partial(self._driven, self.plan.scenario.driver))
        return ScenarioOnLoop(self.plan, self.resolver) if self.plan.scenario.is_async else None

    def _driven(self, driver: Driver) -> AbstractAsyncContextManager[Callable[[int], DrivenJourney]]:
        """Give a driver the journey's fixtures, of which no user has its own."""
        rows, seed = self.plan.rows, self.resolver.seed
        shared = {
            name: self.resolver.value(node) for name, node in self.plan.journey.items() if name not in rows
        }
        return driver(lambda number: {name: each.at(number, seed) for name, each in rows.items()}, **shared)

    @property
    def shared(self) -> list[object]:
        """The values of all fixtures that its users share, those of its invariants too."""
        return self.resolver.made(walk({**self.plan.journey, **self.plan.check}))

    @contextmanager
    def user(self, number: int) -> Iterator[Callable[[Iteration], object]]:
        """Make one virtual user's fixtures in this thread; yield the journey, to be called for each iteration."""
        journey, rows, seed = self.plan.scenario.journey, self.plan.rows, self.resolver.seed
        with UserLifetime(self.resolver, number) as own:
            arguments = {
                name: own.value(node) for name, node in self.plan.journey.items() if name not in rows
            }
            if not rows:
                yield partial(journey, **arguments)
                return

            def play(it: Iteration) -> object:
                return journey(
                    it, **arguments, **{name: each.at(it.number, seed) for name, each in rows.items()}
                )

            yield play

    def check(self, samples: Samples, within_s: float) -> list[Invariant]:
        """Return what held and what did not; none if the scenario has no invariants. What hangs is left in time.

        Raises:
            SkippedError: the invariants called `skip`.
        """
        scenario = self.plan.scenario
        if scenario.check is None:
            return []
        with UserLifetime(self.resolver, 0) as own:
            arguments = {name: own.value(node) for name, node in self.plan.check.items()}
            if SAMPLES in scenario.check_needs:
                arguments[SAMPLES] = samples
            file = scenario.check.__code__.co_filename
            return checked(scenario.name, partial(scenario.check, **arguments), file, within_s)
