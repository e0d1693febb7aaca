"""What is read from a plan: the columns that an index of a scanned table would begin with."""

from tailguard.cli.migrate.suggest import _lines
from tailguard.ddl.suggest.asked import AskedQuery
from tailguard.ddl.suggest.indexes import Candidate, column_of
from tailguard.ddl.suggest.plans import COMPARED, Node, scans_of
from tailguard.ddl.suggest.search import Found, _best
from tailguard.ddl.suggest.tried import Effect, Suggestion


def scan(condition: str, *, alias: str = "o") -> Node:
    return Node("Seq Scan", "public", "orders", alias, filter=condition)


def test_columns_are_compared_sorted_and_joined_by_but_not_inside_of_a_function():
    condition = (
        "((o.customer_id = 7) AND ((o.note)::text = 'a'::text) AND (lower(o.code) = 'x'::text)"
        " AND (o.created >= '2026-01-01'::date) AND ((o.kind)::character varying(9) = ANY ('{a}'::text[])))"
    )
    below = Node("Hash Join", hash_cond='(o."Shop" = s.id)', plans=(scan(condition),))
    (found,) = scans_of(Node("Sort", sort_key=("o.created DESC NULLS LAST",), plans=(below,)))
    assert (found.equal, found.ranged) == (("customer_id", "note", "kind"), ("created",))
    assert (found.joined, found.order) == (('"Shop"',), ("created DESC NULLS LAST",))
    assert [*found.wanted()] == [
        ("customer_id", "note", "kind", "created DESC NULLS LAST"),
        ("customer_id", "note", "kind", "created"),
        ("customer_id", "note", "kind"),
        ('"Shop"', "customer_id", "note", "kind"),
    ]


def test_a_sort_by_another_table_or_by_an_expression_is_no_order_of_an_index():
    for key in ("s.name", "(lower(o.note))"):
        (found,) = scans_of(Node("Sort", sort_key=("o.created", key), plans=(scan("(o.id = 1)"),)))
        assert found.order == ()


def test_the_parameter_of_a_comparison_is_found():
    (one,) = COMPARED.finditer("((o.note)::text = ANY (($3)::text[]))")
    assert (one["column"], one["parameter"], bool(one["many"])) == ("note", "3", True)


def test_names_are_those_that_postgres_keeps():
    candidate = Candidate(("shop", "Orders"), ('"Total Sum" DESC', "created"))
    assert column_of('"Total Sum" DESC') == "Total Sum"
    assert candidate.name == "Orders_Total_Sum_created_idx"
    assert candidate.statement('shop."Orders"') == (
        'CREATE INDEX CONCURRENTLY "Orders_Total_Sum_created_idx" ON shop."Orders" ("Total Sum" DESC, created)'
    )


def test_a_query_is_prepared_with_numbers_in_place_of_names():
    query = AskedQuery("q", "SELECT %(b)s, %(a)s, %(b)s WHERE x LIKE 'y%%'")
    assert query.raw == "SELECT $1, $2, $1 WHERE x LIKE 'y%'"


def effect(query: str, before_ms: float, after_ms: float, calls: int = 1) -> Effect:
    asked = AskedQuery(query, "SELECT 1", calls=calls)
    return Effect(asked, before_ms, after_ms, faster=after_ms < before_ms, slower=after_ms > before_ms)


def built(name: str, *effects: Effect) -> Suggestion:
    return Suggestion(f"CREATE INDEX {name}", effects, 8192, {}, "not known")


def test_indexes_are_ranked_by_what_all_calls_save_and_one_that_adds_nothing_is_left_out():
    rare = built("rare", effect("a", 100, 1))
    often = built("often", effect("b", 2, 1, calls=1000))
    again = built("again", effect("b", 2, 1.5, calls=1000))
    harmful = built("harmful", effect("c", 2, 1), effect("d", 1, 9))
    assert [one.statement for one in _best([rare, again, harmful, often])] == [
        "CREATE INDEX often",
        "CREATE INDEX rare",
    ]


def test_an_index_whose_loss_makes_a_query_slower_is_not_called_needless():
    def dropped(*effects: Effect) -> Suggestion:
        return Suggestion("DROP INDEX i", effects, 8192, {}, "not known", "it was never used")

    told = "\n".join(_lines(Found(drop=[dropped(effect("a", 1, 9)), dropped()]), 1000))
    assert "Needed, although it was never used: DROP INDEX i;\n   SLOWER: 1 ms -> 9 ms" in told
    assert (
        "Not needed, because it was never used: DROP INDEX i;\n   none of the queries reads its table" in told
    )
