"""Three incidents, rebuilt: each stall is shown, and then prevented by the safe way."""

import pytest

from tests.ddl.matrix import accused, answers, failed, longest_ms, proved_sql

pytestmark = pytest.mark.proof
REVISIONS = 22


def test_an_alter_behind_a_dump_hangs_everybody(world):
    """Seven users waited twelve minutes for a pg_dump that an ALTER TABLE waited for."""
    found = proved_sql(world, "ALTER TABLE orders ADD COLUMN priority int")
    assert {"1 longest wait of writers", "1 longest wait of readers"} <= {*failed(found)}
    assert longest_ms(found, safe=False) >= 0.9 * found.options.front_s * 1e3
    assert accused(found) == []
    assert longest_ms(found, safe=True) < 0.5 * longest_ms(found, safe=False)


def test_a_chain_of_revisions_in_one_transaction_holds_its_first_lock_until_the_last_is_done(world):
    revisions = [f"ALTER TABLE orders ADD COLUMN c{n} int DEFAULT {n}" for n in range(REVISIONS - 2)]
    chain = [
        "BEGIN",
        *revisions,
        "UPDATE orders SET c0 = amount",
        "ALTER TABLE customers ADD COLUMN vip bool",
        "COMMIT",
    ]
    found = proved_sql(world, ";\n".join(chain))
    assert {"1 locks", "1 longest wait of readers"} <= {*failed(found)}
    assert "blocks reads and writes to orders for as long as it works" in answers(found)["1 locks"].observed
    (step,) = found.proof.steps
    assert len(step.statements) == REVISIONS
    assert step.safe is not None
    assert len(step.safe.statements) == REVISIONS  # each committed by itself
    assert accused(found) == []


def test_a_foreign_key_on_a_busy_pair_of_tables_blocks_the_writers_of_both(world):
    found = proved_sql(
        world,
        "ALTER TABLE orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id)",
    )
    locks = answers(found)["1 locks"].observed
    assert "blocks writes to orders" in locks
    assert "blocks writes to customers" in locks
    assert "1 longest wait of writers" in failed(found)
    assert "1 longest wait of readers" not in failed(found)
    (step,) = found.proof.steps
    assert {*step.tables} == {"orders", "customers"}
    assert accused(found) == []


def test_an_action_that_rewrites_among_others_has_its_own_safe_way(world):
    found = proved_sql(
        world, "ALTER TABLE orders ADD COLUMN tag text, ADD COLUMN token uuid DEFAULT gen_random_uuid()"
    )
    (step,) = found.proof.steps
    assert step.safe is not None
    assert [each.text.split("\n")[0] for each in step.safe.statements] == [
        "ALTER TABLE orders ADD COLUMN tag text",
        "ALTER TABLE orders ADD COLUMN token uuid",
        "ALTER TABLE orders ALTER COLUMN token SET DEFAULT gen_random_uuid()",
        "DO $batches$",
    ]
    assert accused(found) == []
