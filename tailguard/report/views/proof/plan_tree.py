"""A query plan as indented lines, with the nodes marked that the other plan has not."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tailguard.report.views import numbers

_DETAILS = ("Index Cond", "Filter", "Recheck Cond", "Sort Key", "Sort Method", "Rows Removed by Filter")


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One node of a plan. `changed`: the other plan has no such node (same type, table and index)."""

    depth: int
    title: str
    measured: str
    details: tuple[str, ...]
    changed: bool


def plan_lines(plan: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[PlanLine, ...]:
    """Return the nodes of EXPLAIN's `plan` from the root down, compared with those of `other`."""
    left = Counter(_title(node) for _, node in _walk(other))
    lines = []
    for depth, node in _walk(plan):
        title = _title(node)
        left[title] -= 1
        lines.append(PlanLine(depth, title, _measured(node), _details(node), left[title] < 0))
    return tuple(lines)


def _walk(node: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if not node:
        return
    yield depth, node
    for child in node.get("Plans") or []:
        yield from _walk(child, depth + 1)


def _title(node: Mapping[str, Any]) -> str:
    index = f" using {node['Index Name']}" if "Index Name" in node else ""
    relation = f" on {node['Relation Name']}" if "Relation Name" in node else ""
    return f"{node.get('Node Type', 'unknown node')}{index}{relation}"


def _measured(node: Mapping[str, Any]) -> str:
    parts = [numbers.ms(node["Actual Total Time"])] if "Actual Total Time" in node else []
    if "Actual Rows" in node:
        parts.append(f"{numbers.count(node['Actual Rows'])} rows")
    if node.get("Actual Loops", 1) > 1:
        parts.append(f"{numbers.count(node['Actual Loops'])} loops")
    if "Shared Hit Blocks" in node or "Shared Read Blocks" in node:
        blocks = node.get("Shared Hit Blocks", 0) + node.get("Shared Read Blocks", 0)
        parts.append(f"{numbers.count(blocks)} blocks")
    return " · ".join(parts)


def _details(node: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"{key}: {_text(node[key])}" for key in _DETAILS if key in node)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
