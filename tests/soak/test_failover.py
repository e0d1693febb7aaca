"""Leaders are killed and frozen: never two in one fence, nobody writes after the next one, and a standby takes over."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from tailguard.postgres.database import Database

pytestmark = pytest.mark.proof

TTL_S = 0.5
LEADER = Path(__file__).with_name("leader.py")
PATIENCE_S = 60.0


class Written:
    """A file of a leader: its fence, its number in that term, who wrote it, and when they looked at the lease."""

    def __init__(self, path: Path) -> None:
        self.fence, self.number, self.pid, self.at_ns = map(int, path.name.split("-"))


class Processes:
    """Three programs that want to lead."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.folder = folder
        self._words = [
            sys.executable,
            str(LEADER),
            database.conninfo,
            database.schema,
            str(folder),
            str(TTL_S),
        ]
        self._ready: set[subprocess.Popen[bytes]] = set()
        self.running = {each.pid: each for each in (self._start() for _ in range(3))}

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._words, stdout=subprocess.PIPE)

    def leader_after(self, fence: int) -> tuple[int, int]:
        """Wait for a term with a higher fence; return that fence and who leads."""
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            newest = max((path.name for path in self.folder.iterdir()), default="0-0-0-0").split("-")
            if int(newest[0]) > fence:
                return int(newest[0]), int(newest[2])
            time.sleep(0.01)
        raise AssertionError(f"nobody followed fence {fence}")

    def kill(self, pid: int) -> None:
        """Kill a leader, once somebody waits to follow it, and start another program."""
        standby = next(
            each for each in self.running.values() if each.pid != pid
        )  # the one that was started first
        if standby not in self._ready:
            assert standby.stdout is not None  # a pipe
            assert standby.stdout.readline() == b"ready\n"
            self._ready.add(standby)
        self._kill(self.running.pop(pid))
        fresh = self._start()
        self.running[fresh.pid] = fresh

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        with process:
            process.kill()

    def end(self) -> list[Written]:
        """Kill all; return what was written, in order of fences."""
        while self.running:
            self._kill(self.running.popitem()[1])
        return [Written(path) for path in sorted(self.folder.iterdir())]


@pytest.fixture
def processes(database: Database, tmp_path: Path) -> Iterator[Processes]:
    yield (made := Processes(database, tmp_path))
    made.end()


def terms_of(written: list[Written]) -> list[list[Written]]:
    """What was written in each term, after a look at what holds in all of them."""
    terms = [
        [each for each in written if each.fence == fence]
        for fence in sorted({each.fence for each in written})
    ]
    for term in terms:
        assert len({each.pid for each in term}) == 1, "two led in one fence"
        assert [each.number for each in term] == [*range(len(term))], "a file is missing or there twice"
    for before, after in pairwise(terms):
        assert before[-1].at_ns < after[0].at_ns, "a leader wrote although another led"
    return terms


def test_a_killed_leader_is_followed_and_no_fence_has_two(processes: Processes) -> None:
    fence, kills = 0, 100
    for _ in range(kills):
        fence, leader = processes.leader_after(fence)
        processes.kill(leader)
    processes.leader_after(fence)
    terms = terms_of(processes.end())
    assert len(terms) == kills + 1
    lost_s = [(after[0].at_ns - before[-1].at_ns) / 1e9 for before, after in pairwise(terms)]
    print(
        f"{kills} kills: at most {max(lost_s):.2f} s without a leader, {sum(lost_s) / kills:.2f} s in the mean"
    )
    assert median(lost_s) < 2 * TTL_S


def test_a_leader_that_was_frozen_writes_nothing_when_it_wakes(processes: Processes) -> None:
    fence = 0
    for _ in range(10):
        fence, leader = processes.leader_after(fence)
        os.kill(leader, signal.SIGSTOP)
        following, _ = processes.leader_after(fence)
        os.kill(leader, signal.SIGCONT)
        time.sleep(TTL_S)
        assert following == fence + 1
    assert len(terms_of(processes.end())) >= 11
