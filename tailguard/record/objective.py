"""What a run was judged by: objectives, the rule of each scenario, and the margins of a comparison. Data alone.

`judge/` reads them from TOML and from the command line, and refuses what cannot be.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from tailguard.record.part import Count, Part, Share

# "value" is a recorded number, "rate" how often something recorded was true.
Metric: TypeAlias = Literal["latency", "error_rate", "refusal_rate", "retry_rate", "value", "rate"]
RECORDED: tuple[Metric, ...] = ("value", "rate")
Dependence: TypeAlias = Literal["bursty", "independent"]


_RATE = (("max_ratio",),)
_STATED: Mapping[Metric, tuple[tuple[str, ...], ...]] = {
    "latency": (("q", "limit_ms"),),
    "value": (("q", "limit_value"),),
    "rate": (("max_ratio",), ("min_ratio",)),
}


class Objective(Part, frozen=True, kw_only=True):
    """A promise about one step of a scenario, or (`step` is "") about all of them; or about a recorded metric.

    `q` and `limit_ms` belong to a latency, `q` and `limit_value` to recorded numbers, `max_ratio` to a rate, of what
    was recorded `min_ratio` instead if it is the least; `strict` is "<": then a sample at the limit exceeds. `refusal`
    names the one refusal that a refusal rate counts; "" counts all. The `step` of a recorded metric is its name.
    """

    name: str
    scenario: str
    step: str
    metric: Metric
    q: Share | None = None
    limit_ms: Annotated[float, Meta(gt=0)] | None = None
    max_ratio: Share | None = None
    limit_value: Annotated[float, Meta(gt=0)] | None = None
    min_ratio: Share | None = None
    strict: bool = False
    refusal: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError unless what belongs to the metric is there, and nothing else."""
        names = ("q", "limit_ms", "limit_value", "max_ratio", "min_ratio")
        stated = tuple(name for name in names if getattr(self, name) is not None)
        if stated not in _STATED.get(self.metric, _RATE):
            alone = " or ".join(" and ".join(each) for each in _STATED.get(self.metric, _RATE))
            raise ValueError(f"a {self.metric} has {alone}, and nothing else")

    @property
    def p0(self) -> float:
        """The share of samples that may exceed."""
        least = self.min_ratio if self.q is None else self.q
        share = self.max_ratio if least is None else 1 - least
        assert share is not None
        return round(share, 12)  # 1 - 0.95 is 0.050000000000000044

    @property
    def limit(self) -> float:
        """In ms for a latency, of recorded numbers in their own unit, else a ratio."""
        limits = (self.limit_ms, self.limit_value, self.max_ratio, self.min_ratio)
        return next(each for each in limits if each is not None)

    @property
    def sign(self) -> str:
        """How what is observed must lie to the limit."""
        return "≥" if self.min_ratio is not None else "<" if self.strict else "≤"


class Rule(Part, frozen=True, kw_only=True):
    """What is allowed to go wrong (`alpha`, each side), what is assumed of successive samples, and the earliest look.

    `first_look` 0 leaves that to the dependence. If so many samples are measured anyway, earlier looks gain
    nothing, and a noisy start can mislead them.
    """

    alpha: Annotated[float, Meta(gt=0, lt=0.5)]
    dependence: Dependence
    first_look: Count = 0


class Objectives(Part, frozen=True, kw_only=True):
    """All objectives of a run and the rule of each scenario; `source` is the file that they come from.

    `unasked` are the scenarios that nobody stated a limit for: they have the usual error rate, which alone passes
    nothing. `together` says among which ones a FAIL must stand: those of the whole run, or of its own scenario if each
    one is a question of its own, as a test is.
    """

    items: tuple[Objective, ...]
    rules: Mapping[str, Rule]
    source: str = ""
    unasked: tuple[str, ...] = ()
    together: Literal["run", "scenario"] = "run"

    def __post_init__(self) -> None:
        """Raise ValueError if a scenario is judged by no rule."""
        if without := {item.scenario for item in self.items} - {*self.rules}:
            raise ValueError(f"there is no rule for {min(without)!r}")

    def of(self, scenario: str) -> tuple[Objective, ...]:
        return tuple(item for item in self.items if item.scenario == scenario)

    @property
    def families(self) -> tuple[tuple[Objective, ...], ...]:
        """Those that are judged together, in their order."""
        return (self.items,) if self.together == "run" else tuple(self.by_scenario().values())

    def by_scenario(self) -> dict[str, tuple[Objective, ...]]:
        """Return those of each scenario that has any."""
        found: dict[str, list[Objective]] = {}
        for item in self.items:
            found.setdefault(item.scenario, []).append(item)
        return {scenario: tuple(items) for scenario, items in found.items()}


class Margin(Part, frozen=True, kw_only=True):
    """At most this much more than the baseline.

    `most` is a share for the quantile `q`, or (q is None) points of the error rate.
    """

    q: Share | None
    most: float


class Margins(Part, frozen=True, kw_only=True):
    """Allowed slowdown by quantile, and the change in ms below which a scenario is left alone."""

    quantiles: tuple[Margin, ...]
    floor_ms: float
    floors_ms: Mapping[str, float] = {}

    def floor_of(self, scenario: str) -> float:
        """Return the floor of one scenario in ms."""
        return self.floors_ms.get(scenario, self.floor_ms)
