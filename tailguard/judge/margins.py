"""How much slower than its baseline a candidate may be: the [gate] table of the objectives file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailguard.judge.objective import parse_duration_ms, parse_quantile, parse_share

# A change smaller than this bothers nobody and is mostly the clock's and the scheduler's.
DEFAULT_FLOOR_MS = 0.1
# What the gate allows if no objectives say otherwise: beyond these, most people notice.
DEFAULT_TABLE = {"p50": "5%", "p95": "10%"}


@dataclass(frozen=True, slots=True)
class Margins:
    """Allowed slowdown by quantile (0.05 is 5 %), and the change in ms below which a scenario is left alone."""

    deltas: Mapping[float, float]
    floor_ms: float
    floors_ms: Mapping[str, float]

    def floor_of(self, scenario: str) -> float:
        """Return the floor of one scenario in ms."""
        return self.floors_ms.get(scenario, self.floor_ms)


def parse_margins(table: Mapping[str, Any]) -> Margins:
    """Return the margins of a [gate] table: p50 = "5%", floor = "0.1ms", floors = {scenario = "0.5ms"}.

    Raises UsageError naming the text that does not parse.
    """
    deltas = {
        parse_quantile(key): parse_share(str(table[key])) for key in table if key not in {"floor", "floors"}
    }
    floor_ms = parse_duration_ms(str(table.get("floor", f"{DEFAULT_FLOOR_MS}ms")))
    floors_ms = {slug: parse_duration_ms(str(floor)) for slug, floor in table.get("floors", {}).items()}
    return Margins(deltas, floor_ms, floors_ms)
