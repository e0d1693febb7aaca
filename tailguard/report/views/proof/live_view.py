"""What a proof under load found, ready to show: verdicts, what clients felt, and the cost beside the benefit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tailguard.base.text_format import times
from tailguard.report.views import numbers
from tailguard.report.views.proof.index_tradeoff import Balance, costs_of, gains_of, medians, saved
from tailguard.report.views.proof.live_words import act_of, after_of, statement_of

# What the documents that proposed these two indexes promised of them, with neither plan nor block count to check by.
CLAIMED_GAIN = {"idx_tx_wallet_created_desc": 0.67, "idx_moderation_ref_created_desc": 0.72}
NO_CONTROL = (
    "No positive control was run: that these clients would have felt a stall is not shown by this proof."
)


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
class LiveView:
    """A proof under load, in the order of the page; `warning` is "" where there is none."""

    lead: str
    warning: str
    worth: str
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
        under_load = None if not live else _live(found, live)
        return ProofView(str(removal["saving"]), under_load, tuple(costs_of(found, removal)))
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
    server, client = (medians(found, key) for key in ("server_ms", "client_ms"))
    if server is None or client is None:
        return ""
    parts = [
        f"the {who} saves {numbers.percent(saved(pair))} ({numbers.ms(pair[0])} to {numbers.ms(pair[1])},"
        f" {times(pair[0] / pair[1])})"
        for who, pair in (("server", server), ("client", client))
    ]
    text = f"{parts[0].capitalize()}; {parts[1]}."
    claimed = CLAIMED_GAIN.get(str(found.get("slug")))
    if claimed is None:
        return text
    stated = f"the gain of {numbers.percent(claimed)} claimed elsewhere for this index"
    verb = "understates" if saved(server) > claimed else "is not reached by"
    return f"{text} So {stated} {verb} the server side of this run."


def _live(found: Mapping[str, Any], live: Mapping[str, Any]) -> LiveView:
    builds, rate = live["builds"], numbers.per_second(live["rate_per_s"])
    act, after = act_of(live), after_of(live)
    behind = ", each behind a reader whose transaction stayed open" if act == "drop" else ""
    return LiveView(
        lead=f"{numbers.count(len(builds))} {act}s{behind}, while writers and readers went on at {rate} each, by"
        f" intended start whatever the answers took; beside them a window without a {act} and one {after}.",
        warning="" if live.get("control") else NO_CONTROL,
        worth=str(live.get("worth") or ""),
        felt=tuple(_felt(live)),
        gains=() if act == "drop" else tuple(gains_of(found)),
        costs=() if act == "drop" else tuple(costs_of(found, live)),
    )


def _felt(live: Mapping[str, Any]) -> Iterator[FeltRow]:
    act, after = act_of(live), after_of(live)
    windows = [(f"baseline, no {act}", live["windows"].get("baseline") or {})]
    windows += [
        (f"{act} {number}, {numbers.seconds(build['seconds'])}", build["felt"])
        for number, build in enumerate(live["builds"], 1)
    ]
    windows.append((after, live["windows"].get("after") or {}))
    control = live.get("control")
    if control:
        windows.append(
            (
                f"plain {statement_of(live)}, {numbers.seconds(control['seconds'])}",
                control["felt"],
            )
        )
    for window, felt in windows:
        for who, summary in felt.items():
            p50, p99 = (numbers.ms(summary[key]["value"]) for key in ("p50_ms", "p99_ms"))
            n, errors = (numbers.count(summary[key]) for key in ("n", "errors"))
            yield FeltRow(window, who, n, errors, p50, p99, numbers.ms(summary["longest_ms"]))
