"""Transfers: money is conserved, a key moves it once, and crossing pairs do not deadlock."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from reference import transfers
from reference.errors import Conflict, InsufficientFunds, Invalid, NotFound, Unavailable
from reference.transfers import MAX_AMOUNT, MAX_KEY


@pytest.fixture
def pair(seeded, fresh):
    """Two wallets that no other test uses."""
    first = 1 + 2 * next(fresh)
    return seeded.wallets[first], seeded.wallets[first + 1]


def test_coins_move_with_two_ledger_rows(crown, pair):
    before = _balances(crown, pair)
    done = crown.transfer(*pair, 70, "two-rows", reason="gift")
    assert _balances(crown, pair) == (before[0] - 70, before[1] + 70) == (done.from_balance, done.to_balance)
    with crown.database.connection() as connection:
        rows = connection.run(
            "SELECT id, wallet_id, amount, cached_balance_after, reason, idempotency_key"
            " FROM economy_economytransaction WHERE idempotency_key LIKE 'two-rows%' ORDER BY amount"
        )
    assert rows == [
        (done.debit_id, pair[0], -70, done.from_balance, "gift", "two-rows_debit"),
        (done.credit_id, pair[1], 70, done.to_balance, "gift", "two-rows_credit"),
    ]


def test_a_replay_answers_the_first_result_and_moves_nothing(crown, pair):
    first = crown.transfer(*pair, 10, "again")
    crown.transfer(*pair, 10, "in-between")
    again = crown.transfer(*pair, 10, "again")
    assert again.replayed
    assert (again.from_balance, again.to_balance, again.debit_id) == (
        first.from_balance,
        first.to_balance,
        first.debit_id,
    )
    assert _balances(crown, pair)[0] == first.from_balance - 10


def test_a_replay_is_answered_even_where_the_coins_are_gone(crown, pair):
    everything = _balances(crown, pair)[0]
    crown.transfer(*pair, everything, "all")
    assert crown.transfer(*pair, everything, "all").replayed


@pytest.mark.parametrize("change", ["amount", "direction", "receiver"])
def test_a_key_used_for_something_else_is_a_conflict(crown, pair, change):
    one, two = pair
    crown.transfer(one, two, 10, f"once-{change}")
    other = {"amount": (one, two, 11), "direction": (two, one, 10), "receiver": (one, 60, 10)}[change]
    with pytest.raises(Conflict, match="used for another transfer") as refusal:
        crown.transfer(*other, f"once-{change}")
    assert (refusal.value.status, refusal.value.code) == (409, "IDEMPOTENCY_CONFLICT")


def test_more_than_the_balance_is_refused(crown, pair):
    before = _balances(crown, pair)
    with pytest.raises(InsufficientFunds, match=f"wallet {pair[0]} holds {before[0]}"):
        crown.transfer(*pair, before[0] + 1, "too-much")
    assert _balances(crown, pair) == before


@pytest.mark.parametrize("amount", [0, -5, MAX_AMOUNT + 1])
def test_an_amount_that_is_none_is_invalid(crown, pair, amount):
    with pytest.raises(Invalid, match=str(amount)):
        crown.transfer(*pair, amount, "amount")


def test_a_wallet_does_not_pay_itself(crown, pair):
    with pytest.raises(Invalid, match="to itself"):
        crown.transfer(pair[0], pair[0], 1, "self")


@pytest.mark.parametrize("length", [0, MAX_KEY + 1])
def test_a_key_must_fit_the_ledger(crown, pair, length):
    with pytest.raises(Invalid, match=f"not {length}"):
        crown.transfer(*pair, 1, "k" * length)


def test_the_longest_key_fits(crown, pair):
    assert crown.transfer(*pair, 1, "k" * MAX_KEY).key == "k" * MAX_KEY


def test_an_unknown_wallet_is_not_found(crown, pair):
    with pytest.raises(NotFound, match="no wallet 999999"):
        crown.transfer(pair[0], 999_999, 1, "nobody")


@pytest.mark.system
def test_crossing_transfers_conserve_money_without_a_deadlock(crown, postgres, pair):
    before, deadlocks = _balances(crown, pair), _deadlocks(postgres)
    with ThreadPoolExecutor(8) as threads:
        done = list(
            threads.map(
                lambda n: crown.transfer(*(pair if n % 2 else pair[::-1]), 1 + n, f"cross-{n}"), range(160)
            )
        )
    assert sum(transfer.retries for transfer in done) == 0
    assert sum(_balances(crown, pair)) == sum(before)
    assert _deadlocks(postgres) == deadlocks
    _agrees_with_ledger(crown, pair)


def test_the_crossing_fault_deadlocks_and_still_conserves_money(faulty, crown, postgres, pair):
    before, deadlocks = _balances(crown, pair), _deadlocks(postgres)
    wrong = faulty("crossing_deadlock")

    def attempt(number: int) -> int:
        try:
            return wrong.transfer(*(pair if number % 2 else pair[::-1]), 1, f"dead-{number}").retries
        except Unavailable as failure:
            return failure.retries if failure.sqlstate == "40P01" else 0

    # Two transfers meet only if both run at once: on a busy machine not always the first time.
    with ThreadPoolExecutor(2) as threads:
        retried = any(sum(threads.map(attempt, (n, n + 1))) for n in range(0, 200, 2))
    assert retried
    assert _deadlocks(postgres) > deadlocks
    assert sum(_balances(crown, pair)) == sum(before)


def test_one_key_used_by_eight_at_once_moves_the_money_once(crown, pair):
    before = _balances(crown, pair)
    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(lambda _: crown.transfer(*pair, 5, "race"), range(8)))
    assert sum(transfer.replayed for transfer in done) == 7
    assert len({transfer.debit_id for transfer in done}) == 1
    assert _balances(crown, pair) == (before[0] - 5, before[1] + 5)


def _balances(platform, pair: tuple[int, int]) -> tuple[int, int]:
    with platform.database.connection() as connection:
        rows = connection.run(
            "SELECT id, cached_balance FROM economy_deltacrownwallet WHERE id IN ($1, $2)", *pair
        )
    found = dict(rows)
    return found[pair[0]], found[pair[1]]


def _agrees_with_ledger(platform, pair: tuple[int, int]) -> None:
    with platform.database.connection() as connection:
        for wallet, balance in zip(pair, _balances(platform, pair), strict=True):
            total = "SELECT sum(amount)::bigint FROM economy_economytransaction WHERE wallet_id = $1"
            assert connection.row(total, wallet) == (balance,)


def _deadlocks(postgres) -> int:
    """Return the server's count; a backend reports its deadlock before it answers, once its statistics are flushed."""
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        return connection.execute(query).fetchone()[0]


def test_retries_are_bounded_and_the_failure_says_how_many_and_why(crown, pair, monkeypatch):
    tries = []

    def deadlock(*_: object):
        tries.append(1)
        raise psycopg.errors.DeadlockDetected

    monkeypatch.setattr("reference.transfers._book", deadlock)
    before = _balances(crown, pair)
    with pytest.raises(Unavailable, match="failed 3 times") as failure:
        crown.transfer(*pair, 1, "bounded")
    assert (len(tries), failure.value.retries, failure.value.sqlstate) == (3, 2, "40P01")
    assert _balances(crown, pair) == before


def test_a_transfer_that_meets_one_conflict_succeeds_and_counts_it(crown, pair, monkeypatch):
    book, met = transfers._book, []

    def conflict_once(*values):
        if not met:
            met.append(1)
            raise psycopg.errors.SerializationFailure
        return book(*values)

    monkeypatch.setattr("reference.transfers._book", conflict_once)
    assert crown.transfer(*pair, 1, "once-more").retries == 1
