"""A plan as EXPLAIN's own text, which people read and the well-known viewers take."""

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from tailguard.record.part import Document, Json

Raw: TypeAlias = Mapping[str, Json]
PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_$]*")
# What a node says below its first line, in EXPLAIN's order.
DETAILS = (
    "Recheck Cond", "Index Cond", "Rows Removed by Index Recheck", "Order By", "Sort Key", "Presorted Key", "Group Key",
    "Merge Cond", "Hash Cond", "Join Filter", "Rows Removed by Join Filter", "One-Time Filter", "TID Cond", "Cache Key",
    "Cache Mode", "Filter", "Rows Removed by Filter", "Heap Fetches", "Index Searches", "Workers Planned",
    "Workers Launched",
)  # fmt: skip
# Counts that the text leaves out if they are 0.
UNSAID_AT_ZERO = ("Rows Removed by Index Recheck", "Rows Removed by Join Filter", "Rows Removed by Filter")
AGGREGATES = {"Sorted": "GroupAggregate", "Hashed": "HashAggregate", "Mixed": "MixedAggregate"}
# The text names these by what they scan, the JSON under this key.
SCANNED = {"CTE Scan": "CTE Name", "Function Scan": "Function Name", "WorkTable Scan": "CTE Name"}


def plan_text(explained: Document) -> str:
    """Write a plan as EXPLAIN (FORMAT TEXT) does. Details that are rare in a query's plan are left out."""
    whole = explained.value
    lines = list(_lines(_object(whole["Plan"]), 0))
    if planning := _buffers(_object(whole.get("Planning", {}))):
        lines += ["Planning:", f"  {planning}"]
    lines += [f"{key}: {whole[key]:.3f} ms" for key in ("Planning Time", "Execution Time") if key in whole]
    return "\n".join(lines)


def _object(value: Json) -> Raw:
    assert isinstance(value, dict)  # EXPLAIN has an object there
    return value


def _lines(node: Raw, column: int, arrow: str = "") -> Iterator[str]:
    """Write a node from `column` on; what is below it stands two columns to the right of its name."""
    yield " " * column + arrow + _title(node) + _measures(node)
    inner = column + len(arrow) + 2
    for detail in _details(node):
        yield " " * inner + detail
    for child in _children(node):
        named = child.get("Subplan Name")
        if named:
            yield f"{' ' * inner}{named}"
        yield from _lines(child, inner + (2 if named else 0), "->  ")


def _children(node: Raw) -> list[Raw]:
    plans = node.get("Plans", [])
    assert isinstance(plans, list)  # EXPLAIN has an array there
    return [_object(plan) for plan in plans]


def _title(raw: Raw) -> str:
    return f"{'Parallel ' if raw.get('Parallel Aware') else ''}{_kind(raw)}{_scanned(raw)}"


def _kind(raw: Raw) -> str:
    kind = str(raw["Node Type"])
    if kind == "Aggregate":
        partial = raw.get("Partial Mode", "Simple")
        kind = AGGREGATES.get(str(raw.get("Strategy")), kind)
        return kind if partial == "Simple" else f"{partial} {kind}"
    if kind == "ModifyTable":
        return str(raw.get("Operation", kind))
    join = raw.get("Join Type", "Inner")
    if join != "Inner":
        return f"{kind} {join} Join" if kind == "Nested Loop" else kind.replace(" Join", f" {join} Join")
    return f"{kind} Backward" if raw.get("Scan Direction") == "Backward" else kind


def _scanned(raw: Raw) -> str:
    kind, index = str(raw["Node Type"]), raw.get("Index Name")
    if kind == "Bitmap Index Scan":
        return f" on {_quoted(index)}"
    using = f" using {_quoted(index)}" if index else ""
    alias = raw.get("Alias")
    name = raw.get("Relation Name") or raw.get(SCANNED.get(kind, ""), alias)
    if not name:
        return using
    return f"{using} on {_quoted(name)}" + (f" {_quoted(alias)}" if alias and alias != name else "")


def _quoted(value: Json) -> str:
    name = str(value)
    return name if PLAIN_NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _measures(raw: Raw) -> str:
    costs = ""
    if "Total Cost" in raw:
        costs = (
            f"  (cost={raw['Startup Cost']:.2f}..{raw['Total Cost']:.2f}"
            f" rows={raw['Plan Rows']} width={raw['Plan Width']})"
        )
    if "Actual Loops" not in raw:
        return costs
    if not raw["Actual Loops"]:
        return f"{costs} (never executed)"
    time = ""
    if "Actual Total Time" in raw:
        time = f"time={raw['Actual Startup Time']:.3f}..{raw['Actual Total Time']:.3f} "
    rows = raw["Actual Rows"]  # whole numbers before PostgreSQL 18
    shown = f"{rows:.2f}" if isinstance(rows, float) else f"{rows}"
    return f"{costs} (actual {time}rows={shown} loops={raw['Actual Loops']})"


def _details(raw: Raw) -> Iterator[str]:
    for key in DETAILS:
        if key in raw and (raw[key] or key not in UNSAID_AT_ZERO):
            yield f"{key}: {_joined(raw[key])}"
    if "Sort Method" in raw:
        space = f"{raw['Sort Space Type']}: {raw['Sort Space Used']}kB"
        yield f"Sort Method: {raw['Sort Method']}  {space}"
    counts = ((word.lower(), raw.get(f"{word} Heap Blocks")) for word in ("Exact", "Lossy"))
    if heap := [f"{word}={blocks}" for word, blocks in counts if blocks]:
        yield f"Heap Blocks: {' '.join(heap)}"
    yield from _hashing(raw)
    if buffers := _buffers(raw):
        yield buffers


def _joined(value: Json) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _hashing(raw: Raw) -> Iterator[str]:
    memory = f"Memory Usage: {raw.get('Peak Memory Usage')}kB"
    if "Hash Buckets" in raw:
        yield f"Buckets: {raw['Hash Buckets']}  Batches: {raw['Hash Batches']}  {memory}"
    elif "HashAgg Batches" in raw:
        yield f"Batches: {raw['HashAgg Batches']}  {memory}"


def _buffers(raw: Raw) -> str:
    """Write the block counts that are not 0: shared first, then local and temp."""
    groups = []
    for place in ("Shared", "Local", "Temp"):
        counts = [
            (word, raw.get(f"{place} {word} Blocks", 0)) for word in ("Hit", "Read", "Dirtied", "Written")
        ]
        said = " ".join(f"{word.lower()}={count}" for word, count in counts if count)
        if said:
            groups.append(f"{place.lower()} {said}")
    return f"Buffers: {', '.join(groups)}" if groups else ""
