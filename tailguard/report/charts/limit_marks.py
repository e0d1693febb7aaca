"""Limits in a chart: a dashed line or a diamond each, with its name where no other name and no axis is."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from tailguard.report.charts.style import HEIGHT_PX, LIMIT, Domain, Limit
from tailguard.report.charts.vega_lite import Encoding, Layer, Mark, Rows, number, word

# Charts are as wide as their column: what has room in the narrowest one has room in all.
NARROWEST_PX = 280
_LINE_PX, _LETTER_PX = 14, 6.2  # a line of 11 px letters with some room, and one letter of it
_BESIDE_PX = 9  # from a diamond to its name
_DIAMOND: Mark = {
    "type": "point", "shape": "diamond", "filled": True, "size": 90, "color": LIMIT, "opacity": 1,
}  # fmt: skip


def limit_rules(
    limits: Sequence[Limit], domain: Domain, height_px: int = HEIGHT_PX, *, upright: bool = False
) -> list[Layer]:
    """Return a dashed line per limit with its name: along it, at the end without another name."""
    length_px = NARROWEST_PX if upright else height_px
    named: dict[float, str] = {}
    for limit in sorted(limits, key=lambda limit: limit.ms):
        named[limit.ms] = f"{named[limit.ms]}, {limit.text}" if limit.ms in named else limit.text
    last_px = {"begin": -math.inf, "end": -math.inf}
    layers: list[Layer] = []
    for ms, text in named.items():
        at_px = length_px * domain.share(ms)
        rows: Rows = [{"ms": ms, "limit": text}]
        at: Encoding = {"x": number("ms")} if upright else {"y": number("ms")}
        rule: Mark = {"type": "rule", "color": LIMIT, "strokeDash": [6, 4]}
        layers.append(Layer(rows, rule, {**at, "tooltip": [word("limit")]}))
        # Away from the nearer end of the axis, so that the name lies within the picture.
        off = 7 if (at_px < _LINE_PX if upright else at_px > length_px - _LINE_PX) else -7
        name_px = at_px + off if upright else at_px - off  # on a page, down is positive
        end = next((end for end, px in last_px.items() if abs(name_px - px) >= _LINE_PX), None)
        if end is None:  # the line has its tooltip
            continue
        last_px[end] = name_px
        layers += _words(rows, at, end, off, upright=upright)
    return layers


def _words(rows: Rows, at: Encoding, end: str, off: int, *, upright: bool) -> list[Layer]:
    place: Mark = {"type": "text", "fontSize": 11, "dy": off, "baseline": "middle"}
    is_first = end == "begin"
    if upright:  # read from below, along the line
        place |= {"angle": 270, "align": "right" if is_first else "left", "dx": -4 if is_first else 4}
        across: Encoding = {"y": {"value": 0 if is_first else HEIGHT_PX}}
    else:
        place |= {"align": "left" if is_first else "right", "dx": 4 if is_first else -4}
        across = {"x": {"value": 0 if is_first else "width"}}
    return haloed(rows, place, {**at, **across, "text": word("limit")}, LIMIT)


def haloed(rows: Rows, place: Mark, encoding: Encoding, color: str) -> list[Layer]:
    """Return a text and what keeps it readable on top of bars, points and lines."""
    halo: Mark = {**place, "color": "var(--paper)", "stroke": "var(--paper)", "strokeWidth": 4}
    return [Layer(rows, halo, encoding), Layer(rows, {**place, "color": color}, encoding)]


def limit_points(limits: Sequence[Limit], x: Domain, y: Domain) -> list[Layer]:
    """Return a diamond per limit at 1 / (1 - q) and ms, those within `x`; each with its name beside it if that fits."""
    seen = [(1 / (1 - limit.q), limit) for limit in limits]
    seen = [(inverse, limit) for inverse, limit in seen if inverse <= x.high]
    taken: list[_Box] = []
    layers: list[Layer] = []
    for inverse, limit in seen:
        rows: Rows = [{"inverse": inverse, "ms": limit.ms, "limit": limit.text}]
        here: Encoding = {"x": number("inverse"), "y": number("ms")}
        layers.append(Layer(rows, _DIAMOND, {**here, "tooltip": [word("limit")]}))
        at = (NARROWEST_PX * x.share(inverse), HEIGHT_PX * (1 - y.share(limit.ms)))
        free = (each for each in _beside(*at, limit.text) if not any(each.meets(other) for other in taken))
        box = next(free, None)
        if box:
            taken.append(box)
            layers += haloed(rows, box.place, {**here, "text": word("limit")}, LIMIT)
    return layers


@dataclass(frozen=True, slots=True)
class _Box:
    """Where a name would be, in px, and how it is put there from its diamond."""

    left: float
    right: float
    y: float
    align: str
    dx: int
    dy: int

    @property
    def place(self) -> Mark:
        return {
            "type": "text", "align": self.align, "dx": self.dx, "dy": self.dy, "baseline": "middle", "fontSize": 11,
        }  # fmt: skip

    def meets(self, other: "_Box") -> bool:
        return self.left < other.right and other.left < self.right and abs(self.y - other.y) < _LINE_PX


def _beside(x_px: float, y_px: float, text: str) -> Iterator[_Box]:
    """Yield the places for the name of a diamond that lie within the picture, the best first."""
    width = len(text) * _LETTER_PX
    for (align, dx), dy in product((("right", -_BESIDE_PX), ("left", _BESIDE_PX)), (0, -_LINE_PX, _LINE_PX)):
        right = x_px + dx if align == "right" else x_px + dx + width
        box = _Box(right - width, right, y_px + dy, align, dx, dy)
        if box.left >= 0 and box.right <= NARROWEST_PX and 0 < box.y < HEIGHT_PX:
            yield box
