"""How much slower than its baseline a candidate may be: the [gate] table of the objectives file."""

from collections.abc import Mapping

from tailguard.judge.objective import parse_duration_ms, parse_quantile, parse_share
from tailguard.record.objective import Margin, Margins

# A change smaller than this bothers nobody and is mostly the clock's and the scheduler's.
DEFAULT_FLOOR_MS = 0.1
# What the gate allows if no objectives say otherwise: beyond these, most people notice.
DEFAULT_MARGINS = Margins(
    quantiles=(Margin(q=0.5, most=0.05), Margin(q=0.95, most=0.10)), floor_ms=DEFAULT_FLOOR_MS
)


def parse_margins(shares: Mapping[str, str], floor: str | None, floors: Mapping[str, str]) -> Margins:
    """Return the margins of a [gate] table: {"p50": "5%"}, floor "0.1ms", floors {scenario: "0.5ms"}.

    Raises UsageError naming the text that does not parse.
    """
    return Margins(
        quantiles=tuple(Margin(q=parse_quantile(key), most=parse_share(shares[key])) for key in shares),
        floor_ms=DEFAULT_FLOOR_MS if floor is None else parse_duration_ms(floor),
        floors_ms={slug: parse_duration_ms(text) for slug, text in floors.items()},
    )
