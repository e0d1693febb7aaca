"""Charts as Vega-Lite's own data: marks over rows, in layers. Types say which words it has."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NotRequired, Required, TypeAlias, TypedDict

import pandas as pd

from tailguard.base.output.escaping import visible
from tailguard.record.part import Json

Rows: TypeAlias = list[dict[str, Json]]

_ROUND = 5  # significant digits of a drawn value: finer than a pixel, and a third of the bytes


class Scale(TypedDict):
    type: NotRequired[Literal["log"]]
    nice: NotRequired[bool]
    domain: NotRequired[Sequence[float] | Sequence[str]]
    range: NotRequired[Sequence[float] | Sequence[str] | Sequence[Sequence[int]]]


class Axis(TypedDict, total=False):
    domain: bool
    format: str
    grid: bool
    labelExpr: str
    maxExtent: int
    minExtent: int
    tickCount: int
    ticks: bool
    values: Sequence[float]


class Legend(TypedDict):
    columns: NotRequired[int]
    orient: Literal["top"]
    title: None


class Channel(TypedDict, total=False):
    """What a mark takes from its row, or a constant: `value` in px, `datum` on the axis."""

    field: str
    type: Literal["quantitative", "nominal"]
    value: float | str
    datum: float
    axis: Axis | None
    format: str
    legend: Legend | None
    scale: Scale | None
    sort: Sequence[str]
    title: str | None


class Encoding(TypedDict, total=False):
    color: Channel
    detail: Channel
    fill: Channel
    opacity: Channel
    shape: Channel
    strokeDash: Channel
    text: Channel
    tooltip: Sequence[Channel]
    x: Channel
    x2: Channel
    y: Channel
    y2: Channel


class Point(TypedDict):
    """The dots on a line."""

    filled: bool
    size: int


class Mark(TypedDict, total=False):
    type: Required[Literal["bar", "line", "point", "rect", "rule", "text", "tick"]]
    align: str
    angle: int
    baseline: str
    clip: bool
    color: str
    dx: int
    dy: int
    filled: bool
    fontSize: int
    height: int
    interpolate: str
    opacity: float
    point: Point
    shape: str
    size: int
    stroke: str
    strokeDash: Sequence[int]
    strokeWidth: float
    thickness: int


class Interval(TypedDict):
    type: Literal["interval"]
    encodings: Sequence[str]
    zoom: str
    translate: str


class Selection(TypedDict):
    """What a reader may do with a chart."""

    name: str
    bind: Literal["scales"]
    select: Interval


@dataclass(frozen=True, slots=True)
class Layer:
    """A mark for each row, or one line through all of them."""

    rows: Rows
    mark: Mark
    encoding: Encoding
    params: Sequence[Selection] = ()


def number(field: str) -> Channel:
    return {"field": field, "type": "quantitative"}


def word(field: str) -> Channel:
    return {"field": field, "type": "nominal"}


def tip(field: str, title: str) -> Channel:
    return {**number(field), "title": title, "format": ",.4~r"}


def rows_of(frame: pd.DataFrame) -> Rows:
    """Return rows with numbers as exact as a chart shows them; what is not finite is None."""
    columns = [[_compact(value) for value in frame[name].tolist()] for name in frame.columns]
    return [dict(zip(frame.columns, row, strict=True)) for row in zip(*columns, strict=True)]


def _compact(value: Json) -> Json:
    if isinstance(value, float):
        return float(f"{value:.{_ROUND}g}") if math.isfinite(value) else None
    return value


def layered(layers: Sequence[Layer]) -> dict[str, Json]:
    """Return one chart of all layers, the first one below; rows that several of them show are there once."""
    datasets: list[Rows] = []
    units: list[Json] = []
    for layer in layers:
        if layer.rows not in datasets:
            datasets.append(layer.rows)
        unit = {
            "data": {"name": f"rows-{datasets.index(layer.rows)}"},
            "mark": layer.mark,
            "encoding": layer.encoding,
        }
        units.append(plain(unit | ({"params": layer.params} if layer.params else {})))
    return {"layer": units, "datasets": {f"rows-{place}": plain(rows) for place, rows in enumerate(datasets)}}


def plain(value: object) -> Json:
    """Return a part of a chart as JSON, with its texts as `base.escaping.visible` shows them.

    Their picture is XML, and the library that draws it ends the process at a character that XML has no place for.
    """
    match value:
        case str():
            return visible(value)
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case None | bool() | int() | float():
            return value
    raise TypeError(value)
