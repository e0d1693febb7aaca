"""Economy transfer: coins go from one wallet to another.

Who: wallet owners. What: balance check and both wallets locked in one transaction, two ledger rows, once per
key. Data: mostly pairs that nobody else uses; every fourth arrival is on one hot pair and crosses the one
before it (A to B, then B to A), which is what a wrong lock order deadlocks on; some replay an earlier key (same
answer, no second transfer), some reuse one with another amount (a clean conflict).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from perf.invariants import count_is, equals
from perf.platform import REFUSALS, Platform
from tailguard.engine.iteration import Session
from tailguard.engine.scenario import Scenario
from tailguard.pipeline.world import World
from tailguard.record.samples import Samples
from tailguard.record.scenario import Invariant

CROSSING_EVERY = 4
REPLAY_EVERY = 50
CONFLICT_EVERY = 100
# Far enough back that the first use of the key has long been answered at the rates in use (0.4 s at 100/s).
REPLAYED_TURNS_AGO = 40


class Order(NamedTuple):
    """One transfer to make."""

    from_wallet: int
    to_wallet: int
    amount: int
    key: str


@dataclass(frozen=True, slots=True)
class Orders:
    """Which transfer comes at a given turn: a pure function of the turn."""

    run_id: str
    hot_pair: tuple[int, int]
    wallets: Sequence[int]
    opening_total: int

    def at(self, turn: int) -> Order:
        """Return the order of a turn."""
        if turn % REPLAY_EVERY == REPLAY_EVERY - 1:
            return self._fresh(turn - REPLAYED_TURNS_AGO)
        if turn % CONFLICT_EVERY == CONFLICT_EVERY - 2:
            earlier = self._fresh(turn - REPLAYED_TURNS_AGO)
            return earlier._replace(amount=earlier.amount + 1)
        return self._fresh(turn)

    def _fresh(self, turn: int) -> Order:
        key = f"{self.run_id}-{turn}"
        if turn % CROSSING_EVERY == 0:
            a, b = self.hot_pair
            return Order(a, b, 1, key) if turn // CROSSING_EVERY % 2 else Order(b, a, 1, key)
        pairs = len(self.wallets) // 2
        round_, pair = divmod(turn, pairs)
        a, b = self.wallets[2 * pair], self.wallets[2 * pair + 1]
        amount = 1 + turn % 5
        return Order(a, b, amount, key) if round_ % 2 else Order(b, a, amount, key)


def prepare(world: World, settings: Mapping[str, Any]) -> Orders:
    """Take the seeded wallets and note how much money there is."""
    wallets = world.seeded.wallets
    return Orders(world.run_id, (wallets[0], wallets[1]), wallets[2:], total_money(world))


def total_money(world: World) -> int:
    """Return the sum of all balances."""
    return int(world.value("SELECT coalesce(sum(cached_balance), 0) FROM economy_deltacrownwallet") or 0)


def journey(session: Session, platform: Platform, data: Orders) -> None:
    """Transfer."""
    session.step("transfer", platform.transfer, *data.at(session.turn))


def invariants(world: World, data: Orders, samples: Samples) -> list[Invariant]:
    """Money is conserved, the ledger explains every balance, and nobody deadlocked."""
    transfers = "SELECT count(*) FROM economy_economytransaction WHERE idempotency_key LIKE %s"
    debited = world.value(transfers, f"{data.run_id}-%\\_debit")
    credited = world.value(transfers, f"{data.run_id}-%\\_credit")
    return [
        equals("money is conserved", expected=data.opening_total, observed=total_money(world)),
        count_is(
            world,
            "every balance is the sum of its ledger",
            """SELECT count(*) FROM economy_deltacrownwallet w
               LEFT JOIN (SELECT wallet_id, sum(amount) total FROM economy_economytransaction GROUP BY wallet_id) ledger
               ON ledger.wallet_id = w.id WHERE w.cached_balance <> coalesce(ledger.total, 0)""",
        ),
        count_is(
            world,
            "no balance is below zero",
            "SELECT count(*) FROM economy_deltacrownwallet WHERE cached_balance < 0 AND NOT allow_overdraft",
        ),
        equals("every transfer has both its rows", expected=debited, observed=credited),
        equals("no deadlock", expected=0, observed=world.deadlocks()),
    ]


SCENARIO = Scenario(
    slug="economy_transfer",
    title="Economy transfer",
    steps=("transfer",),
    needs=frozenset({"postgres"}),
    journey=journey,
    prepare=prepare,
    invariants=invariants,
    refusals=REFUSALS,
)
