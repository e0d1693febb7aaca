"""Before and after of a migration as bars, on a linear axis: a speck after a long bar is the point."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from tailguard.record.migration import MigrationEntry, QueryEvidence
from tailguard.report.charts.style import Figure, styled
from tailguard.report.charts.vega_lite import Channel, Layer, Mark, Rows, number, word
from tailguard.report.views import numbers

_SIDES = ("before", "after")
_ROW_PX = 34
_LABELS_PX = 100  # the browser's letters are wider than those that the chart library counts on
_LABEL_ROOM = 1.35  # a third of the axis for the number written behind the longest bar


def migration_figure(entry: MigrationEntry) -> Figure:
    """Return the bars of one migration, or the reason why there are none."""
    if entry.before is None or entry.after is None:
        return Figure("Time before and after", "No time was measured before or after this migration.", None)
    bars = list(_bars(entry.before, entry.after))
    highest = [bar.high for bar in bars if bar.high is not None]
    if not highest:
        told = "The query was repeated too few times for a median: give a higher migrations.repeats."
        return Figure("Time before and after", told, None)
    caption = "Median of the repeated query with its interval; server time is PostgreSQL's own, client time a caller's."
    layers = _layers(bars, max(highest) * _LABEL_ROOM)
    return Figure("Time before and after", caption, styled(layers, height_px=_ROW_PX * len(bars)))


@dataclass(frozen=True, slots=True)
class _Bar:
    """A median with its interval, in ms; all None if there are too few times for one."""

    side: str
    label: str
    ms: float | None
    low: float | None
    high: float | None
    shown: str


def _bars(before: QueryEvidence, after: QueryEvidence) -> Iterator[_Bar]:
    for name, times in (
        ("server", (before.server_ms, after.server_ms)),
        ("client", (before.client_ms, after.client_ms)),
    ):
        for side, median in zip(_SIDES, times, strict=True):
            low = median.value if median.low is None else median.low
            high = median.value if median.high is None else median.high
            yield _Bar(side, f"{name}, {side}", median.value, low, high, numbers.ms(median.value))


def _layers(bars: Sequence[_Bar], end: float) -> Iterator[Layer]:
    rows: Rows = [asdict(bar) for bar in bars]
    y: Channel = {
        **word("label"),
        "sort": [bar.label for bar in bars],
        "title": None,
        "axis": {"domain": False, "ticks": False, "grid": False, "minExtent": _LABELS_PX},
    }
    x: Channel = {
        **number("ms"),
        "title": "median time of the query, ms",
        "scale": {"domain": [0, end], "nice": False},
    }
    colours: Channel = {
        **word("side"),
        "scale": {"domain": _SIDES, "range": ["var(--muted)", "var(--response)"]},
        "legend": None,
    }
    tooltip: list[Channel] = [
        {**word("label"), "title": "time"},
        {**word("shown"), "title": "median"},
    ]
    yield Layer(rows, {"type": "bar", "height": 16}, {"x": x, "y": y, "color": colours, "tooltip": tooltip})
    spread: Mark = {"type": "rule", "color": "var(--ink)", "strokeWidth": 1.5}
    yield Layer(rows, spread, {"x": number("low"), "x2": {"field": "high"}, "y": y})
    words: Mark = {"type": "text", "align": "left", "dx": 8, "color": "var(--ink)", "fontSize": 12}
    yield Layer(rows, words, {"x": number("high"), "y": y, "text": word("shown")})
