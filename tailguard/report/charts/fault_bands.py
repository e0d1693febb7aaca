"""Fault windows as bands behind a chart over time."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import altair as alt
import pandas as pd

from tailguard.record.chaos import Chaos
from tailguard.record.samples import Samples
from tailguard.report.charts.style import tip

_NS_PER_S = 1e9
_OPACITY = 0.14  # seen in light and dark, and the points before it still told apart
_LABEL_PX = 10


@dataclass(frozen=True, slots=True)
class Band:
    """A fault on the time axis of a scenario's charts, in seconds from its first intended start."""

    label: str
    from_s: float
    to_s: float


def bands_of(chaos: Chaos | None, samples: Samples) -> list[Band]:
    """Return the fault windows that fall into the time in which a scenario was measured."""
    if chaos is None or not samples.intended_ns.size:
        return []
    origin_ns, end_ns = int(samples.intended_ns.min()), int(samples.intended_ns.max())
    return [
        Band(
            window.label,
            (max(window.began_ns, origin_ns) - origin_ns) / _NS_PER_S,
            (min(window.ended_ns, end_ns) - origin_ns) / _NS_PER_S,
        )
        for window in chaos.windows
        if window.began_ns < end_ns and window.ended_ns > origin_ns
    ]


def band_layers(bands: Sequence[Band]) -> list[alt.Chart]:
    """Return the layers that go behind the points."""
    if not bands:
        return []
    tooltip = [alt.Tooltip("label:N", title="fault"), tip("from_s", "from, s"), tip("to_s", "to, s")]
    rectangles = _chart(bands).mark_rect(color="var(--failed)", opacity=_OPACITY, clip=True)
    return [rectangles.encode(alt.X("from_s:Q"), alt.X2("to_s:Q"), tooltip=tooltip)]


def band_labels(bands: Sequence[Band]) -> list[alt.Chart]:
    """Return the layers that go before the points: each fault's name, standing in its band."""
    if not bands:
        return []
    place: dict[str, Any] = {
        "angle": 270, "align": "right", "baseline": "top", "dx": -4, "dy": 2, "fontSize": _LABEL_PX, "clip": True,
    }  # fmt: skip
    words = _chart(bands).encode(alt.X("from_s:Q"), y=alt.value(0), text="label:N")
    halo = words.mark_text(
        **place, color="var(--paper)", stroke="var(--paper)", strokeWidth=3
    )  # readable on top of points
    return [halo, words.mark_text(**place, color="var(--muted)")]


def _chart(bands: Sequence[Band]) -> alt.Chart:
    return alt.Chart(pd.DataFrame([asdict(band) for band in bands]))
