"""One leader at a time: the server's clock decides, our own only ends a term earlier."""

from collections.abc import Iterator
from functools import partial

import pytest
from psycopg import sql

from tailguard.postgres.database import Database
from tailguard.postgres.location import connect
from tailguard.soak.lease import TABLE, Lease, LeaseLostError, Term, Witness
from tests.support.fake_clock import FakeClock

pytestmark = pytest.mark.system

TTL_S = 30.0  # of the server's true time: nothing here waits for it
TTL_NS = int(TTL_S * 1e9)


class World:
    """Processes that want the same lease, each with a clock of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.leases: list[Lease] = []

    def lease(self, name: str = "soak") -> tuple[Lease, FakeClock]:
        clock = FakeClock(1)
        open_session = partial(connect, self.database.conninfo, answer_within_s=5.0)
        self.leases.append(made := Lease(open_session, self.database.schema, name, TTL_S, clock))
        return made, clock

    def server_moves(self, seconds: float) -> None:
        """Let so much time pass on the server, as the row has it."""
        move = "UPDATE {} SET expires = expires - make_interval(secs => %s)"
        with self.database.connect() as connection:
            table = sql.Identifier(self.database.schema, TABLE)
            connection.execute(sql.SQL(move).format(table), [seconds])

    def cut(self) -> None:
        """End all sessions of the leases, as a restart of the server does."""
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = user"
        with self.database.connect() as connection:
            connection.execute(end)


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    yield (made := World(database))
    for lease in made.leases:
        lease.release()


def test_only_one_leads_and_the_next_term_has_a_higher_fence(world: World) -> None:
    (first, _), (second, _) = world.lease(), world.lease()
    assert first.take() == Term(1, Witness.OURS)
    assert second.take() is None
    first.check()
    first.release()
    assert second.take() == Term(2, Witness.OURS)
    with pytest.raises(LeaseLostError):
        first.check()


def test_leases_of_other_names_do_not_meet(world: World) -> None:
    (first, _), (second, _) = world.lease("a"), world.lease("b")
    assert first.take() == second.take() == Term(1, Witness.OURS)


def test_a_renewed_term_goes_on_and_one_that_was_not_is_over(world: World) -> None:
    first, clock = world.lease()
    second, _ = world.lease()
    first.take()
    for _ in range(3):
        clock.advance_ns(TTL_NS - 1)
        first.renew()
        assert second.take() is None
    clock.advance_ns(TTL_NS)
    with pytest.raises(LeaseLostError, match="was not renewed within 30 s"):
        first.check()
    with pytest.raises(LeaseLostError):
        first.renew()


def test_a_frozen_leader_is_followed_within_the_ttl_of_the_server_and_its_session_is_seen(
    world: World,
) -> None:
    (first, _), (second, _) = world.lease(), world.lease()
    first.take()
    world.server_moves(TTL_S - 1)
    assert second.take() is None
    world.server_moves(1)
    assert second.take() == Term(2, Witness.ANOTHER)
    with pytest.raises(LeaseLostError, match="term 1 ended before it was renewed"):
        first.renew()
    assert first.take() is None
    second.release()
    assert first.take() == Term(3, Witness.OURS)


def test_a_term_that_ended_is_not_renewed_even_if_nobody_followed(world: World) -> None:
    first, _ = world.lease()
    first.take()
    world.server_moves(TTL_S)
    with pytest.raises(LeaseLostError):
        first.renew()
    assert first.take() == Term(2, Witness.OURS)


def test_a_wall_clock_that_was_moved_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (first, _), (second, _) = world.lease(), world.lease()
    first.take()
    monkeypatch.setattr("time.time", lambda: 4e9)
    monkeypatch.setattr("time.time_ns", lambda: int(4e18))
    first.renew()
    assert second.take() is None


def test_a_lost_connection_costs_no_term_while_time_is_left(world: World) -> None:
    first, clock = world.lease()
    second, _ = world.lease()
    first.take()
    clock.advance_ns(TTL_NS // 2)
    world.cut()
    first.renew()  # it could not ask
    first.check()
    first.renew()  # on a new connection
    clock.advance_ns(TTL_NS - 1)
    first.check()
    world.cut()
    clock.advance_ns(1)
    with pytest.raises(LeaseLostError):
        first.renew()
    assert second.take() is None  # the server does not know that yet


def test_a_server_that_cannot_be_reached_ends_the_term_at_its_time(world: World) -> None:
    first, clock = world.lease()
    first.take()
    first._connect = partial(connect, "host=127.0.0.1 port=1 connect_timeout=1")
    world.cut()
    first.renew()
    first.renew()
    clock.advance_ns(TTL_NS)
    with pytest.raises(LeaseLostError):
        first.renew()
