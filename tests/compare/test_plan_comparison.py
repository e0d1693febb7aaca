"""Plans of both sides: more blocks fail with the nodes named, a better plan passes, nothing is skipped."""

from tailguard.compare.plan_comparison import compare_plans
from tailguard.record.duet import ExplainedQuery
from tailguard.record.part import Document, Json

SCAN: dict[str, Json] = {
    "Node Type": "Seq Scan",
    "Relation Name": "ledger",
    "Alias": "ledger",
    "Shared Hit Blocks": 2000,
}
INDEX_SCAN: dict[str, Json] = {
    "Node Type": "Index Scan",
    "Relation Name": "ledger",
    "Alias": "ledger",
    "Index Name": "idx_ledger",
    "Shared Hit Blocks": 52,
}


def explained(plan: dict[str, Json]) -> ExplainedQuery:
    return ExplainedQuery(document=Document({"Plan": plan}))


SORTED = explained({"Node Type": "Sort", "Shared Hit Blocks": 2000, "Plans": [SCAN]})
INDEXED = explained(INDEX_SCAN)


def test_an_index_that_is_lost_fails_and_the_nodes_are_named() -> None:
    (found,) = compare_plans({"history": INDEXED}, {"history": SORTED})
    assert found.state == "FAIL"
    assert (found.baseline_blocks, found.candidate_blocks) == (52, 2000)
    assert "Index Scan using idx_ledger on ledger -> Seq Scan on ledger" in found.why
    assert found.name == "plan of history against the baseline"


def test_an_index_that_is_won_passes_and_is_named_too() -> None:
    (found,) = compare_plans({"history": SORTED}, {"history": INDEXED})
    assert found.state == "PASS"
    assert "Seq Scan on ledger -> Index Scan using idx_ledger on ledger" in found.why
    assert found.change is not None
    assert found.change < -0.9


def test_the_same_plan_with_a_few_blocks_more_passes_and_with_many_more_fails() -> None:
    def touching(blocks: int) -> dict[str, ExplainedQuery]:
        return {"history": explained(INDEX_SCAN | {"Shared Hit Blocks": blocks})}

    assert compare_plans(touching(52), touching(58))[0].state == "PASS"
    assert compare_plans(touching(52), touching(90))[0].state == "FAIL"
    assert "the same plan" in compare_plans(touching(52), touching(90))[0].why


def test_what_one_side_lacks_is_said() -> None:
    assert compare_plans({}, {"history": INDEXED})[0].state == "PASS"
    assert compare_plans({"history": INDEXED}, {})[0].state == "INCONCLUSIVE"


def test_a_migration_that_fails_is_invalid_with_its_message() -> None:
    lost = ExplainedQuery(document=None, error='relation "x" does not exist')
    (found,) = compare_plans({"history": INDEXED}, {"history": lost})
    assert found.state == "INVALID"
    assert "candidate" in found.why
    assert "does not exist" in found.why
