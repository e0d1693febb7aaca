"""The processes of a run: found by what they are, followed while it lives, and gone afterwards."""

import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

from tests.matrix.cells import ALL_OF_US, HUNG

LOOK_S = 0.5
GUARD = "The guard of one child"


def command_of(process: psutil.Process) -> str:
    """Return a process's command line, "" if it is gone."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def lives(process: psutil.Process) -> bool:
    """Whether it is there and no zombie; an id that was given away again is another process."""
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@dataclass
class Family:
    """A run and all processes that it ever had, seen every `LOOK_S`."""

    runner: psutil.Process
    temporary: Path
    seen: dict[int, psutil.Process] = field(default_factory=dict)
    memory: set[int] = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def look(self) -> list[psutil.Process]:
        """Return the living ones."""
        with self._lock:
            with suppress(psutil.Error):
                for process in [self.runner, *self.runner.children(recursive=True)]:
                    self.seen[process.pid] = process
            for file in self.temporary.glob("tailguard-*/d/data/postmaster.pid"):
                with suppress(OSError, IndexError, ValueError):
                    self.memory.add(int(file.read_text(encoding="utf-8").splitlines()[6].split()[1]))
            return [process for process in self.seen.values() if lives(process)]

    def find(self, part: str) -> list[psutil.Process]:
        """Return the processes of a part of the run, none if there is none now."""
        living = self.look()
        guards = [each for each in living if GUARD in command_of(each)]
        return {
            "runner": [self.runner],
            HUNG: [self.runner],
            "watchdog": guards[:1],
            ALL_OF_US: [self.runner, *guards],
            "postmaster": [each for each in living if "postgres -D" in command_of(each)][:1],
            "backend": _busiest(living)[:1],
            "S3": [each for each in living if re.search(r"weed\b.* mini ", command_of(each))],
            "subscribers": [each for each in living if "subscriber_process" in command_of(each)],
            "Locust worker": self._workers()[:1],
        }[part]

    def database(self) -> list[psutil.Process]:
        """Return all processes of PostgreSQL, its postmaster first, so that it starts none meanwhile."""
        living = self.look()
        postmasters = [each for each in living if "postgres -D" in command_of(each)]
        return postmasters + [each for each in living if command_of(each).startswith("postgres: ")]

    def left(self, within_s: float) -> list[str]:
        """Return what is left after a while: processes, folders, segments of shared memory."""
        ends_s = time.monotonic() + within_s
        while (found := list(self._leftovers())) and time.monotonic() < ends_s:
            time.sleep(LOOK_S)
        return found

    def end(self) -> None:
        """End whatever is left of the run, so that it does not disturb the next."""
        for process in self.look():
            with suppress(psutil.Error):
                process.kill()

    def _workers(self) -> list[psutil.Process]:
        with suppress(psutil.Error):
            return [each for each in self.runner.children() if "locust" in command_of(each)]
        return []

    def _leftovers(self) -> Iterator[str]:
        for process in psutil.process_iter():  # what lost its parent before it was seen
            if process.pid not in self.seen and self._works_here(process):
                self.seen[process.pid] = process
        yield from (f"process {each.pid}: {command_of(each)[:80]}" for each in self.look())
        yield from (f"folder {each.name}" for each in self.temporary.iterdir())
        yield from (f"segment {each}" for each in self.memory & _segments())

    def _follow(self) -> None:
        while not self._over.wait(LOOK_S):
            self.look()

    def _works_here(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error, OSError):
            return Path(process.cwd()).is_relative_to(self.temporary)
        return False


def _busiest(living: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return the sessions of our user, those at work first: PostgreSQL's processes say what they do in their title."""
    sessions = [each for each in living if command_of(each).startswith("postgres: tailguard")]
    return sorted(sessions, key=lambda each: command_of(each).endswith(" idle"))


def _segments() -> set[int]:
    """Return the ids of all segments of System V's shared memory."""
    table = Path("/proc/sysvipc/shm")  # Linux alone has it
    if not table.exists():
        return set()
    lines = table.read_text(encoding="utf-8").splitlines()[1:]
    return {int(line.split()[1]) for line in lines}
