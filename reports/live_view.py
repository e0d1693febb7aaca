"""What a proof under load found, ready to show: verdicts, what clients felt, and the cost beside the benefit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from perf.text_format import significant, times
from reports import numbers

# What the documents that proposed these two indexes promised of them, with neither plan nor block count to check by.
CLAIMED_GAIN = {"idx_tx_wallet_created_desc": 0.67, "idx_moderation_ref_created_desc": 0.72}
NO_CONTROL = (
    "No positive control was run: that these clients would have felt a stall is not shown by this proof."
)
_WRITES = {
    "insert": "One insert",
    "update": "One update of another column",
    "update_key": "One update of an indexed column",
}


@dataclass(frozen=True, slots=True)
class LiveVerdictView:
    """One question about the build under load, and its answer."""

    state: str
    name: str
    expected: str
    observed: str


@dataclass(frozen=True, slots=True)
class FeltRow:
    """What one kind of client felt in one window."""

    window: str
    who: str
    n: str
    errors: str
    p50: str
    p99: str
    longest: str


@dataclass(frozen=True, slots=True)
class Balance:
    """One thing that an index changes: without it, with it, and the difference. A `note` says how sure that is."""

    name: str
    without: str
    having: str
    change: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class LiveView:
    """A proof under load, in the order of the page; `warning` is "" where there is none."""

    lead: str
    warning: str
    worth: str
    verdicts: tuple[LiveVerdictView, ...]
    felt: tuple[FeltRow, ...]
    gains: tuple[Balance, ...]
    costs: tuple[Balance, ...]


@dataclass(frozen=True, slots=True)
class GrowthRow:
    """One size of the table; each of the pairs is (without the index, with it)."""

    rows: str
    warm: tuple[str, str]
    gain: str
    cold: tuple[str, str]
    blocks: tuple[str, str]
    index: str
    build: str


@dataclass(frozen=True, slots=True)
class ProofView:
    """What is shown of a migration beyond its plans: the gain in one line, and what a proof under load found.

    `savings` are those of a removal: what each write costs without the index and with it.
    """

    gain: str
    live: LiveView | None
    savings: tuple[Balance, ...] = ()
    growth: tuple[GrowthRow, ...] = ()
    cold_absent: str = ""


def proof_of(found: Mapping[str, Any]) -> ProofView:
    """Choose and format what run.json says of one migration's proof."""
    live, removal = found.get("live"), found.get("removal")
    if removal:
        return ProofView(
            str(removal["saving"]), None, tuple(_costs(found, {"cost": removal["cost"], "builds": []}))
        )
    growth = found.get("growth") or []
    return ProofView(
        _gain(found),
        None if not live else _live(found, live),
        growth=tuple(_growth(row) for row in growth),
        cold_absent=next(
            (str(row["after"]["cold"]["absent"]) for row in growth if "absent" in row["after"]["cold"]), ""
        ),
    )


def _growth(row: Mapping[str, Any]) -> GrowthRow:
    sides = (row["before"], row["after"])
    warm = [side["server_ms"]["median"] for side in sides]
    cold = [(side["cold"].get("server_ms") or {}).get("median") for side in sides]
    blocks = [sum(side["blocks"].values()) for side in sides]
    return GrowthRow(
        rows=numbers.count(row["rows"]),
        warm=(numbers.ms(warm[0]), numbers.ms(warm[1])),
        gain=times(warm[0] / warm[1]) if warm[0] and warm[1] else "",
        cold=(numbers.ms(cold[0]), numbers.ms(cold[1])),
        blocks=(numbers.count(blocks[0]), numbers.count(blocks[1])),
        index=numbers.size(row["index_bytes"]),
        build=numbers.seconds(row["build_s"]),
    )


def _gain(found: Mapping[str, Any]) -> str:
    """Say server and client apart, and hold them against what was claimed elsewhere."""
    server, client = (_medians(found, key) for key in ("server_ms", "client_ms"))
    if server is None or client is None:
        return ""
    parts = [
        f"the {who} saves {_share(_saved(pair))} ({numbers.ms(pair[0])} to {numbers.ms(pair[1])},"
        f" {times(pair[0] / pair[1])})"
        for who, pair in (("server", server), ("client", client))
    ]
    text = f"{parts[0].capitalize()}; {parts[1]}."
    claimed = CLAIMED_GAIN.get(str(found.get("slug")))
    if claimed is None:
        return text
    stated = f"the gain of {numbers.percent(claimed)} claimed elsewhere for this index"
    verb = "understates" if _saved(server) > claimed else "is not reached by"
    return f"{text} So {stated} {verb} the server side of this run."


