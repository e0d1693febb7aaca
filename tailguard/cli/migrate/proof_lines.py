"""A proof under load as lines for a terminal: verdicts first, then what was felt, gained and paid."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tailguard.base.text_format import byte_size, duration_ms, duration_s, ratio, times
from tailguard.report.views.proof.live_words import act_of, after_of, statement_of

Record = Mapping[str, Any]


def proof_lines(record: Record) -> Iterator[str]:
    """Write a migration's record, with or without its `live` part."""
    yield f"{record['number']} {record['slug']}: {record['state']}"
    yield f"  {record['why']}"
    live = record.get("live")
    if live is None:
        yield from _growth_lines(record.get("growth") or [])
        return
    yield ""
    for verdict in live["verdicts"]:
        yield f"  {verdict['state']:<12} {verdict['name']}: {verdict['observed']} (expected: {verdict['expected']})"
    if live["control"] is None:
        yield "  no control was run: that these clients would feel a stall is not shown"
    yield ""
    yield from _felt_lines(live)
    yield ""
    yield from _gain_lines(record)
    yield from _cost_lines(live["cost"])
    yield f"  {live['worth']}"
    yield from _growth_lines(record.get("growth") or [])


def _felt_lines(live: Record) -> Iterator[str]:
    yield f"  Felt at {live['rate_per_s']:.0f} a second      n      p50      p99  longest"
    windows = [("baseline", "", live["windows"]["baseline"])]
    windows += [(act_of(live), duration_s(build["seconds"]), build["felt"]) for build in live["builds"]]
    windows += [(after_of(live), "", live["windows"]["after"])]
    if live["control"] is not None:
        windows.append(
            (f"plain {statement_of(live)}", duration_s(live["control"]["seconds"]), live["control"]["felt"])
        )
    for name, took, felt in windows:
        for who, summary in felt.items():
            p50, p99 = summary["p50_ms"]["value"], summary["p99_ms"]["value"]
            numbers = " ".join(f"{duration_ms(value):>9}" for value in (p50, p99, summary["longest_ms"]))
            yield f"  {f'{name} {took}'.strip():<26} {who:<8} {summary['n']:>5} {numbers}"


def _gain_lines(record: Record) -> Iterator[str]:
    before, after = record["before"], record["after"]
    for name, key in (("server", "server_ms"), ("client", "client_ms")):
        old, new = before[key]["median"], after[key]["median"]
        yield f"  Query, {name} time: {duration_ms(old)} before, {duration_ms(new)} after ({times(old / new)})"
    blocks = [sum(side["blocks"].values()) for side in (before, after)]
    yield f"  Query, blocks: {blocks[0]:,} before, {blocks[1]:,} after"
    yield f"  Index: {byte_size(record['index_bytes'])}, built in {duration_s(record['build_s'])} without load"


def _cost_lines(cost: Record) -> Iterator[str]:
    for kind, found in cost["writes"].items():
        before, after = found["before"], found["after"]
        p50 = f"p50 {duration_ms(before['p50']['value'])} -> {duration_ms(after['p50']['value'])}"
        p95 = f"p95 {duration_ms(before['p95']['value'])} -> {duration_ms(after['p95']['value'])}"
        hot = found["hot"]
        heap = "" if hot["before"] is None else f", heap-only {ratio(hot['before'])} -> {ratio(hot['after'])}"
        share = found["ratio"]
        interval = "" if share["low"] is None else f" ({times(share['low'])} to {times(share['high'])})"
        yield f"  {kind}: {p50}, {p95}, p50 {times(share['value'])}{interval}{heap}"
    wal = cost["wal_bytes_a_row"]
    if wal["before"] is not None:
        yield f"  WAL a row: {byte_size(wal['before'])} -> {byte_size(wal['after'])}"


def _growth_lines(growth: Sequence[Record]) -> Iterator[str]:
    if growth:
        yield ""
        yield "  Rows       warm: without      with   cold: without      with"
    for row in growth:
        sides = (row["before"], row["after"])
        warm = [side["server_ms"]["median"] for side in sides]
        cold = [(side["cold"].get("server_ms") or {}).get("median") for side in sides]
        shown = [duration_ms(value) for value in (*warm, *cold)]
        yield f"  {row['rows']:<10,} {shown[0]:>13} {shown[1]:>9} {shown[2]:>15} {shown[3]:>9}"
