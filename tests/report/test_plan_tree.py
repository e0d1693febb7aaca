"""A plan's lines: how much of the time each node took itself, what made it slow, what the other plan lacks."""

import pytest
from msgspec import convert

from tailguard.postgres.explain import explain
from tailguard.record.part import Document
from tailguard.report.views.proof.plan_node import Explained
from tailguard.report.views.proof.plan_times import own_times
from tailguard.report.views.proof.plan_tree import plan_lines


def node(kind, ms, *below, **more):
    return {
        "Node Type": kind,
        "Actual Total Time": ms,
        "Actual Rows": 1,
        "Actual Loops": 1,
        "Plans": [*below],
        **more,
    }


def lines(plan, other=None):
    return plan_lines(Document({"Plan": plan}), Document({"Plan": other or plan}))


def own(plan):
    """The own time of each node by title, in ms."""
    whole = plan["Actual Total Time"] * plan["Actual Loops"]
    return {line.title: round(line.share * whole, 3) for line in lines(plan)}


def test_a_node_does_not_count_the_time_of_those_below_it():
    assert own(node("Sort", 10, node("Seq Scan", 7, **{"Relation Name": "t"}))) == {
        "Sort": 3,
        "Seq Scan on t": 7,
    }


def test_a_node_that_runs_again_and_again_counts_each_time():
    inner = node("Index Scan", 2, **{"Actual Loops": 4, "Parent Relationship": "Inner"})
    assert own(node("Nested Loop", 10, node("Seq Scan", 1), inner)) == {
        "Nested Loop": 1,
        "Seq Scan": 1,
        "Index Scan": 8,
    }


def test_a_cte_is_counted_once_by_the_scan_that_fills_it():
    cte = node(
        "Aggregate", 8, **{"Strategy": "Hashed", "Parent Relationship": "InitPlan", "Subplan Name": "CTE a"}
    )
    first = node("CTE Scan", 9, **{"CTE Name": "a", "Parent Relationship": "Outer"})
    again = node("CTE Scan", 0.5, **{"CTE Name": "a", "Parent Relationship": "Inner", "Alias": "b"})
    found = [round(line.share * 13.8, 3) for line in lines(node("Hash Join", 13.8, cte, first, again))]
    assert found == [4.3, 8, 1, 0.5]


@pytest.mark.parametrize(
    ("name", "condition"),
    [("InitPlan 1", "(id > (InitPlan 1).col1)"), ("InitPlan 1 (returns $0)", "(id > $0)")],
)
def test_an_init_plan_is_taken_out_of_the_node_that_needs_its_value(name, condition):
    init = node(
        "Aggregate", 6, **{"Strategy": "Plain", "Parent Relationship": "InitPlan", "Subplan Name": name}
    )
    scan = node("Seq Scan", 9, **{"Parent Relationship": "Outer", "Filter": condition})
    assert own(node("Limit", 10, init, scan)) == {"Limit": 1, "Aggregate": 6, "Seq Scan": 3}


def test_an_init_plan_of_which_nobody_speaks_is_taken_out_of_the_node_that_it_fits_in():
    init = node("Aggregate", 6, **{"Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 1"})
    assert own(node("Limit", 10, init, node("Seq Scan", 9))) == {"Limit": 1, "Aggregate": 6, "Seq Scan": 3}


def test_processes_of_a_gather_run_at_the_same_time():
    scan = node("Parallel Seq Scan", 8, **{"Actual Loops": 3})
    assert own(node("Gather", 10, scan)) == {"Gather": 2, "Parallel Seq Scan": 8}


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ({"Node Type": "SetOp", "Strategy": "Hashed", "Command": "Intersect"}, "HashSetOp Intersect"),
        ({"Node Type": "SetOp", "Strategy": "Sorted", "Command": "Except"}, "SetOp Except"),
        ({"Node Type": "Aggregate", "Strategy": "Hashed"}, "HashAggregate"),
        ({"Node Type": "Aggregate", "Strategy": "Plain"}, "Aggregate"),
    ],
)
def test_a_node_has_the_name_that_explain_gives_it(said, title):
    assert lines(said)[0].title == title


@pytest.mark.parametrize(
    ("said", "warning"),
    [
        ({"Plan Rows": 10, "Actual Rows": 5_000}, "planned for 10 rows, 5,000 came"),
        ({"Sort Space Type": "Disk"}, "sorted on disk"),
        ({"Hash Batches": 4}, "hashed in 4 batches"),
        ({"Lossy Heap Blocks": 70}, "70 lossy blocks"),
        ({"Plan Rows": 90_000, "Actual Rows": 50}, ""),  # a Limit above it stopped it
        ({"Sort Space Type": "Memory", "Hash Batches": 1}, ""),
    ],
)
def test_what_makes_a_node_slow_is_told(said, warning):
    (line,) = lines(node("Sort", 1, **said))
    assert [warning in each for each in line.warnings] == ([True] if warning else [])


def test_a_plan_without_times_has_no_shares():
    (line,) = lines({"Node Type": "Result"})
    assert (line.share, line.slowest, line.own) == (None, False, "")


QUERIES = {
    "a CTE": "WITH a AS MATERIALIZED (SELECT k, count(*) n FROM t GROUP BY k) "
    "SELECT * FROM a WHERE n > (SELECT avg(n) FROM a) UNION ALL SELECT k, n FROM a",
    "an InitPlan in a filter": "SELECT * FROM t WHERE id > (SELECT avg(id) FROM t) AND k < 3 ORDER BY id LIMIT 50",
    "an InitPlan in a column": "SELECT (SELECT max(id) FROM t) - id FROM t",
    "a SubPlan": "SELECT id, (SELECT count(*) FROM t b WHERE b.id < a.k) FROM t a WHERE id < 20",
    "a SetOp": "SELECT id FROM t WHERE k = 1 INTERSECT SELECT id FROM t WHERE k = 2",
    "a join": "SELECT count(*) FROM t a JOIN t b ON a.id = b.id",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_the_own_times_of_a_real_plan_add_up_to_its_time(database, query):
    """Counted twice, they would be more each time; a process that lost its core between two clocks is so once."""

    def share():
        root = convert(explain(connection, query, {}).value, Explained).root
        return sum(own_times(root)) / (root.total_ms * root.loops)

    with database.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT g AS id, g % 100 AS k FROM generate_series(1, 20000) g")
        shares = (share() for _ in range(20))
        assert any(each == pytest.approx(1, rel=0.05) for each in shares)
