"""A proof in sentences: why it ended so, what the index is worth, what its removal saves."""

from collections.abc import Sequence

from tailguard.base.state import State, worst
from tailguard.base.text_format import byte_size, ratio, signed_percent, times
from tailguard.judge.proof.plan import describe, parse_plan
from tailguard.record.migration import IndexCost, MigrationEntry, WriteCost
from tailguard.record.verdict import ProofVerdict


def why(entry: MigrationEntry, verdicts: Sequence[ProofVerdict]) -> str:
    """Say what was gained or, if not all `verdicts` of its proof pass, the answers that decided against it."""
    state = worst(verdict.state for verdict in verdicts)
    if state is not State.PASS:
        return "; ".join(_answer(verdict) for verdict in verdicts if verdict.state is state)
    if entry.act == "drop":
        return "" if entry.cost is None else saving(entry, entry.cost)
    if entry.before is None or entry.after is None:
        return ""
    first, last = (parse_plan(side.explained).nodes[-1] for side in (entry.before, entry.after))
    blocks = f"{entry.before.blocks.total:,} blocks before, {entry.after.blocks.total:,} after"
    return f"{describe(last)} instead of {describe(first)}: {blocks}"


def worth(entry: MigrationEntry) -> str:
    """Say in one sentence what a read gains and how many writes that pays for; "" if that was not measured."""
    if entry.cost is None or entry.before is None or entry.after is None:
        return ""
    before, after = entry.before.server_ms.value, entry.after.server_ms.value
    return "" if before is None or after is None else _worth(before - after, entry.cost)


def saving(entry: MigrationEntry, cost: IndexCost) -> str:
    """Say in one sentence what the removal saves: bytes are exact, times are not."""
    wal = cost.wal_bytes_per_row
    parts = [f"The removal saves {byte_size(entry.index_bytes)} of disk"]
    if wal.before is not None and wal.after:
        saved = wal.after - wal.before
        parts.append(f"{byte_size(saved)} of WAL per row ({ratio(saved / wal.after)})")
    if "insert" in cost.writes:
        parts += _time_saved(cost.writes["insert"])
    return f"{', '.join(parts)}: no known query of the table reads more without this index."


def _worth(saved_ms: float, cost: IndexCost) -> str:
    gain = f"Each query saves {saved_ms:.3g} ms of the server"
    if not cost.writes:
        return f"{gain}; no write could be made on this table, so the cost of the index is unknown."
    kind = "insert" if "insert" in cost.writes else next(iter(cost.writes))
    base_ms, share = cost.writes[kind].before.p50.value, cost.writes[kind].ratio
    if not base_ms or share.value is None or share.low is None or min(share.low, share.value) <= 1:
        return f"{gain}; the cost of a write is within this machine's noise."
    added_ms, noun = base_ms * (share.value - 1), "insert" if kind == "insert" else "update"
    return (
        f"{gain} and each {noun} costs {added_ms * 1e3:.3g} µs more (p50, {signed_percent(share.value - 1)}):"
        f" the index is worth it from one query in {saved_ms / added_ms:,.0f} {noun}s on."
    )


def _answer(verdict: ProofVerdict) -> str:
    """What was expected of clients is the same in every proof, so it is not repeated here."""
    if not verdict.expected:
        return verdict.observed
    return f"{verdict.name}: {verdict.observed if verdict.under_load else verdict.why}"


def _time_saved(insert: WriteCost) -> list[str]:
    share = insert.ratio
    if share.low is None:
        return []
    with_it = f"an insert takes {times(share.value)} as long with the index ({times(share.low)} to"
    told = f"{with_it} no upper bound)" if share.high is None else f"{with_it} {times(share.high)})"
    return [told if share.low > 1 else f"{told}, which is within this machine's noise"]
