"""A duet's part of the report: both sides, every metric, how good the gate was, where the time went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailguard.base import text_format
from tailguard.base.secrets import mask_all
from tailguard.report.views import change_view, numbers
from tailguard.report.views.verdict_view import severity


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One metric of both sides, as texts."""

    state: str
    metric: str
    baseline: str
    candidate: str
    change: str
    interval: str
    margin: str
    slower: str
    gated: bool
    why: str


@dataclass(frozen=True, slots=True)
class DuetView:
    """What a reader sees of a duet; `discarded` are the blocks that were lost, with their logs.

    `paired` says how changes were estimated, `unlike_medians` the same with the metrics where that shows, else "".
    """

    sides: tuple[tuple[str, str], ...]
    rows: tuple[ChangeRow, ...]
    facts: tuple[tuple[str, str], ...]
    quality: str
    discarded: tuple[str, ...]
    plans: tuple[tuple[str, str, str], ...]  # state, query, what changed
    unlike_medians: str
    paired: str = change_view.PAIRED


def duet_of(record: Mapping[str, Any]) -> DuetView | None:
    """Return the duet of a run, None where the run is none. Secrets are masked once more on the way."""
    duet = record.get("duet")
    if not duet:
        return None
    duet = mask_all(duet)
    found = sorted(duet.get("comparisons") or [], key=lambda each: severity(str(each["state"])))
    return DuetView(
        sides=tuple((name, str(side.get("label", ""))) for name, side in (duet.get("sides") or {}).items()),
        rows=tuple(_row(each) for each in found),
        facts=tuple(_facts(duet)),
        quality=str((duet.get("quality") or {}).get("sentence") or ""),
        discarded=tuple(str(text) for text in duet.get("discarded") or ()),
        plans=tuple((str(p["state"]), str(p["step"]), str(p["why"])) for p in duet.get("plans") or ()),
        unlike_medians=_unlike_medians(found),
    )


def _row(each: Mapping[str, Any]) -> ChangeRow:
    baseline, candidate = change_view.sides(each)
    return ChangeRow(
        state=str(each["state"]),
        metric=change_view.metric_of(each),
        baseline=baseline,
        candidate=candidate,
        change=change_view.signed(each, (each.get("observed") or {}).get("value")),
        interval=change_view.bounds(each),
        margin=change_view.margin(each),
        slower=change_view.slower_pairs(each),
        gated=bool(each.get("gated")),
        why=str(each.get("why") or ""),
    )


def _unlike_medians(found: Sequence[Mapping[str, Any]]) -> str:
    named = [change_view.metric_of(each) for each in found if change_view.is_unlike_medians(each)]
    return f"{change_view.PAIRED} So it does here: {', '.join(named)}." if named else ""


def _facts(duet: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    budget, time = duet.get("budget") or {}, duet.get("time") or {}
    looks = ", ".join(str(look) for look in duet.get("looks") or ())
    facts = [
        (
            "Pairs of fresh processes",
            f"{duet.get('pairs', 0)} of at most {budget.get('pairs', '?')}; looks at {looks}",
        ),
        ("Blocks discarded", str(len(duet.get("discarded") or ()))),
    ]
    if time and time["wall_s"]:
        parts = [
            (words, time[name])
            for name, words in (
                ("measuring_s", "in the platform"),
                ("starts_s", "in starting processes"),
                ("seeding_s", "in seeding"),
                ("checks_s", "in checking invariants"),
            )
            if name in time
        ]
        shares = ", ".join(f"{numbers.percent(seconds / time['wall_s'])} {words}" for words, seconds in parts)
        facts.append(("Time", f"{text_format.duration_s(time['wall_s'])}: {shares}"))
    if calibration := duet.get("calibration"):
        facts.append((f"Calibrated here, {calibration.get('created_utc')}", str(calibration.get("sentence"))))
    for side, saw in (duet.get("sides_saw") or {}).items():
        if saw.get("faults"):
            facts.append((f"Faults of the {side}", ", ".join(map(str, saw["faults"]))))
    return facts
