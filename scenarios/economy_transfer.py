"""Economy transfer: coins go from one wallet to another.

Who: wallet owners. What: balance check and both wallets locked in one transaction, two ledger rows, once per
key. Data: mostly pairs that nobody else uses; every fourth arrival is on one hot pair and crosses the one
before it (A to B, then B to A), which is what a wrong lock order deadlocks on; some replay an earlier key (same
answer, no second transfer), some reuse one with another amount (a clean conflict).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import tailguard as tg
from perf.invariants import count_is
from perf.offer import Offer
from perf.platform import REFUSALS, RowId, Transfers
from perf.retries import counted
from tailguard.postgres import Reader

CROSSING_EVERY = 4
REPLAY_EVERY = 50
CONFLICT_EVERY = 100
# Far enough back that the first use of the key has long been answered at the rates in use (0.4 s at 100/s).
REPLAYED_AGO = 40
MONEY = "SELECT coalesce(sum(cached_balance), 0)::bigint FROM economy_deltacrownwallet"


class Order(NamedTuple):
    """One transfer to make."""

    from_wallet: RowId
    to_wallet: RowId
    amount: int
    key: str


@dataclass(frozen=True, slots=True)
class Orders:
    """Which transfer an iteration makes: a pure function of its number. The first two wallets are the hot pair."""

    run_id: str
    wallets: Sequence[RowId]

    def at(self, number: int) -> Order:
        """Return the order of an iteration."""
        if number % REPLAY_EVERY == REPLAY_EVERY - 1:
            return self._fresh(number - REPLAYED_AGO)
        if number % CONFLICT_EVERY == CONFLICT_EVERY - 2:
            earlier = self._fresh(number - REPLAYED_AGO)
            return earlier._replace(amount=earlier.amount + 1)
        return self._fresh(number)

    def _fresh(self, number: int) -> Order:
        key = f"{self.run_id}-{number}"
        if number % CROSSING_EVERY == 0:
            a, b = self.wallets[:2]
            return Order(a, b, 1, key) if number // CROSSING_EVERY % 2 else Order(b, a, 1, key)
        round_, pair = divmod(number, len(self.wallets) // 2 - 1)
        a, b = self.wallets[2 * pair + 2 : 2 * pair + 4]
        amount = 1 + number % 5
        return Order(a, b, amount, key) if round_ % 2 else Order(b, a, amount, key)


@dataclass(slots=True)
class Acknowledged:
    """The amounts that this process saw acknowledged, by key; only those of keys that are used for two amounts."""

    amounts: dict[str, int] = field(default_factory=dict)

    def first(self, number: int, order: Order) -> int:
        """Return the amount that an order's key was first acknowledged for."""
        if number % CONFLICT_EVERY not in (CONFLICT_EVERY - 2, CONFLICT_EVERY - 2 - REPLAYED_AGO):
            return order.amount
        return self.amounts.setdefault(order.key, order.amount)


@tg.fixture(scope="run")
def orders(offer: Offer, run: tg.Run) -> Orders:
    """Who pays whom."""
    return Orders(run.id, offer.rows_for("economy_transfer").wallets)


@tg.fixture
def opening_money(database: Reader) -> object:
    """How much money there is before the first transfer."""
    return database.value(MONEY)


@tg.fixture
def acknowledged() -> Acknowledged:
    """A key may be acknowledged for one amount alone."""
    return Acknowledged()


# One in a hundred reuses a key with another amount.
@tg.scenario(rate="100/s", steps=["transfer"], refusals=REFUSALS, slo=["refusal rate <= 4%"])
def economy_transfer(
    it: tg.Iteration, platform: Transfers, orders: Orders, acknowledged: Acknowledged
) -> None:
    """Transfer."""
    order = orders.at(it.number)
    it.step("transfer", counted(platform.transfer), *order)
    first = acknowledged.first(it.number, order)
    assert first == order.amount, f"key {order.key} was acknowledged for {first} and for {order.amount} coins"


@economy_transfer.invariants
def holds(
    database: Reader, orders: Orders, opening_money: object, samples: tg.Samples
) -> Iterator[tg.Invariant]:
    """Money is conserved, the ledger explains every balance and every answer, and nobody deadlocked."""
    yield tg.expect("money is conserved", opening_money, database.value(MONEY))
    yield from count_is(
        database,
        "every balance is the sum of its ledger",
        """SELECT count(*) FROM economy_deltacrownwallet w
           LEFT JOIN (SELECT wallet_id, sum(amount) total FROM economy_economytransaction GROUP BY wallet_id) ledger
           ON ledger.wallet_id = w.id WHERE w.cached_balance <> coalesce(ledger.total, 0)""",
    )
    yield from count_is(
        database,
        "no balance is below zero",
        "SELECT count(*) FROM economy_deltacrownwallet WHERE cached_balance < 0 AND NOT allow_overdraft",
    )
    # Counted at one moment: whoever was left in mid-transfer may still commit.
    yield from count_is(
        database,
        "every transfer has both its rows",
        """SELECT abs(count(*) FILTER (WHERE idempotency_key LIKE %s) - count(*) FILTER (WHERE idempotency_key LIKE %s))
           FROM economy_economytransaction""",
        f"{orders.run_id}-%\\_debit",
        f"{orders.run_id}-%\\_credit",
    )
    # Warm-up made some too; a replay is acknowledged without rows of its own.
    yield from count_is(
        database,
        "every acknowledged transfer has its rows",
        "SELECT greatest(0, %s - count(*)) FROM economy_economytransaction WHERE idempotency_key LIKE %s",
        int(samples.ok("transfer").sum()) - len(samples) // REPLAY_EVERY - 1,
        f"{orders.run_id}-%\\_debit",
    )
    yield tg.expect("no deadlock", 0, database.deadlocks())
