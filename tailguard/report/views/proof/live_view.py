"""What a proof found beyond its plans, in words: the gain, and what clients met while it built or dropped an index."""

from collections.abc import Iterator

from tailguard.base.text_format import times
from tailguard.record.migration import Client, ClientImpact, GrowthRow, GrowthSide, LiveProof, MigrationEntry
from tailguard.report.views import numbers
from tailguard.report.views.proof.index_tradeoff import IndexTradeoff, costs_of
from tailguard.report.views.proof.sentences import saving

NO_CONTROL = (
    "No positive control was run, so this proof does not show that these clients would have noticed a stall."
)


def gain_of(entry: MigrationEntry) -> str:
    """Say what the query gains, on the server and for a client, or what a removal saves; "" if it is not known."""
    if entry.act == "drop":
        return "" if entry.cost is None else saving(entry, entry.cost)
    if entry.before is None or entry.after is None:
        return ""
    server = _saved("server", entry.before.server_ms.value, entry.after.server_ms.value)
    client = _saved("client", entry.before.client_ms.value, entry.after.client_ms.value)
    return f"{server.capitalize()}; {client}." if server and client else ""


def savings_of(entry: MigrationEntry) -> tuple[IndexTradeoff, ...]:
    """Return what each write costs without the index and with it, of a removal."""
    return tuple(costs_of(entry, entry.cost)) if entry.act == "drop" and entry.cost else ()


def lead_of(entry: MigrationEntry, live: LiveProof) -> str:
    """Say what was done under load, and beside what."""
    act, rate = entry.act, numbers.per_second(live.rate_per_s)
    behind = ", each behind a reader whose transaction stayed open" if act == "drop" else ""
    return (
        f"{numbers.count(len(live.builds))} {act}s{behind}, while writers and readers went on at {rate} each, by"
        f" intended start whatever the answers took; beside them a window without a {act} and one {after_of(entry)}."
    )


def after_of(entry: MigrationEntry) -> str:
    """Which index the window after the last build or drop had."""
    return "without the index" if entry.act == "drop" else "with the index"


def impacts_of(entry: MigrationEntry, live: LiveProof) -> Iterator[tuple[str, Client, ClientImpact]]:
    """Yield what each kind of client met in each window, by the window's name."""
    windows = [(f"baseline, no {entry.act}", live.baseline)]
    windows += [
        (f"{entry.act} {number}, {numbers.seconds(build.seconds)}", build.impact)
        for number, build in enumerate(live.builds, 1)
    ]
    windows.append((after_of(entry), live.after))
    if live.control is not None:
        windows.append(
            (f"plain {entry.statement}, {numbers.seconds(live.control.seconds)}", live.control.impact)
        )
    for window, impacts in windows:
        yield from ((window, who, impact) for who, impact in impacts.items())


def growth_gain(row: GrowthRow) -> str:
    """How many times faster the query is with the index."""
    before, after = row.before.server_ms.value, row.after.server_ms.value
    return times(before / after) if before and after else ""


def cold_ms(side: GrowthSide) -> str:
    """The query's time with a cold cache."""
    return numbers.ms(side.cold.server_ms.value if side.cold else None)


def cold_absent(entry: MigrationEntry) -> str:
    """Why nothing was measured with a cold cache; "" if it was."""
    return next((row.after.cold_absent for row in entry.growth if row.after.cold_absent), "")


def _saved(who: str, before: float | None, after: float | None) -> str:
    if not before or not after:
        return ""
    saved = numbers.percent(1 - after / before)
    return f"the {who} saves {saved} ({numbers.ms(before)} to {numbers.ms(after)}, {times(before / after)})"
