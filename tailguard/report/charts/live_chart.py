"""The stall chart: each request's latency over time, the build's phases as bands, its blockers as marks.

A window without a build, the worst build and the plain CREATE INDEX are side by side on the same two scales.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tailguard.record.migration import Act, BuildUnderLoad, Client, LiveProof, MigrationEntry
from tailguard.record.samples import ERROR, Samples
from tailguard.report.charts.downsampling import slowest_by_bucket
from tailguard.report.charts.style import FAILED, LIMIT, RESPONSE, SERVICE, Figure, choice, styled
from tailguard.report.charts.vega_lite import Channel, Encoding, Layer, Mark, number, rows_of, tip, word
from tailguard.report.views import numbers

MOST_POINTS = 300  # of one kind of client in one picture: one each pixel or two, about 100 bytes each
LEAD_S = 0.5  # of a window before its build that is drawn; the baseline starts as far left
_ROOM = 1.05  # beyond the highest point
WHO: tuple[Client, ...] = ("writers", "readers")
FAILURE = "failed"
# Kinds of phases by the first words of the server's own names, each with its colour and what the caption calls it.
BANDS = {
    "building": (("building index", "initializing"), "var(--muted)", "grey"),
    "dropping": (("dropping",), "var(--muted)", "grey"),
    "validating": (("index validation",), "var(--pass)", "green"),
    "waiting": (("waiting",), "var(--inconclusive)", "amber"),
}
OTHER = "other"
_AT_WORK: dict[Act, str] = {
    "build": "building",
    "drop": "dropping",
}  # the band if the server has no word for a phase
_LABELLED = 0.14  # of the picture's width: a narrower band has no room for its name


@dataclass(frozen=True, slots=True)
class LiveWindow:
    """One window to draw: times in s from its build's start, or from `LEAD_S` after its own if it has none."""

    title: str
    caption: str
    points: pd.DataFrame  # at_s, ms, kind
    total: int
    build: BuildUnderLoad | None
    act: Act


def live_figures(
    entry: MigrationEntry, live: LiveProof, samples: Mapping[str, Samples]
) -> tuple[Figure, ...]:
    """Return the pictures of a migration's proof under load, drawn from the samples of live.parquet."""
    windows = _windows(entry, live, samples)
    drawn = [window for window in windows if len(window.points)]
    if not drawn:
        return (Figure("Stall chart", "live.parquet is missing from the run's folder, or empty.", None),)
    ends = [window.build.seconds for window in drawn if window.build]
    span = (-LEAD_S, max([*ends, *(float(window.points["at_s"].max()) for window in drawn)]))
    top = max(float(window.points["ms"].max()) for window in drawn) * _ROOM
    return tuple(_figure(window, span, top) for window in drawn)


def _windows(entry: MigrationEntry, live: LiveProof, samples: Mapping[str, Samples]) -> list[LiveWindow]:
    samples = {name.removeprefix(live.samples): one for name, one in samples.items()}
    statement, act = entry.statement, entry.act
    found = [_window("baseline", f"Baseline: no {act}", "Writers and readers alone.", None, samples, act)]
    worst = max(range(len(live.builds)), key=lambda i: _longest(live.builds[i]))
    build = live.builds[worst]
    title = f"{statement} CONCURRENTLY: {numbers.seconds(build.seconds)}"
    caption = f"{act.capitalize()} {worst + 1} of {len(live.builds)}, the one with the longest wait."
    found.append(_window(f"build_{worst + 1}", title, caption, build, samples, act))
    if live.control is not None:
        title = f"Positive control, plain {statement}: {numbers.seconds(live.control.seconds)}"
        caption = "Writers wait until its transaction ends: this is what a stall looks like."
        found.append(_window("control", title, caption, live.control, samples, act))
    return found


def _longest(build: BuildUnderLoad) -> float:
    return max((impact.longest_ms or 0.0 for impact in build.impact.values()), default=0.0)


def _window(
    name: str,
    title: str,
    caption: str,
    build: BuildUnderLoad | None,
    samples: Mapping[str, Samples],
    act: Act,
) -> LiveWindow:
    mine = {who: samples[f"{name}_{who}"] for who in WHO if f"{name}_{who}" in samples}
    mine = {who: found for who, found in mine.items() if len(found.intended_ns)}
    if not mine:
        return LiveWindow(title, caption, pd.DataFrame({"at_s": [], "ms": [], "kind": []}), 0, build, act)
    first = min(int(found.intended_ns.min()) for found in mine.values())
    origin = first + int(LEAD_S * 1e9) if build is None else build.started_ns
    frames = [_points(found, who, origin) for who, found in mine.items()]
    total = sum(len(found.intended_ns) for found in mine.values())
    return LiveWindow(title, caption, pd.concat(frames, ignore_index=True), total, build, act)


def _points(found: Samples, who: str, origin_ns: int) -> pd.DataFrame:
    """Every request if they are few, else the slowest of each time slice; failures are never left out."""
    at_s, ms = (found.intended_ns - origin_ns) / 1e9, (found.ended_ns - found.intended_ns) / 1e6
    failed = found.outcome == ERROR
    keep = np.arange(len(ms))
    if len(ms) > MOST_POINTS:
        slowest = slowest_by_bucket(at_s - at_s.min(), ms, MOST_POINTS)
        keep = np.union1d(slowest, np.flatnonzero(failed))
    kind = np.where(failed[keep], FAILURE, who)
    return pd.DataFrame({"at_s": at_s[keep], "ms": ms[keep], "kind": kind})


