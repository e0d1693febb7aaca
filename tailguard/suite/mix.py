"""A mix: several scenarios at once, as a platform has them in a day, each with its share of one load."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from tailguard.base.errors import UsageError
from tailguard.config.option import OptionValue
from tailguard.config.stated_load import stated_rate
from tailguard.config.tables import LoadOptions
from tailguard.suite.scenario import Scenario
from tailguard.suite.signature import short

AnyScenario = Scenario[...]


@dataclass(frozen=True, eq=False)
class Mix:
    """Scenarios that are played at once; its name is that of the variable that holds it.

    Attributes:
        weights: of each scenario, in proportion.
        rate: starts of all together, such as "100/s".
        module, place: where it is stated.
    """

    weights: Mapping[AnyScenario, float]
    rate: str
    module: str
    place: str

    def shares(self) -> dict[str, float]:
        """Return each scenario's share of the load; the cases of one with parameters have theirs in equal parts."""
        total = sum(self.weights.values())
        return {
            case.name: weight / total / len(scenario.cases)
            for scenario, weight in self.weights.items()
            for case in scenario.cases
        }

    def settings(self, load: LoadOptions) -> dict[str, OptionValue]:
        """Return what each scenario's own load is, if that of all together is `load`.

        Each has starts of its own at its share of the rate: of Poisson arrivals that is the same as drawing for each
        arrival which scenario it is, and the seed says when each one comes.
        """
        found: dict[str, OptionValue] = {}
        for scenario, weight in self.weights.items():
            share = weight / sum(self.weights.values()) / len(scenario.cases)
            found |= {
                f"scenario.{scenario.name}.{name}": value for name, value in _part_of(load, share).items()
            }
            users = scenario.users or scenario.users_of_open or load.workers
            found[f"scenario.{scenario.name}.workers"] = users
        return found


def _part_of(load: LoadOptions, share: float) -> dict[str, OptionValue]:
    return {
        "schedule": load.schedule,
        "rate_per_s": load.rate_per_s * share,
        "to_rate_per_s": load.to_rate_per_s * share,
        "steps": [
            re.sub(r"^[\d.]+", lambda rate: f"{float(rate[0]) * share:.6f}", step) for step in load.steps
        ],
        "max_seconds": load.max_seconds,
    }


def mix(weights: Mapping[Scenario[Any], float], *, rate: str) -> Mix:
    """State scenarios that are played at once: `day = mix({browse: 70, find: 20, buy: 10}, rate="100/s")`.

    Each is measured and judged by its own limits. All of them end together: when every limit is decided, or the time
    of one is over.

    Raises:
        UsageError: fewer than two scenarios, a weight that is not above 0, or an unknown rate.
    """
    frame = sys._getframe(1)  # noqa: SLF001  # as namedtuple finds the module that states it
    place = f"{short(frame.f_code.co_filename)}, line {frame.f_lineno}"
    if len(weights) < 2 or not all(isinstance(each, Scenario) for each in weights):  # noqa: PLR2004  # a mix
        raise UsageError(
            f"{place}: a mix is of two scenarios or more: mix({{browse: 70, buy: 30}}, rate='100/s')"
        )
    for scenario, weight in weights.items():
        if not (isfinite(weight) and weight > 0):
            raise UsageError(f"{place}: the weight of {scenario.name} is {weight}; give a number above 0")
    try:
        stated_rate(rate)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None
    return Mix(dict(weights), rate, frame.f_globals["__name__"], place)
