"""Where the time of a scenario went: the server's statements, and what remains for client and application."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailguard.report.views import numbers

MEASURED = "measured"


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One statement; `share` is of all the server did in the scenario."""

    text: str
    calls: str
    rows: str
    blocks: str
    time: str
    each: str
    share: str


@dataclass(frozen=True, slots=True)
class TimeView:
    """One scenario. `absent` says why there is nothing to show; `server_width` is a bar's length in per cent."""

    slug: str
    title: str
    absent: str
    server: str
    server_share: str
    remainder: str
    server_width: float
    basis: str
    statements: tuple[StatementRow, ...]


def times_of(scenarios: Mapping[str, Any]) -> tuple[TimeView, ...]:
    """Return the view of each scenario that run.json says anything of; none for a run that did not ask."""
    return tuple(
        _time(slug, found, found["database"]) for slug, found in scenarios.items() if found.get("database")
    )


def _time(slug: str, scenario: Mapping[str, Any], found: Mapping[str, Any]) -> TimeView:
    title = str(scenario.get("title") or slug)
    if found.get("state") != MEASURED:
        why = f"{found.get('state', 'absent')}: {found.get('why') or 'no reason was recorded'}"
        return TimeView(slug, title, why, "", "", "", 0.0, "", ())
    server_ms, service_ms, remainder_ms = found["server_ms"], found["service_ms"], found["remainder_ms"]
    share = None if remainder_ms is None or not service_ms else server_ms / service_ms
    return TimeView(
        slug,
        title,
        "",
        numbers.ms(server_ms),
        "" if share is None else numbers.percent(share),
        "none to tell: more statements ran than the timed steps"
        if share is None
        else _rest(remainder_ms, share),
        100.0 if share is None else 100 * share,
        f"{numbers.count(found['samples'])} timed steps, {numbers.ms(service_ms)} of service time in all",
        (*(_row(one, server_ms) for one in found["statements"]), *_others(found, server_ms)),
    )


def _rest(remainder_ms: float, share: float) -> str:
    return f"{numbers.ms(remainder_ms)} ({numbers.percent(1 - share)})"


def _others(found: Mapping[str, Any], server_ms: float) -> tuple[StatementRow, ...]:
    others = found.get("others")
    return (_row({"text": "all other statements"} | others, server_ms),) if others else ()


def _row(one: Mapping[str, Any], server_ms: float) -> StatementRow:
    return StatementRow(
        text=" ".join(str(one["text"]).split()),
        calls=numbers.count(one["calls"]),
        rows=numbers.count(one["rows"]),
        blocks=numbers.count(one["hit_blocks"] + one["read_blocks"]),
        time=numbers.ms(one["exec_ms"]),
        each=numbers.ms(one["exec_ms"] / one["calls"]) if one["calls"] else "",
        share=numbers.percent(one["exec_ms"] / server_ms) if server_ms else "",
    )
