"""What a fixture may know of the run that it is made for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tailguard.record.environment import Placement

_ANYWHERE = Placement(generator=None, server=None, pinned=False)


@dataclass(frozen=True, slots=True)
class Target:
    """The service under test.

    Attributes:
        url: where it runs already, without a slash at its end; "" if it does not.
        file: the TOML file whose [target] describes it, "" if none does.
    """

    url: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class Shard:
    """Which part of a run's load this process makes: number `index`, from 0, of `count`."""

    index: int = 0
    count: int = 1


@dataclass(frozen=True, slots=True)
class Run:
    """The run.

    Attributes:
        id: unique over runs; both sides of a duet have the same.
        seed: of everything that is drawn by chance.
        planned: most iterations of each scenario, by its name.
        planned_in_all: most in all blocks of a duet between servers, which keep what was done, with the warm-ups;
            nothing otherwise.
        faults: what is made to fail, such as "subscribers_dropped".
        placement: cores of the load and of the servers.
        notes: what was noted.
    """

    id: str
    seed: int
    planned: Mapping[str, int] = field(default_factory=dict)
    planned_in_all: Mapping[str, int] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    placement: Placement = _ANYWHERE
    notes: dict[str, object] = field(default_factory=dict)

    def note(self, name: str, value: object) -> None:
        """Note a fact; a later one of the same name takes its place.

        These end as doubts of the run: "throttled", "pool_exhausted" and "nothing_checked", each with what was seen,
        make it INVALID;
        "invariants_unchecked" says why some were not; "SCENARIO.STEP" says why that step is skipped.
        """
        self.notes[name] = value

    def skipped_steps(self, scenario: str) -> dict[str, str]:
        """Return why steps of a scenario are skipped, by step, as far as that was noted."""
        prefix = f"{scenario}."
        return {
            name.removeprefix(prefix): str(why) for name, why in self.notes.items() if name.startswith(prefix)
        }
