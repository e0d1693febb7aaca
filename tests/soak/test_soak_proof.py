"""Leaders are killed, frozen and cut off, the database restarts, clocks move: no fence has two, no segment is lost."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import psycopg
import pytest

from tailguard.cli.main import run_cli
from tailguard.faults.proxy import Fault, FaultProxy
from tailguard.postgres.server import Server, embedded_postgres
from tests.soak.troupe import Troupe, check, pid_of, troupe
from tests.support.pgbouncer import needs_pgbouncer, pooler

pytestmark = pytest.mark.proof

TTL_S = 0.5


def follow(made: Troupe, times: int, act: Callable[[int], None], fence: int = 0) -> None:
    for _ in range(times):
        leader = made.leader_after(fence)
        fence = leader.fence
        act(pid_of(leader))
    made.leader_after(fence)


def test_a_hundred_killed_leaders_lose_no_segment(tmp_path: Path, postgres: Server) -> None:
    kills = int(os.environ.get("SOAK_KILLS", "100"))
    with troupe(tmp_path, postgres.dsn, TTL_S) as made:
        made.start()
        made.leader_after(0)
        made.standby()
        made.standby()

        def kill(leader: int) -> None:
            os.kill(leader, signal.SIGKILL)
            made.standby()

        follow(made, kills, kill)
        found = check(made.end())
    assert len(found.gaps) == kills
    lost_s = [gap.seconds for gap in found.gaps]
    print(f"{kills} kills: {median(lost_s):.2f} s of load lost in the median, {max(lost_s):.2f} s at most")


def test_a_frozen_leader_wakes_as_a_standby(tmp_path: Path, postgres: Server) -> None:
    with troupe(tmp_path, postgres.dsn, TTL_S) as made:
        made.start()
        made.leader_after(0)
        made.standby()
        made.standby()

        def freeze(leader: int) -> None:
            stood_by = made.log(leader).count("Standing by")
            os.kill(leader, signal.SIGSTOP)
            made.leader_after(made.fence)
            os.kill(leader, signal.SIGCONT)
            made.says(leader, "Standing by", stood_by + 1)

        follow(made, 10, freeze)
        run = made.end()
    check(run)
    assert run.record.soak is not None
    assert any("frozen or cut off" in term.witness for term in run.record.soak.terms)


def test_a_leader_that_is_cut_off_from_its_lease_stands_by(tmp_path: Path, postgres: Server) -> None:
    place = urlsplit(postgres.dsn)
    with FaultProxy("127.0.0.1", postgres.port) as proxy, troupe(tmp_path, postgres.dsn, TTL_S) as made:
        through = place._replace(netloc=f"{place.netloc.rpartition(':')[0]}:{proxy.port}").geturl()
        leader = made.start("--set", f"soak.lease={through}")
        first = made.leader_after(0)
        assert pid_of(first) == leader
        made.standby()
        proxy.set([Fault("down")])
        made.leader_after(first.fence)
        made.says(leader, "counted as lost")
        proxy.set([])
        made.says(leader, "Standing by")
        check(made.end())


def test_a_restart_of_the_database_costs_a_term_at_most(tmp_path: Path) -> None:
    with embedded_postgres() as server, troupe(tmp_path, server.dsn, TTL_S) as made:
        made.start()
        made.leader_after(0)
        made.standby()
        made.standby()
        fence = 0
        for fast in (True, False, True):
            fence = made.leader_after(fence).fence
            server.control.off(fast=fast)
            time.sleep(2 * TTL_S)  # longer than a term: nobody can lead
            server.control.on()
        made.leader_after(fence)
        check(made.end())


def test_a_clock_of_the_server_that_jumps_ends_a_term_and_no_segment(
    tmp_path: Path, postgres: Server
) -> None:
    """As the lease has it: the row ends sooner, or later, than it was written."""
    with troupe(tmp_path, postgres.dsn, 5.0) as made, psycopg.connect(postgres.dsn, autocommit=True) as admin:
        made.start()
        made.leader_after(0)
        made.standby()
        fence = 0
        for _ in range(3):
            fence = made.leader_after(fence).fence
            admin.execute("UPDATE tailguard_soak.tailguard_lease SET expires = expires - interval '1 hour'")
        made.leader_after(fence)
        check(made.end())


@needs_pgbouncer
def test_behind_a_pooler_the_lease_holds_and_the_second_witness_is_said_to_be_off(
    tmp_path: Path, postgres: Server
) -> None:
    """All processes share one or two sessions of the server: an advisory lock would be everybody's."""
    with pooler(postgres, tmp_path) as dsn, troupe(tmp_path, dsn, 8.0) as made:
        made.start()
        made.leader_after(0)
        made.says(made.start(), "Another process leads a soak")
        made.standby()

        def freeze(leader: int) -> None:
            os.kill(leader, signal.SIGSTOP)
            made.leader_after(made.fence)
            os.kill(leader, signal.SIGCONT)
            made.says(leader, "Standing by")

        follow(made, 1, freeze)
        follow(made, 1, lambda leader: os.kill(leader, signal.SIGKILL), made.fence - 1)
        run = made.end()
    check(run)
    assert run.record.soak is not None
    assert len(run.record.soak.terms) >= 3
    assert {term.witness for term in run.record.soak.terms} == {"none: a pooler gives sessions to others"}
    assert run_cli(["report", str(run.folder)]) == 0
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert page.count("none: a pooler gives sessions to others") >= 3


@pytest.fixture(autouse=True)
def without_a_lease_of_another_test(postgres: Server) -> None:
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute("DROP SCHEMA IF EXISTS tailguard_soak CASCADE")
