"""Before and after of a migration as bars, on a linear axis: a speck after a long bar is the point."""

from collections.abc import Iterator

import altair as alt
import pandas as pd

from tailguard.record.migration import MigrationEntry, QueryEvidence
from tailguard.record.part import Estimate
from tailguard.report.charts.style import Figure, styled
from tailguard.report.views import numbers

_SIDES = ("before", "after")
_ROW_PX = 34
_LABELS_PX = 100  # the browser's letters are wider than those that the chart library counts on
_LABEL_ROOM = 1.35  # a third of the axis for the number written behind the longest bar


def migration_figure(entry: MigrationEntry) -> Figure:
    """Return the bars of one migration, or the reason why there are none."""
    if entry.before is None or entry.after is None:
        return Figure("Time before and after", "No time was measured before or after this migration.", None)
    rows = list(_rows(entry.before, entry.after))
    if all(row["ms"] is None for row in rows):
        told = "The query was repeated too few times for a median: give a higher migrations.repeats."
        return Figure("Time before and after", told, None)
    frame = pd.DataFrame(rows)
    order = list(dict.fromkeys(frame["label"]))
    end = float(frame["high"].max()) * _LABEL_ROOM
    axis = alt.Axis(domain=False, ticks=False, grid=False, minExtent=_LABELS_PX)
    y = alt.Y("label:N", sort=order, title=None, axis=axis)
    x = alt.X("ms:Q", title="median time of the query, ms", scale=alt.Scale(domain=[0, end], nice=False))
    tip = [alt.Tooltip("label:N", title="time"), alt.Tooltip("shown:N", title="median")]
    colours = alt.Scale(domain=list(_SIDES), range=["var(--muted)", "var(--response)"])
    base = alt.Chart(frame).encode(y)
    bars = base.mark_bar(height=16).encode(
        x, color=alt.Color("side:N", scale=colours, legend=None), tooltip=tip
    )
    spread = base.mark_rule(color="var(--ink)", strokeWidth=1.5).encode(alt.X("low:Q"), alt.X2("high:Q"))
    words = base.mark_text(align="left", dx=8, color="var(--ink)", fontSize=12)
    chart = alt.layer(bars, spread, words.encode(alt.X("high:Q"), text=alt.Text("shown:N")))
    caption = "Median of the repeated query with its interval; server time is PostgreSQL's own, client time a caller's."
    return Figure("Time before and after", caption, styled(chart, height_px=_ROW_PX * len(rows)))


def _rows(before: QueryEvidence, after: QueryEvidence) -> Iterator[dict[str, str | float | None]]:
    for name, times in (
        ("server", (before.server_ms, after.server_ms)),
        ("client", (before.client_ms, after.client_ms)),
    ):
        for side, estimate in zip(_SIDES, times, strict=True):
            yield _row(name, side, estimate)


def _row(name: str, side: str, median: Estimate) -> dict[str, str | float | None]:
    return {
        "side": side,
        "label": f"{name}, {side}",
        "ms": median.value,
        "low": median.value if median.low is None else median.low,
        "high": median.value if median.high is None else median.high,
        "shown": numbers.ms(median.value),
    }
