"""Plans of a real server, read, written and laid side by side."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.base.errors import UsageError
from tailguard.compare.plan_comparison import match_plans
from tailguard.judge.proof.plan import describe, parse_plan
from tailguard.postgres.database import open_database
from tailguard.postgres.explain import explain
from tailguard.record.part import Document
from tests.support.postgres_versions import VERSIONS

NEWEST = "SELECT * FROM entry WHERE wallet = 3 ORDER BY id DESC LIMIT 5"
GROUPED = (
    "SELECT e.wallet, count(*) FROM entry e JOIN owner o USING (id) WHERE o.kind > 2"
    " GROUP BY 1 HAVING count(*) > 1 ORDER BY 2"
)


@pytest.fixture(scope="module", params=VERSIONS)
def connection(request):
    """Small tables on a server of each version."""
    folder, _ = request.param
    server = request.getfixturevalue("postgres") if folder is None else None
    with (
        open_database(server and server.dsn, binaries=folder, environ={}) as database,
        database.connect() as connection,
    ):
        connection.execute(
            "CREATE TABLE entry AS SELECT n AS id, n % 100 AS wallet, 'x' || n AS note FROM generate_series(1, 20000) n"
        )
        connection.execute(
            "CREATE TABLE owner AS SELECT n AS id, n % 10 AS kind FROM generate_series(1, 2000) n"
        )
        connection.execute("CREATE INDEX owner_id ON owner (id)")
        connection.execute("CREATE INDEX entry_newest ON entry (wallet, id DESC)")
        connection.execute("VACUUM ANALYZE entry, owner")
        yield connection


@pytest.fixture
def without_index(connection):
    """The table with its index out of the planner's sight, for this test alone."""
    connection.execute("SET enable_indexscan = off; SET enable_bitmapscan = off")
    yield connection
    connection.execute("RESET enable_indexscan; RESET enable_bitmapscan")


def planned(connection, query):
    return parse_plan(explain(connection, query, {}))


def test_an_index_scan_is_recognised_with_its_blocks_and_time(connection):
    plan = planned(connection, NEWEST)
    assert not plan.has_sort
    assert plan.shape == (("Limit", None, None), ("Index Scan", "entry", "entry_newest"))
    assert 2 <= plan.root.blocks.total <= 7
    assert 0 < plan.execution_ms < 1000
    assert plan.planning_ms > 0


def test_a_sort_over_a_sequential_scan_is_recognised(without_index):
    plan = planned(without_index, NEWEST)
    assert plan.has_sort
    assert plan.shape == (("Limit", None, None), ("Sort", None, None), ("Seq Scan", "entry", None))


def test_parameters_are_planned_with_their_values(connection):
    query = "SELECT * FROM entry WHERE wallet = %(wallet)s ORDER BY id DESC LIMIT 5"
    [scan] = explain(connection, query, {"wallet": 3}).value["Plan"]["Plans"]
    assert re.fullmatch(r"\(wallet = (3|'3'::\w+)\)", scan["Index Cond"])


def test_a_node_that_replaced_another_stands_beside_it(connection, without_index):
    before = planned(without_index, NEWEST)
    without_index.execute("RESET enable_indexscan; RESET enable_bitmapscan")
    pairs = match_plans(before, planned(connection, NEWEST))
    told = [
        (pair.change, pair.before and describe(pair.before), pair.after and describe(pair.after))
        for pair in pairs
    ]
    assert told == [
        ("same", "Limit", "Limit"),
        ("removed", "Sort", None),
        ("replaced", "Seq Scan on entry", "Index Scan using entry_newest on entry"),
    ]


def test_a_plan_beside_itself_has_no_change(connection):
    plan = planned(connection, GROUPED)
    assert {pair.change for pair in match_plans(plan, plan)} == {"same"}


@pytest.mark.parametrize("wrong", [{}, {"plan": 1}, {"Plan": 1}, {"Plan": {"Plans": []}}])
def test_what_is_no_plan_is_refused(wrong):
    with pytest.raises(UsageError, match=r"not what EXPLAIN \(FORMAT JSON\) says"):
        parse_plan(Document(wrong))


def trees():
    """Random plan trees of scans, joins and sorts."""
    scan = st.builds(lambda name: {"Node Type": "Seq Scan", "Relation Name": name}, st.sampled_from("abc"))
    kinds = st.sampled_from(["Sort", "Limit", "Hash Join", "Nested Loop", "Aggregate"])

    def grown(below):
        return st.builds(
            lambda kind, plans: {"Node Type": kind, "Plans": plans},
            kinds,
            st.lists(below, min_size=1, max_size=2),
        )

    return st.recursive(scan, grown, max_leaves=6).map(lambda raw: parse_plan(Document({"Plan": raw})))


@given(trees(), trees())
def test_matching_neither_loses_nor_doubles_a_node(before, after):
    pairs = match_plans(before, after)
    assert [pair.before for pair in pairs if pair.before] == list(before.nodes)
    assert [pair.after for pair in pairs if pair.after] == list(after.nodes)
