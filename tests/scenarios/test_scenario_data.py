"""What each arrival asks for is a pure function of its number: unique where it must be, with its share of refusals."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scenarios.economy_transfer import Orders
from scenarios.registration import Entries

ENTRIES = Entries(
    users=range(1, 51), open_tournaments=range(2, 40), hot_tournament=1, full_tournaments=range(40, 60)
)
ORDERS = Orders("run", range(1, 103))


def test_no_user_joins_a_tournament_twice_within_a_supply() -> None:
    numbers = range(-30, len(ENTRIES.users) * len(ENTRIES.full_tournaments))
    pairs = Counter(ENTRIES.at(number) for number in numbers if number % 10)
    assert pairs.most_common(1)[0][1] == 1


@given(st.integers(1, 40), st.integers(1, 30), st.integers(0, 10_000))
def test_within_a_supply_nobody_joins_a_tournament_twice_wherever_it_begins(
    users: int, tournaments: int, first: int
) -> None:
    """A duet between servers takes its iterations from one supply, block after block."""
    open_ones = range(1, tournaments) or range(1)
    entries = Entries(range(users), open_ones, hot_tournament=0, full_tournaments=())
    pairs = Counter(map(entries.at, range(first, first + entries.supply)))
    assert pairs.most_common(1)[0][1] == 1


def test_the_hot_tournament_gets_every_tenth_arrival_each_from_another_user() -> None:
    hot = [user for tournament, user in map(ENTRIES.at, range(500)) if tournament == 1]
    assert len(hot) == len(set(hot)) == 50


def test_every_twenty_fifth_arrival_goes_to_a_small_tournament() -> None:
    assert sum(ENTRIES.at(number)[0] in ENTRIES.full_tournaments for number in range(1000)) == 40


@given(st.integers(-1000, 100_000))
def test_an_order_is_between_two_wallets_and_moves_something(number: int) -> None:
    order = ORDERS.at(number)
    assert order.from_wallet != order.to_wallet
    assert order.amount > 0
    assert len(order.key) <= 57  # what is left of the ledger's 64 characters beside its suffix


def test_neighbours_on_the_hot_pair_cross() -> None:
    hot = [ORDERS.at(number)[:2] for number in range(0, 40, 4)]
    assert set(hot) == {(1, 2), (2, 1)}
    assert all(one != other for one, other in pairwise(hot))


def test_a_replay_is_an_earlier_order_and_a_conflict_an_earlier_key_with_another_amount() -> None:
    assert ORDERS.at(149) == ORDERS.at(109)
    assert ORDERS.at(198).key == ORDERS.at(158).key
    assert ORDERS.at(198).amount == ORDERS.at(158).amount + 1


def test_balances_come_back_after_two_rounds_of_pairs() -> None:
    flow: Counter[int] = Counter()
    quiet = [number for number in range(1000) if number % 4 and number % 50 != 49 and number % 100 != 98]
    for order in map(ORDERS.at, quiet):
        flow[order.from_wallet] -= order.amount
        flow[order.to_wallet] += order.amount
    assert max(abs(change) for change in flow.values()) < 100