def _figure(window: LiveWindow, span: tuple[float, float], top: float) -> Figure:
    x: Channel = {
        **number("at_s"),
        "title": f"intended start, s from the start of the {window.act}",
        "scale": {"domain": span, "nice": False},
        "axis": {"grid": False},
    }
    title = "response time, ms"
    kinds = [*WHO, FAILURE]
    marks = Layer(
        rows_of(window.points),
        {"type": "point", "filled": True, "size": 18, "opacity": 0.75, "clip": True},
        {
            "x": x,
            "y": {**number("ms"), "title": title, "scale": {"domain": [0, top], "nice": False}},
            "color": _legend(kinds, [RESPONSE, SERVICE, FAILED]),
            "shape": _legend(kinds, ["circle", "triangle-up", "cross"]),
            "tooltip": [tip("at_s", "start, s"), tip("ms", "response, ms"), word("kind")],
        },
    )
    layers = [*_band_layers(window.build, window.act, span), marks, *_blocker_layers(window.build, top)]
    return Figure(window.title, f"{window.caption} {_drawn_text(window)}", styled(layers))


def _legend(kinds: Sequence[str], shown: Sequence[str]) -> Channel:
    return {**choice("kind", kinds, shown), "legend": {"title": None, "orient": "top", "columns": 3}}


def _band_layers(build: BuildUnderLoad | None, act: Act, span: tuple[float, float]) -> Iterator[Layer]:
    if build is None:
        return
    bands = bands_of(build, act)
    yield Layer(
        rows_of(bands),
        {"type": "rect", "opacity": 0.2, "stroke": "var(--paper)", "strokeWidth": 1, "clip": True},
        {
            "x": number("from_s"),
            "x2": {"field": "until_s"},
            "fill": {**word("colour"), "scale": None},
            "tooltip": [word("phase"), tip("from_s", "from, s"), tip("until_s", "until, s")],
        },
    )
    stretches = bands.groupby((bands["band"] != bands["band"].shift()).cumsum()).agg(
        {"from_s": "first", "until_s": "last", "band": "first"}
    )
    wide = stretches[stretches["until_s"] - stretches["from_s"] > _LABELLED * (span[1] - span[0])]
    if wide.empty:
        return
    words: Mark = {"type": "text", "align": "left", "dx": 4, "dy": 9, "fontSize": 11, "color": "var(--muted)"}
    yield Layer(rows_of(wide), words, {"x": number("from_s"), "y": {"value": 0}, "text": word("band")})


def bands_of(build: BuildUnderLoad, act: Act = "build") -> pd.DataFrame:
    """Return one row per phase: from_s, until_s, phase (the server's own word), band (its kind), colour."""
    whole = "starting" if build.phases else f"{_AT_WORK[act]}, no phase seen"
    starts = [0.0, *(look.elapsed_s for look in build.phases)]
    phases = [whole, *(look.phase for look in build.phases)]
    ends = [*starts[1:], build.seconds]
    rows = [
        {
            "from_s": start,
            "until_s": max(end, start),
            "phase": phase,
            "band": (band := _band(phase, act)),
            "colour": BANDS[band][1] if band in BANDS else LIMIT,
        }
        for start, end, phase in zip(starts, ends, phases, strict=True)
    ]
    return pd.DataFrame(rows)


def _band(phase: str, act: Act) -> str:
    if phase.startswith((_AT_WORK[act], "starting", "working")):
        return _AT_WORK[act]
    return next((band for band, (starts, *_) in BANDS.items() if phase.startswith(starts)), OTHER)


def _blocker_layers(build: BuildUnderLoad | None, top: float) -> Iterator[Layer]:
    looks = [look for look in build.phases if look.blockers] if build else []
    if not looks:
        return
    rows = rows_of(
        pd.DataFrame(
            [{"at_s": look.elapsed_s, "ms": top, "blocker": "; ".join(look.blockers)} for look in looks]
        )
    )
    at: Encoding = {"x": number("at_s"), "tooltip": [word("blocker")]}
    yield Layer(rows, {"type": "rule", "color": LIMIT, "strokeDash": [3, 3], "strokeWidth": 1.5}, at)
    end: Mark = {"type": "point", "shape": "triangle-down", "filled": True, "size": 80, "color": LIMIT}
    yield Layer(rows, end, {**at, "y": number("ms")})


def _drawn_text(window: LiveWindow) -> str:
    drawn = len(window.points)
    which = (
        "Each request is drawn"
        if drawn == window.total
        else "The slowest request of each time slice and every failure is drawn"
    )
    text = f"{which}: {numbers.count(drawn)} of {numbers.count(window.total)}."
    if window.build is None or not window.build.phases:
        return text
    present = dict.fromkeys(bands_of(window.build, window.act)["band"])
    named = ", ".join(f"{BANDS[band][2]} {band}" if band in BANDS else f"red {band}" for band in present)
    blockers = dict.fromkeys(blocker for look in window.build.phases for blocker in look.blockers)
    waited = f"for {'; '.join(blockers)} (dashed)" if blockers else "for no other transaction"
    return f"{text} Bands are the {window.act}'s phases: {named}. It waited {waited}."
