"""Fault windows as bands behind a chart over time."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import altair as alt
import pandas as pd

from perf.sample import Samples
from reports.chart_style import tip

_NS_PER_S = 1e9
_OPACITY = 0.14  # seen in light and dark, and the points before it still told apart
_LABEL_PX = 10


@dataclass(frozen=True, slots=True)
class Band:
    """A fault on the time axis of a scenario's charts, in seconds from its first intended start."""

    label: str
    from_s: float
    to_s: float


def bands_of(record: Mapping[str, Any], samples: Samples) -> list[Band]:
    """Return the fault windows that fall into the time in which a scenario was measured."""
    windows = (record.get("chaos") or {}).get("windows") or []
    if not windows or not samples.intended_ns.size:
        return []
    origin_ns, end_ns = int(samples.intended_ns.min()), int(samples.intended_ns.max())
    shown = [w for w in windows if w["began_ns"] < end_ns and w["ended_ns"] > origin_ns]
    return [
        Band(
            str(w["label"]),
            (max(w["began_ns"], origin_ns) - origin_ns) / _NS_PER_S,
            (min(w["ended_ns"], end_ns) - origin_ns) / _NS_PER_S,
        )
        for w in shown
    ]


def band_layers(bands: Sequence[Band], from_s: float, to_s: float) -> list[alt.Chart]:
    """Return the layers behind the points: a band each, its name standing in it. Bands out of sight are left out."""
    seen = [band for band in bands if band.from_s < to_s and band.to_s > from_s]
    if not seen:
        return []
    base = alt.Chart(pd.DataFrame([asdict(band) for band in seen]))
    x = alt.X("from_s:Q")
    tooltip = [alt.Tooltip("label:N", title="fault"), tip("from_s", "from, s"), tip("to_s", "to, s")]
    return [
        base.mark_rect(color="var(--failed)", opacity=_OPACITY, clip=True).encode(
            x, alt.X2("to_s:Q"), tooltip=tooltip
        ),
        base.mark_text(
            angle=270,
            align="right",
            baseline="top",
            dx=-4,
            dy=2,
            fontSize=_LABEL_PX,
            color="var(--muted)",
            clip=True,
        ).encode(x, y=alt.value(0), text="label:N"),
    ]
