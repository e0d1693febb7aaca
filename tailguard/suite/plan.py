"""The plan of a scenario's fixtures: which ones it needs, and what those need. Nothing is made yet."""

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailguard.base.errors import UsageError
from tailguard.config.option import did_you_mean
from tailguard.suite.fixture import SCOPES, Fixture, parameter
from tailguard.suite.rows import Rows
from tailguard.suite.scenario import Scenario

SAMPLES = "samples"  # what invariants may take beside fixtures

AnyFixture = Fixture[Any]  # Any: a table holds fixtures of every type of value
Table = Mapping[str, AnyFixture]


@dataclass(frozen=True, slots=True)
class Node:
    """A fixture with what its arguments are. Two are equal if they make the same value."""

    fixture: AnyFixture
    needs: tuple["Node", ...]

    @property
    def on_loop(self) -> bool:
        """Whether it is made on an event loop, as it is async or needs what is."""
        return self.fixture.is_async or any(need.on_loop for need in self.needs)

    @property
    def key(self) -> str:
        """A name that is the same in every process of a run."""
        needs = f"({','.join(need.key for need in self.needs)})" if self.needs else ""
        return f"{self.fixture.module}:{self.fixture.name}{self.fixture.case}{needs}"


Nodes = Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario with the fixtures that its journey and its invariants take, by the name of the argument."""

    scenario: Scenario[...]
    journey: Nodes
    check: Nodes

    @property
    def rows(self) -> dict[str, Rows]:
        """What the journey gets anew in each iteration, by the name of the argument."""
        return {name: node.fixture.rows for name, node in self.journey.items() if node.fixture.rows}

    @property
    def user_rows(self) -> list[Rows]:
        """The rows that each virtual user has one of."""
        kept = {name: node for name, node in self.journey.items() if not node.fixture.rows}
        return [node.fixture.rows for node in walk(kept) if node.fixture.rows]


def plan_scenario(scenario: Scenario[...], table: Table) -> Plan:
    """Look up everything that a scenario needs, by name.

    Raises:
        UsageError: a fixture that is not in the table, a circle, or one that asks for a narrower scope; with the place
            in the file and the chain that leads there.
    """
    check_needs = [name for name in scenario.check_needs if name != SAMPLES]
    own = {name: parameter(name, value) for name, value in scenario.case.items()}
    planner = _Planner(ChainMap(own, dict(table)))
    asks = f"{scenario.place}: scenario {scenario.name!r}"
    found = Plan(
        scenario,
        {name: planner.node(name, asks) for name in scenario.journey_needs},
        {name: planner.node(name, f"{asks}: its invariants") for name in check_needs},
    )
    _refuse_on_loop(found, asks)
    if taken := [node.fixture.name for node in walk(found.check) if node.fixture.rows]:
        raise UsageError(
            f"{asks}: its invariants ask for {taken[0]!r}: a row belongs to an iteration or a user"
        )
    return found


def _refuse_on_loop(plan: Plan, asks: str) -> None:
    """Raise UsageError for an async fixture where no event loop runs."""
    without_loop = {"its invariants, which are": plan.check}
    if not plan.scenario.is_async:
        without_loop["a journey that is"] = plan.journey
    for what, nodes in without_loop.items():
        for node in walk(nodes):
            if node.fixture.is_async:
                raise UsageError(
                    f"{node.fixture.place}: fixture {node.fixture.name!r} is async and is needed by {what} not: {asks}"
                )


class _Planner:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._chain: list[AnyFixture] = []

    def node(self, name: str, asks: str) -> Node:
        fixture = self._table.get(name)
        if fixture is None:
            raise UsageError(f"{asks} asks for a fixture {name!r} that does not exist.{self._nearest(name)}")
        if fixture in self._chain:
            circle = [*self._chain[self._chain.index(fixture) :], fixture]
            names = " asks for ".join(f"{each.name!r} ({each.place})" for each in circle)
            raise UsageError(f"fixtures ask for each other in a circle: {names}")
        self._chain.append(fixture)
        asks = f"{fixture.place}: fixture {fixture.name!r}"
        needs = tuple(self.node(need, asks) for need in fixture.needs)
        self._chain.pop()
        for need in needs:
            _check_scope(fixture, need.fixture)
        return Node(fixture, needs)

    def _nearest(self, name: str) -> str:
        return did_you_mean(name, list(self._table))


def _check_scope(fixture: AnyFixture, need: AnyFixture) -> None:
    if SCOPES.index(need.scope) > SCOPES.index(fixture.scope):
        raise UsageError(
            f"{fixture.place}: fixture {fixture.name!r} of scope {fixture.scope!r} asks for {need.name!r} of scope "
            f"{need.scope!r}, which does not live as long: give {fixture.name!r} the scope {need.scope!r}"
        )


def handed_over(nodes: Nodes) -> list[Node]:
    """Return the nodes of scope "run" that the others ask for: what only such a one needs stays in its own process."""
    found: dict[Node, None] = {}

    def visit(node: Node) -> None:
        if node.fixture.scope == "run":
            found.setdefault(node)
            return
        for need in node.needs:
            visit(need)

    for node in nodes.values():
        visit(node)
    return list(found)


def walk(nodes: Nodes) -> list[Node]:
    """Return the nodes and all that they need, each one once and after its needs."""
    found: dict[Node, None] = {}

    def visit(node: Node) -> None:
        for need in node.needs:
            visit(need)
        found.setdefault(node)

    for node in nodes.values():
        visit(node)
    return list(found)
