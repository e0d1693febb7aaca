"""How every chart looks: colours as CSS variables, so that one chart serves light, dark and paper; limits; size."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tailguard.record.part import Json
from tailguard.report.charts.vega_lite import Axis, Channel, Layer, Scale, Selection, layered, word

if TYPE_CHECKING:
    import pandas as pd

HEIGHT_PX = 240
# The library knows how wide these letters are, wherever it draws, so that what it puts beside them does not meet them.
FONT = "Arial, 'Liberation Sans', Helvetica, sans-serif"
RESPONSE, SERVICE, LIMIT, FAILED = "var(--response)", "var(--service)", "var(--limit)", "var(--failed)"
# The axis of values in a chart over time: all plots of a scenario begin at the same place.
SIDE_PX = 44
SIDE: Axis = {"minExtent": SIDE_PX, "maxExtent": SIDE_PX, "tickCount": 4, "format": "~r"}
_MARGIN = 1.25  # a quarter beyond the outermost mark keeps lines off the frame of a logarithmic axis


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


def log_scale(ends: Domain) -> Scale:
    return {"type": "log", "nice": False, "domain": [ends.low, ends.high]}


def time_axis(field: str, end_s: float, title: str | None = "intended start, s") -> Channel:
    """Return the time axis that all charts of a scenario share, from its first start on."""
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "axis": {"grid": False},
        "scale": {"domain": [0, end_s or 1.0], "nice": False},
    }


def choice(field: str, domain: Sequence[str], shown: Sequence[str] | Sequence[Sequence[int]]) -> Channel:
    """Return how each value of a field looks, with a legend that tells it."""
    scale: Scale = {"domain": domain, "range": shown}
    return {**word(field), "scale": scale, "legend": {"title": None, "orient": "top"}}


def styled(layers: Iterable[Layer], height_px: int = HEIGHT_PX, *, zoom: bool = False) -> dict[str, Json]:
    """Return a chart as wide as its column, without a background of its own."""
    first, *others = layers
    first = replace(first, params=(_ZOOM,)) if zoom else first
    return {**layered([first, *others]), "width": "container", "height": height_px, "config": _CONFIG}


# Of the time axis; it leaves the page's own scrolling and touch alone.
_ZOOM: Selection = {
    "name": "zoom",
    "bind": "scales",
    "select": {
        "type": "interval",
        "encodings": ["x"],
        "zoom": "wheel![event.shiftKey]",
        "translate": "[pointerdown[event.pointerType === 'mouse'], window:pointerup] > window:pointermove!",
    },
}

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
