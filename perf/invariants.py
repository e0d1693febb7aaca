"""Small makers of invariants: what must hold however fast the platform was."""

from typing import Any

from tailguard.pipeline.world import World
from tailguard.record.scenario import Invariant


def equals(name: str, *, expected: Any, observed: Any) -> Invariant:
    """Return the invariant that two values are the same."""
    return Invariant(name=name, held=expected == observed, expected=str(expected), observed=str(observed))


def count_is(world: World, name: str, query: str, *parameters: Any, expected: int = 0) -> Invariant:
    """Return the invariant that a query's single number is `expected`."""
    return equals(name, expected=expected, observed=world.value(query, *parameters))
