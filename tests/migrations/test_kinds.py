"""The table of kinds: each example is of its kind, and has the safe way that the table promises."""

import pytest

from tailguard.migrations.kinds import Kind, kinds, recognise
from tailguard.migrations.kinds.actions import actions_of
from tailguard.migrations.kinds.safe import Batches, NoSafeWayError, TableFacts, batches_of, safe_way
from tailguard.record.ddl import SafeStatement

FACTS = TableFacts("id", {"note": "character varying(40)"}, ("events_first", "events_second"))
NAMED = [pytest.param(kind, id=kind.slug) for kind in kinds() if kind.match]


def grows(kind: Kind) -> bool:
    return kind.of_class == "a" if kind.grows is None else kind.grows


def way(text: str, *, grown: bool = True, facts: TableFacts = FACTS) -> list[SafeStatement]:
    found = recognise(text, grows=grown)
    assert found is not None
    return safe_way(text, found, facts)


def test_there_are_the_thirty_kinds_and_more_each_once():
    slugs = [kind.slug for kind in kinds()]
    assert len(slugs) == len({*slugs}) >= 30


@pytest.mark.parametrize("kind", NAMED)
def test_an_example_is_of_its_kind_in_any_writing(kind: Kind):
    for text in (kind.example, kind.example.lower(), kind.example.replace(" ", "\n\t")):
        found = recognise(text, grows=grows(kind), partitioned=bool(kind.partitioned))
        assert found is not None
        assert found.kind.slug == kind.slug


@pytest.mark.parametrize("kind", NAMED)
def test_a_safe_way_has_no_name_left_to_fill_in(kind: Kind):
    found = recognise(kind.example, grows=grows(kind), partitioned=bool(kind.partitioned))
    assert found is not None
    if not kind.safe:
        with pytest.raises(NoSafeWayError):
            safe_way(kind.example, found, FACTS)
        assert kind.of_class == "c" or kind.why
        return
    for each in safe_way(kind.example, found, FACTS):
        assert "{" not in each.text


def test_a_constraint_without_a_name_gets_one_and_quoted_names_stay_quoted():
    first, second = way('ALTER TABLE app."Order Lines" ADD CHECK (n > 0)')
    name = "order_lines_check_new"
    assert first.text == f'ALTER TABLE app."Order Lines" ADD CONSTRAINT {name} CHECK (n > 0) NOT VALID'
    assert second.text == f'ALTER TABLE app."Order Lines" VALIDATE CONSTRAINT {name}'
    assert [first.how, second.how] == ["retry", "once"]


def test_an_update_becomes_batches_with_its_own_condition_and_needs_an_integer_key():
    (batches,) = way("UPDATE orders SET a = (SELECT 1 WHERE true), b = 'where' WHERE c IS NULL OR d")
    assert "SET a = (SELECT 1 WHERE true), b = 'where' WHERE id >= at AND id <= upto AND" in batches.text
    assert " AND (c IS NULL OR d);" in batches.text
    assert batches_of(batches.text) == Batches(
        "id", "orders", "a = (SELECT 1 WHERE true), b = 'where'", " AND (c IS NULL OR d)"
    )
    assert batches_of("UPDATE orders SET a = 1") is None
    with pytest.raises(NoSafeWayError, match="integer column"):
        way("UPDATE orders SET a = 1", facts=TableFacts())


def test_the_words_of_a_default_do_not_decide_but_whether_the_table_was_rewritten():
    text = "ALTER TABLE orders ADD COLUMN at timestamptz DEFAULT now()"
    assert [recognise(text, grows=grown).kind.slug for grown in (True, False)] == [
        "add-column-volatile",
        "add-column-default",
    ]


def test_what_is_of_no_kind_is_not_taken_for_one():
    assert recognise("GRANT SELECT ON orders TO reader") is None
    assert recognise("ALTER TABLE orders OWNER TO me") is None


def test_each_action_of_an_alter_table_has_a_kind_and_a_safe_way_of_its_own():
    head = "ALTER TABLE ONLY app.orders "
    actions = ["ADD COLUMN n numeric(10, 2) DEFAULT 0", "ALTER note SET NOT NULL", "ADD CHECK (n IN (1, 2))"]
    found = actions_of(head + ",\n ".join(actions))
    assert found == [f"{head}{action}" for action in actions]
    assert [recognise(each).kind.slug for each in found] == ["add-column-default", "set-not-null", "check"]
    assert actions_of("SELECT 1, 2") == ["SELECT 1, 2"]
