"""Plans of a real server, read, written and laid side by side."""

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.base.errors import UsageError
from tailguard.compare.plan_comparison import match_plans
from tailguard.judge.proof.plan import describe, parse_plan
from tailguard.postgres.database import open_database
from tailguard.postgres.explain import explain
from tailguard.record.part import Document
from tailguard.report.views.proof.plan_text import plan_text
from tests.support.postgres_versions import VERSIONS

NEWEST = "SELECT * FROM entry WHERE wallet = 3 ORDER BY id DESC LIMIT 5"
QUERIES = [
    "SELECT * FROM entry WHERE wallet = 3 ORDER BY note LIMIT 5",
    NEWEST,
    "SELECT * FROM entry e WHERE wallet IN (1, 2) AND note <> 'x' ORDER BY note",
    (
        "SELECT e.wallet, count(*) FROM entry e JOIN owner o USING (id) WHERE o.kind > 2"
        " GROUP BY 1 HAVING count(*) > 1 ORDER BY 2"
    ),
    "SELECT * FROM entry WHERE id IN (SELECT id FROM owner WHERE kind = 1)",
    "SELECT * FROM entry e LEFT JOIN owner o ON e.id = o.id AND o.kind = 1 WHERE e.wallet = 5",
    "SELECT (SELECT max(id) FROM owner o WHERE o.kind = e.wallet) FROM entry e WHERE id < 10",
    "WITH x AS MATERIALIZED (SELECT * FROM owner) SELECT * FROM x WHERE kind = 1",
    "SELECT id FROM owner WHERE id = 4",
    "SELECT count(*) FROM generate_series(1, 5) n",
    "SELECT * FROM owner WHERE false",
    "SELECT max(id) FROM owner",
    "SELECT * FROM owner o CROSS JOIN (VALUES (1), (2)) v(x) WHERE o.id < 3 OR x = 9",
]


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


def text_of(connection: psycopg.Connection, options: str, query: str) -> str:
    return "\n".join(line for (line,) in connection.execute(f"EXPLAIN ({options}) {query}"))


def explained(connection, options, query):
    return Document(connection.execute(f"EXPLAIN ({options}, FORMAT JSON) {query}").fetchone()[0][0])


def planned(connection, query):
    return parse_plan(explain(connection, query, {}))


@pytest.mark.parametrize("query", QUERIES)
def test_the_text_is_the_servers_own(connection, query):
    assert plan_text(explained(connection, "COSTS", query)) == text_of(connection, "COSTS", query)


@pytest.mark.parametrize("query", QUERIES)
def test_the_analysed_text_is_the_servers_own(connection, query):
    options = "ANALYZE, TIMING OFF, SUMMARY OFF, BUFFERS"
    connection.execute(query)  # the second execution finds every block
    written, expected = plan_text(explained(connection, options, query)), text_of(connection, options, query)
    assert without_unstable(written) == without_unstable(expected)


def without_unstable(text: str) -> list[str]:
    """Leave out what differs between two executions, or is written only by some versions."""
    unstable = ("Planning:", "Storage:", "I/O Timings:")
    lines = text.splitlines()
    return [
        line for line in lines if not line.strip().startswith(unstable) and not line.startswith("  Buffers:")
    ]


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
    assert "(wallet = '3'::" in plan_text(explain(connection, query, {"wallet": 3})).replace(
        "= 3)", "= '3'::"
    )


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
    plan = planned(connection, QUERIES[3])
    assert {pair.change for pair in match_plans(plan, plan)} == {"same"}


def test_a_node_that_never_ran_says_so():
    raw = {
        "Node Type": "Result",
        "Actual Loops": 0,
        "Actual Total Time": 0.0,
        "Actual Rows": 0,
        "Plan Rows": 9,
    }
    assert "(never executed)" in plan_text(Document({"Plan": raw}))


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
