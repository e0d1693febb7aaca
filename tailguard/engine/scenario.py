"""A scenario: one user journey with its steps, its needs and what must hold after it."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tailguard.base.errors import UsageError
from tailguard.engine.iteration import Session
from tailguard.record.chaos import Outage
from tailguard.record.samples import MOST_STEPS, Samples
from tailguard.record.scenario import Invariant

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One user journey.

    Attributes:
        slug: its name in files, tables and on the command line.
        title: its name for people.
        steps: names of the timed steps, in the order of the journey; the first is timed from the intended start.
        needs: real parts it runs against, such as "postgres".
        journey: one turn: (session, platform, data).
        prepare: (world, settings) -> data, before the first sample.
        invariants: (world, data, samples) -> what held and what did not, after the last sample.
        refusals: what the platform raises for a clean, expected refusal.
        optional: names of steps that only some worlds have; `tailguard run` takes them if they are to be had.
        open_optional: (world, data) -> why each of those that are not to be had is skipped; makes the others ready.
        counters: data -> counters of the platform's own parts, after the last sample.
        outages: data -> when its subscribers were without their connection; None if it has no subscribers.
    """

    slug: str
    title: str
    steps: tuple[str, ...]
    needs: frozenset[str]
    journey: Callable[[Session, Any, Any], None]  # Any: platform and data are the scenario's own affair
    prepare: Callable[[Any, Mapping[str, Any]], Any]
    invariants: Callable[[Any, Any, Samples], list[Invariant]]
    refusals: tuple[type[Exception], ...] = ()
    optional: tuple[str, ...] = ()
    open_optional: Callable[[Any, Any], Mapping[str, str]] = lambda _world, _data: {}
    counters: Callable[[Any], Mapping[str, int]] = lambda _data: {}
    outages: Callable[[Any], Sequence[Outage]] | None = None

    def __post_init__(self) -> None:
        for name in (self.slug, *self.steps, *self.optional):
            if not _NAME.fullmatch(name):
                raise UsageError(
                    f"scenario {self.slug!r}: name {name!r} is not made of a-z, 0-9 and _, a letter first"
                )
        if not 0 < len(self.steps) <= MOST_STEPS or len(set(self.steps)) != len(self.steps):
            raise UsageError(
                f"scenario {self.slug!r}: steps {self.steps} must be 1 to {MOST_STEPS} different names"
            )

    def with_optional(self, skipped: Collection[str]) -> "Scenario":
        """Return the scenario with its optional steps as steps like the others, those `skipped` left out."""
        taken = tuple(step for step in self.optional if step not in skipped)
        return replace(self, steps=self.steps + taken, optional=())
