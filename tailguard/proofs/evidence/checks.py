"""What a migration's evidence must show: shapes and counts, for these are the same on every machine; no time."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tailguard.compare.plan_diff import describe, match_plans
from tailguard.migrations.index import Index
from tailguard.proofs.evidence.query import QueryEvidence
from tailguard.record.plan import Plan


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold, what was expected of it and what was seen."""

    name: str
    held: bool
    expected: str
    observed: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as run.json has it."""
        return asdict(self)


def query_checks(before: QueryEvidence, after: QueryEvidence, index: str) -> list[Check]:
    """Check that the query got better in the way that the index promises."""
    plan = after.typical
    scanned = [node for node in plan.scans(index) if node.kind != "Bitmap Index Scan"]
    return [
        Check(
            "Index Scan on the new index",
            bool(scanned),
            f"Index Scan using {index}",
            " > ".join(describe(node) for node in plan.nodes),
        ),
        Check("no Sort", not plan.has_sort, "rows come in order", "a Sort" if plan.has_sort else "no Sort"),
        Check("fewer blocks", after.blocks < before.blocks, f"fewer than {before.blocks}", str(after.blocks)),
        Check("same number of rows", after.rows == before.rows, str(before.rows), str(after.rows)),
        Check(
            "one plan in all executions",
            before.steady and after.steady,
            "the same plan each time, before and after",
            f"before {_plans(before)}, after {_plans(after)}",
        ),
    ]


def others_checks(before: Mapping[str, Plan], after: Mapping[str, Plan]) -> list[Check]:
    """Check that no other known query of the table reads more blocks by another plan than before."""
    checks = []
    for name, plan in after.items():
        was, now = (sum(one.root.blocks) for one in (before[name], plan))
        changed = plan.shape != before[name].shape
        observed = f"{now}, {'by another plan' if changed else 'by the same plan'}"
        checks.append(
            Check(
                f"query of {name} not worse", not (changed and now > was), f"{was} blocks or less", observed
            )
        )
    return checks


def built_check(name: str, index: Index | None) -> Check:
    """Check that the index is there and usable."""
    observed = "absent" if index is None else f"valid={index.valid}, ready={index.ready}"
    return Check(name, index is not None and index.usable, "valid and ready", observed)


def gone_check(index: Index | None) -> Check:
    """Check that the way down left nothing."""
    return Check(
        "down removed the index", index is None, "absent", "absent" if index is None else "still there"
    )


def plan_changes(before: QueryEvidence, after: QueryEvidence) -> list[dict[str, Any]]:
    """Return what became of each node of the plan, as run.json has it."""
    pairs = match_plans(before.typical, after.typical)
    return [
        {
            "change": pair.change,
            "before": pair.before and describe(pair.before),
            "after": pair.after and describe(pair.after),
        }
        for pair in pairs
    ]


def _plans(evidence: QueryEvidence) -> str:
    count = len({plan.shape for plan in evidence.plans})
    return f"{count} plan{'s' if count > 1 else ''} in {len(evidence.plans)}"
