"""One proved index migration as run.json has it, its plans in EXPLAIN (FORMAT JSON)'s own words."""

from tailguard.base.state import State
from tailguard.record.migration import (
    Blocks,
    CycleStep,
    IndexState,
    MigrationEntry,
    QueryEvidence,
)
from tailguard.record.part import Document, Json, Quantile
from tailguard.record.verdict import ProofVerdict

_SCAN: Json = {
    "Node Type": "Seq Scan",
    "Relation Name": "economy_economytransaction",
    "Actual Rows": 1234,
    "Actual Loops": 1,
    "Actual Startup Time": 0.01,
    "Actual Total Time": 9.871,
    "Filter": "(wallet_id = 42)",
    "Rows Removed by Filter": 88766,
    "Shared Hit Blocks": 2098,
    "Shared Read Blocks": 0,
}
_SORT: Json = {
    "Node Type": "Sort",
    "Sort Key": ["created DESC"],
    "Sort Method": "top-N heapsort",
    "Sort Space Type": "Memory",
    "Sort Space Used": 30,
    "Actual Rows": 50,
    "Actual Loops": 1,
    "Actual Startup Time": 10.01,
    "Actual Total Time": 10.02,
    "Plans": [_SCAN],
}
_INDEX_SCAN: Json = {
    "Node Type": "Index Scan",
    "Relation Name": "economy_economytransaction",
    "Index Name": "idx_tx_wallet_created_desc",
    "Index Cond": "(wallet_id = 42)",
    "Actual Rows": 50,
    "Actual Loops": 1,
    "Actual Startup Time": 0.01,
    "Actual Total Time": 0.071,
    "Shared Hit Blocks": 53,
    "Shared Read Blocks": 0,
}
CHECK = ProofVerdict(
    name="Index Scan on the new index",
    state=State.PASS,
    migration="0001",
    expected="Index Scan using idx_tx_wallet_created_desc",
    observed="Index Scan using idx_tx_wallet_created_desc",
    n=1,
    exceedances=0,
)


def migration() -> MigrationEntry:
    """An index that turns a sequential scan and a sort into an index scan; `CHECK` is a verdict of its proof."""
    usable = IndexState(valid=True, ready=True)
    return MigrationEntry(
        number="0001",
        slug="idx_tx_wallet_created_desc",
        table="economy_economytransaction",
        index="idx_tx_wallet_created_desc",
        act="build",
        rows=90_000,
        parameters={"wallet_id": 42},
        up_sql="CREATE INDEX CONCURRENTLY idx_tx_wallet_created_desc\n"
        "    ON economy_economytransaction (wallet_id, created DESC);",
        down_sql="DROP INDEX CONCURRENTLY IF EXISTS idx_tx_wallet_created_desc;",
        query_sql="SELECT * FROM economy_economytransaction\n"
        "WHERE wallet_id = %(wallet_id)s ORDER BY created DESC LIMIT 50;",
        build_s=0.07,
        index_bytes=2_949_120,
        cycle=(
            CycleStep(action="up", seconds=0.07, index=usable),
            CycleStep(action="down", seconds=0.01, index=None),
            CycleStep(action="up", seconds=0.06, index=usable),
        ),
        before=_evidence(_SORT, 10.03, 10.1, 10.9, 2098),
        after=_evidence(_INDEX_SCAN, 0.078, 0.09, 0.31, 53),
    )


def median(value: float) -> Quantile:
    """The median of twenty times around `value`."""
    return Quantile(q=0.5, value=value, low=value * 0.96, high=value * 1.07, level=0.99, n=20)


def _evidence(below: Json, total_ms: float, server_ms: float, client_ms: float, blocks: int) -> QueryEvidence:
    limit: Json = {
        "Node Type": "Limit",
        "Actual Rows": 50,
        "Actual Loops": 1,
        "Actual Startup Time": 0.01,
        "Actual Total Time": total_ms,
        "Plans": [below],
    }
    return QueryEvidence(
        server_ms=median(server_ms),
        client_ms=median(client_ms),
        planning_ms=0.1,
        blocks=Blocks(hit=blocks, read=0),
        rows=50,
        shapes=1,
        explained=Document({"Plan": limit, "Planning Time": 0.1, "Execution Time": server_ms}),
        plan_file="plans/0001_idx_tx_wallet_created_desc.json",
    )
