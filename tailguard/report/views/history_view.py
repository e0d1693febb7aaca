"""A history as a table for the terminal, a page with charts, and the change points of a second opinion."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any  # apache-otava ships no types

import pandas as pd

from tailguard.base.text_format import duration_ms, ratio, significant
from tailguard.compare.history import SERIES
from tailguard.report.page import history_page_of

_BARS = "▁▂▃▄▅▆▇█"
_SHOWN = 20  # newest runs in a sparkline
# apache-otava as measured: window 30, p 0.001, changes of 3 % at least; it needs some runs on either side.
_OTAVA = {"window_len": 30, "max_pvalue": 0.001, "min_magnitude": 0.03}
FEWEST_RUNS = 10


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """One metric over its runs, as texts; `change` is the newest against the median of those before."""

    metric: str
    runs: str
    newest: str
    change: str
    spark: str


def lines_of(table: pd.DataFrame) -> Iterator[SeriesLine]:
    """Yield a line per series, throughput left out; of several machines or configurations the newest run's only."""
    if table.empty:
        return
    newest = table.iloc[-1]
    ours = table[
        (table["machine"] == newest["machine"]) & (table["config_sha256"] == newest["config_sha256"])
    ]
    for (slug, step, name), rows in ours.groupby(["scenario", "step", "name"], sort=False):
        if name != "throughput":
            yield _line(f"{slug} {step} {name}".replace("  ", " "), rows)


def spark(values: list[float]) -> str:
    """Return the values as bars between the lowest and the highest."""
    low, high = min(values), max(values)
    span = high - low or 1.0
    return "".join(_BARS[round((value - low) / span * (len(_BARS) - 1))] for value in values)


def change_points(table: pd.DataFrame) -> list[str] | None:
    """Return a sentence per change that apache-otava sees in latencies; None if it is not installed.

    A report, never a gate: it takes 3 to 20 runs to see a step, and p = 0.001 is not the rate of a whole history.
    """
    if find_spec("otava") is None:
        return None
    compute: Any = import_module("otava.analysis").compute_change_points
    found = []
    for key, rows in table[table["unit"] == "ms"].groupby(SERIES, sort=False):
        if len(rows) < FEWEST_RUNS:
            continue
        for point in compute(rows["value"].tolist(), **_OTAVA)[0]:
            at, stats = rows.iloc[int(point.index)], point.stats
            found.append(
                f"{key[2]} {key[3]} {key[4]}: {stats.mean_2 / stats.mean_1 - 1:+.1%} from run {at['run']}"
                f" ({at['created_utc']}, commit {at['commit'][:10] or 'unknown'}) on"
            )
    return found


def page_of(table: pd.DataFrame) -> str:
    """Return one self-contained page: a chart per metric, its interval as a band, a colour per machine."""
    import altair as alt  # noqa: PLC0415  # the table needs no part that draws charts

    latencies = table[table["unit"] == "ms"].assign(
        metric=lambda rows: rows["scenario"] + " " + rows["step"] + " " + rows["name"],
        time=lambda rows: pd.to_datetime(rows["created_utc"]),
    )
    base = alt.Chart(latencies).encode(
        x=alt.X("time:T", title=None), color=alt.Color("machine:N", title="machine")
    )
    value = alt.Y("value:Q", title="ms", scale=alt.Scale(zero=False))
    line = base.mark_line(point=True).encode(
        y=value, tooltip=["run", "commit", "time:T", "value", "low", "high", "n"]
    )
    band = base.mark_area(opacity=0.2).encode(y="low:Q", y2="high:Q")
    chart = (band + line).properties(width=420, height=140).facet("metric:N", columns=2)
    with (
        alt.data_transformers.disable_max_rows()
    ):  # a guard for notebooks: 1,000 runs have more than 5,000 rows
        drawn = chart.resolve_scale(y="independent").to_dict()
    return history_page_of(drawn)


def _line(name: str, rows: pd.DataFrame) -> SeriesLine:
    values = rows["value"].astype(float).tolist()
    before = rows["value"].iloc[:-1].median() if len(rows) > 1 else None
    change = "" if before is None or not before else f"{values[-1] / before - 1:+.1%}"
    return SeriesLine(
        name, str(len(rows)), _shown(values[-1], rows["unit"].iloc[-1]), change, spark(values[-_SHOWN:])
    )


def _shown(value: float, unit: str) -> str:
    return duration_ms(value) if unit == "ms" else ratio(value) if unit == "ratio" else significant(value)
