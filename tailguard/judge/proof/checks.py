"""What a migration's evidence must show: shapes and counts, for these are the same on every machine; no time."""

from collections.abc import Iterator

from tailguard.base.state import State
from tailguard.judge.proof.plan import Plan, describe, parse_plan
from tailguard.record.migration import IndexState, MigrationEntry, QueryEvidence
from tailguard.record.verdict import ProofVerdict

# A wider index that takes over has fewer entries a page, and may be a level or two deeper: a quarter more blocks and
# four are its nature. A query that lost its index reads many times as many.
WIDER, DEEPER = 1.25, 4


def evidence_verdicts(entry: MigrationEntry) -> Iterator[ProofVerdict]:
    """Check the query before and after, the table's other queries, and the index after each step of the cycle."""
    if entry.before is not None and entry.after is not None:
        checked = _not_needed if entry.act == "drop" else _query_better
        yield from checked(entry, entry.before, entry.after)
    for name, other in entry.others.items():
        yield _other_not_worse(entry, name, parse_plan(other.before), parse_plan(other.after))
    yield from _cycle_checks(entry)


def _query_better(
    entry: MigrationEntry, before: QueryEvidence, after: QueryEvidence
) -> Iterator[ProofVerdict]:
    """Check that the query got better in the way that the index promises."""
    plan = parse_plan(after.explained)
    scans = [node for node in plan.nodes if node.kind in ("Index Scan", "Index Only Scan")]
    yield _check(
        entry,
        "Index Scan on the new index",
        f"Index Scan using {entry.index}",
        " > ".join(describe(node) for node in plan.nodes),
        held=any(node.index == entry.index for node in scans),
    )
    sort = "a Sort" if plan.has_sort else "no Sort"
    yield _check(entry, "no Sort", "rows come in order", sort, held=not plan.has_sort)
    was, now = before.blocks.total, after.blocks.total
    yield _check(entry, "fewer blocks", f"fewer than {was}", str(now), held=now < was)
    rows = str(before.rows), str(after.rows)
    yield _check(entry, "same number of rows", *rows, held=after.rows == before.rows)
    yield _check(
        entry,
        "one plan in all executions",
        "the same plan each time, before and after",
        f"before {_plans(before)}, after {_plans(after)}",
        held=before.shapes == after.shapes == 1,
    )


def _not_needed(entry: MigrationEntry, before: QueryEvidence, after: QueryEvidence) -> Iterator[ProofVerdict]:
    """Check that the index that goes was there, and that the query does well without it."""
    yield _built(entry, "before", entry.found)
    yield _other_not_worse(entry, entry.name, parse_plan(before.explained), parse_plan(after.explained))


def _other_not_worse(entry: MigrationEntry, name: str, before: Plan, after: Plan) -> ProofVerdict:
    """Check that a known query reads no more because of a new index, or not many more without the one that goes."""
    was, now = before.root.blocks.total, after.root.blocks.total
    name = f"query of {name} not worse"
    if entry.act == "drop":
        most = int(was * WIDER) + DEEPER
        return _check(entry, name, f"{most} blocks or less (were {was})", str(now), held=now <= most)
    changed = before.shape != after.shape
    observed = f"{now}, {'by another plan' if changed else 'by the same plan'}"
    return _check(entry, name, f"{was} blocks or less", observed, held=not (changed and now > was))


def _cycle_checks(entry: MigrationEntry) -> Iterator[ProofVerdict]:
    seen: list[str] = []
    for step in entry.cycle:
        way = f"{step.action} again" if step.action in seen else step.action
        seen.append(step.action)
        builds = (step.action == "up") == (entry.act == "build")
        yield _built(entry, f"after {way}", step.index) if builds else _gone(entry, way, step.index)


def _built(entry: MigrationEntry, when: str, index: IndexState | None) -> ProofVerdict:
    """Check that the index is there and usable."""
    held = index is not None and index.valid and index.ready
    return _check(entry, f"valid and ready {when}", "valid and ready", _observed(index), held=held)


def _gone(entry: MigrationEntry, way: str, index: IndexState | None) -> ProofVerdict:
    """Check that dropping it left nothing."""
    return _check(entry, f"{way} removed the index", "absent", _observed(index), held=index is None)


def _observed(index: IndexState | None) -> str:
    return "absent" if index is None else f"valid={index.valid}, ready={index.ready}"


def _check(entry: MigrationEntry, name: str, expected: str, observed: str, *, held: bool) -> ProofVerdict:
    return ProofVerdict(
        name=name,
        state=State.PASS if held else State.FAIL,
        migration=entry.number,
        expected=expected,
        observed=observed,
        n=1,
        exceedances=int(not held),
    )


def _plans(evidence: QueryEvidence) -> str:
    count = evidence.shapes
    return f"{count} plan{'s' if count > 1 else ''} in {evidence.server_ms.n}"