def _medians(found: Mapping[str, Any], key: str) -> tuple[float, float] | None:
    before, after = (((found.get(side) or {}).get(key) or {}).get("median") for side in ("before", "after"))
    return (before, after) if before and after else None


def _saved(pair: tuple[float, float]) -> float:
    return 1 - pair[1] / pair[0]


def _share(saved: float) -> str:
    """A saving near the whole, told so that 99.99 % does not become 100 %."""
    return f"{significant(saved * 100, 5)} %"


def _live(found: Mapping[str, Any], live: Mapping[str, Any]) -> LiveView:
    builds, rate = live["builds"], numbers.per_second(live["rate_per_s"])
    return LiveView(
        lead=f"{numbers.count(len(builds))} builds while writers and readers went on at {rate} each, by intended start"
        " whatever the answers took; beside them a window without a build and one with the index.",
        warning="" if live.get("control") else NO_CONTROL,
        worth=str(live.get("worth") or ""),
        verdicts=tuple(
            LiveVerdictView(str(v["state"]), str(v["name"]), str(v["expected"]), str(v["observed"]))
            for v in live["verdicts"]
        ),
        felt=tuple(_felt(live)),
        gains=tuple(_gains(found)),
        costs=tuple(_costs(found, live)),
    )


def _felt(live: Mapping[str, Any]) -> Iterator[FeltRow]:
    windows = [("baseline, no build", live["windows"].get("baseline") or {})]
    windows += [
        (f"build {number}, {numbers.seconds(build['seconds'])}", build["felt"])
        for number, build in enumerate(live["builds"], 1)
    ]
    windows.append(("with the index", live["windows"].get("after") or {}))
    control = live.get("control")
    if control:
        windows.append((f"plain CREATE INDEX, {numbers.seconds(control['seconds'])}", control["felt"]))
    for window, felt in windows:
        for who, summary in felt.items():
            p50, p99 = (numbers.ms(summary[key]["value"]) for key in ("p50_ms", "p99_ms"))
            n, errors = (numbers.count(summary[key]) for key in ("n", "errors"))
            yield FeltRow(window, who, n, errors, p50, p99, numbers.ms(summary["longest_ms"]))


def _gains(found: Mapping[str, Any]) -> Iterator[Balance]:
    for name, key in (
        ("One query, server time (median)", "server_ms"),
        ("One query, client time (median)", "client_ms"),
    ):
        pair = _medians(found, key)
        if pair:
            yield Balance(
                name, numbers.ms(pair[0]), numbers.ms(pair[1]), f"{times(pair[0] / pair[1])} faster"
            )
    blocks = [sum(((found.get(side) or {}).get("blocks") or {}).values()) for side in ("before", "after")]
    if all(blocks):
        change = f"{times(blocks[0] / blocks[1])} fewer"
        yield Balance("One query, blocks", numbers.count(blocks[0]), numbers.count(blocks[1]), change)


def _costs(found: Mapping[str, Any], live: Mapping[str, Any]) -> Iterator[Balance]:
    for kind, cost in live["cost"]["writes"].items():
        before, after, share = cost["before"], cost["after"], cost["ratio"]
        name = _WRITES.get(kind, kind)
        sure = f"{times(share['low'])} to {times(share['high'])}" if share["low"] is not None else ""
        yield Balance(
            f"{name}, p50",
            numbers.ms(before["p50"]["value"]),
            numbers.ms(after["p50"]["value"]),
            times(share["value"]),
            sure,
        )
        yield Balance(
            f"{name}, p95", numbers.ms(before["p95"]["value"]), numbers.ms(after["p95"]["value"]), ""
        )
        hot = cost["hot"]
        if hot["before"] is not None:
            yield Balance(
                f"{name}, heap-only share", numbers.percent(hot["before"]), numbers.percent(hot["after"]), ""
            )
    wal = live["cost"]["wal_bytes_a_row"]
    if wal["before"] is not None and wal["after"] is not None:
        change = times(wal["after"] / wal["before"])
        yield Balance(
            "WAL a row of a bulk insert", numbers.size(wal["before"]), numbers.size(wal["after"]), change
        )
    yield Balance("Index on disk", "none", numbers.size(found.get("index_bytes")), "")
    built = ", ".join(numbers.seconds(build["seconds"]) for build in live["builds"]) or "not measured"
    yield Balance("Build without load", "", numbers.seconds(found.get("build_s")), "")
    yield Balance("Build under load", "", built, "")
