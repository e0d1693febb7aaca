"""Fault windows, and what `tailguard control` ordered, as bands behind a chart over time."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from tailguard.record.run_record import Override, RunRecord
from tailguard.record.samples import Samples
from tailguard.report.charts.vega_lite import Channel, Encoding, Layer, Mark, Rows, number, tip, word

_NS_PER_S = 1e9
_OPACITY = 0.14  # seen in light and dark, and the points before it still told apart
_LABEL_PX = 10


@dataclass(frozen=True, slots=True)
class Band:
    """A fault on the time axis of a scenario's charts, in seconds from its first intended start."""

    label: str
    from_s: float
    to_s: float


def bands_of(record: RunRecord, samples: Samples) -> list[Band]:
    """Return the windows that fall into the time in which a scenario was measured."""
    if not samples.intended_ns.size:
        return []
    origin_ns, end_ns = int(samples.intended_ns.min()), int(samples.intended_ns.max())
    faults = (
        [(each.label, each.began_ns, each.ended_ns) for each in record.chaos.windows] if record.chaos else []
    )
    return [
        Band(
            label,
            (max(began_ns, origin_ns) - origin_ns) / _NS_PER_S,
            (min(ended_ns, end_ns) - origin_ns) / _NS_PER_S,
        )
        for label, began_ns, ended_ns in [
            *faults,
            *_ordered(record.overrides or (), samples.scenario, end_ns),
        ]
        if began_ns < end_ns and ended_ns > origin_ns
    ]


def _ordered(overrides: Sequence[Override], scenario: str, end_ns: int) -> Iterator[tuple[str, int, int]]:
    """Yield pauses, and the stretches of another rate of a scenario, each with its begin and end."""
    rates = [each for each in overrides if each.order == "rate" and each.scenario == scenario]
    ends_ns = [*(each.at_ns for each in rates[1:]), end_ns]
    for each, until_ns in zip(rates, ends_ns, strict=False):
        yield f"{each.rate_per_s:g}/s", each.at_ns, until_ns
    paused_ns = None
    for each in overrides:
        if each.order == "pause":
            paused_ns = each.at_ns
        elif each.order in {"resume", "stop"} and paused_ns is not None:
            yield "paused", paused_ns, each.at_ns
            paused_ns = None


def band_layers(bands: Sequence[Band]) -> list[Layer]:
    """Return the layers that go behind the points."""
    if not bands:
        return []
    tooltip: list[Channel] = [
        {**word("label"), "title": "fault"},
        tip("from_s", "from, s"),
        tip("to_s", "to, s"),
    ]
    mark: Mark = {"type": "rect", "color": "var(--failed)", "opacity": _OPACITY, "clip": True}
    return [Layer(_rows(bands), mark, {"x": number("from_s"), "x2": {"field": "to_s"}, "tooltip": tooltip})]


def band_labels(bands: Sequence[Band]) -> list[Layer]:
    """Return the layers that go before the points: each fault's name, standing in its band."""
    if not bands:
        return []
    place: Mark = {
        "type": "text", "angle": 270, "align": "right", "baseline": "top", "dx": -4, "dy": 2,
        "fontSize": _LABEL_PX, "clip": True,
    }  # fmt: skip
    at: Encoding = {"x": number("from_s"), "y": {"value": 0}, "text": word("label")}
    # readable on top of points
    halo: Mark = {**place, "color": "var(--paper)", "stroke": "var(--paper)", "strokeWidth": 3}
    marks: list[Mark] = [halo, {**place, "color": "var(--muted)"}]
    return [Layer(_rows(bands), mark, at) for mark in marks]


def _rows(bands: Sequence[Band]) -> Rows:
    return [asdict(band) for band in bands]
