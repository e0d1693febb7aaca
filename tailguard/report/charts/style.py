"""How every chart looks: colours as CSS variables, so that one chart serves light, dark and paper; limits; size.

Charts give Altair its channels as objects: for each that it is given as a text, it takes 4 ms to find which one it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any  # altair's charts and channels

import altair as alt
import pandas as pd

from tailguard.base.output.escaping import visible
from tailguard.record.part import Json

HEIGHT_PX = 240
# The library knows how wide these letters are, wherever it draws, so that what it puts beside them does not meet them.
FONT = "Arial, 'Liberation Sans', Helvetica, sans-serif"
RESPONSE, SERVICE, LIMIT, FAILED = "var(--response)", "var(--service)", "var(--limit)", "var(--failed)"
# The axis of values in a chart over time: all plots of a scenario begin at the same place.
SIDE_PX = 44
SIDE = alt.Axis(minExtent=SIDE_PX, maxExtent=SIDE_PX, tickCount=4, format="~r")
_MARGIN = 1.25  # a quarter beyond the outermost mark keeps lines off the frame of a logarithmic axis
_ROUND = 5  # significant digits of a drawn value: finer than a pixel, and a third of the bytes


@dataclass(frozen=True, slots=True)
class Limit:
    """A latency objective of a step: `q` of the samples within `ms`; `text` as a reader says it."""

    q: float
    ms: float
    text: str


@dataclass(frozen=True, slots=True)
class Domain:
    """The ends of a logarithmic axis."""

    low: float
    high: float

    def share(self, value: float) -> float:
        """Where a value lies between the ends, 0 to 1."""
        return math.log(value / self.low) / math.log(self.high / self.low)


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with the words around it. `spec` is Vega-Lite's; None if there is nothing to draw: `caption` says why."""

    title: str
    caption: str
    spec: dict[str, Json] | None
    wide: bool = False


def ends_of(values: "pd.Series[float]", limits: Sequence[Limit]) -> Domain:
    """Return the ends of an axis that holds all values and all limits: a limit out of sight would not be noticed."""
    marks = [float(values.min()), float(values.max()), *(limit.ms for limit in limits)]
    return Domain(min(marks) / _MARGIN, max(marks) * _MARGIN)


def log_scale(ends: Domain) -> alt.Scale:
    return alt.Scale(type="log", nice=False, domain=[ends.low, ends.high])


def time_axis(end_s: float, title: str | None = "intended start, s") -> dict[str, Any]:
    """Return title, axis and scale of the time axis that all charts of a scenario share, from its first start on."""
    scale = alt.Scale(domain=[0, end_s or 1.0], nice=False)
    return {"title": title, "axis": alt.Axis(grid=False), "scale": scale}


def choice(field: str, domain: Sequence[str], shown: Sequence[Any]) -> Any:
    kind = alt.StrokeDash if isinstance(shown[0], list) else alt.Color if "var(" in shown[0] else alt.Shape
    return kind(
        field,
        scale=alt.Scale(domain=list(domain), range=list(shown)),
        legend=alt.Legend(title=None, orient="top"),
    )


def tip(field: str, title: str) -> alt.Tooltip:
    return alt.Tooltip(f"{field}:Q", title=title, format=",.4~r")


def zoom() -> alt.Parameter:
    """Zoom of the time axis that leaves the page's own scrolling and touch alone."""
    return alt.selection_interval(
        name="zoom",
        bind="scales",
        encodings=["x"],
        zoom="wheel![event.shiftKey]",
        translate="[pointerdown[event.pointerType === 'mouse'], window:pointerup] > window:pointermove!",
    )


def compact(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.map(lambda value: float(f"{value:.{_ROUND}g}") if isinstance(value, float) else value)


def styled(chart: Any, height_px: int = HEIGHT_PX) -> dict[str, Json]:
    """The chart as Vega-Lite, as wide as its column, without a background of its own."""
    spec = chart.to_dict(validate=False)
    spec.pop("$schema", None)
    spec |= {"width": "container", "height": height_px, "config": _CONFIG}
    # Their picture is XML, and the library that draws it ends the process at a character that XML has no place for.
    return {name: visible_texts(part) for name, part in spec.items()}


def visible_texts(value: Json) -> Json:
    """Return a part of a chart with its texts as `base.escaping.visible` shows them."""
    match value:
        case str():
            return visible(value)
        case list():
            return [visible_texts(each) for each in value]
        case dict():
            return {key: visible_texts(each) for key, each in value.items()}
    return value


_CONFIG: dict[str, Json] = {
    "background": "transparent",
    "font": FONT,
    "aria": False,  # the figure carries one label for all; a label a mark would triple the page
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "gridColor": "var(--grid)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "titleFontWeight": "normal",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "tickCount": 6,
        "labelOverlap": True,
    },
    "legend": {"labelColor": "var(--ink)", "labelFontSize": 11, "symbolStrokeWidth": 2},
}
