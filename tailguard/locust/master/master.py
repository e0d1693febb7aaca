"""The master's part in a Locust run: who takes part, when it goes, and whether all that was measured has come back.

Knows no Locust; the bridge carries the words (tailguard/locust/worker/worker.py has them).
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tailguard.base.errors import UsageError
from tailguard.locust.master.inbox import Inbox
from tailguard.locust.worker.worker import DRAIN_S, Message

# Opening a world is some connections, rendered certificates and a warm-up; seconds, unless the target hangs.
READY_S = 120.0
# After the drain a worker only has to send what its last second measured.
LEDGER_S = DRAIN_S + 50.0
# The checks read each certificate back.
SETTLE_S = 120.0
# Lanes kept free for workers that join while users with think time are at it.
SPARE_LANES = 4

Send = Callable[[str, str, Message], None]


class Master:
    """One run over several workers. `send(kind, worker, message)` reaches one; `alive(worker)` knows who is left."""

    def __init__(self, run: str, plan: Message, send: Send, alive: Callable[[str], bool]) -> None:
        self.run, self.inbox = run, Inbox(run)
        self._plan, self._send, self._alive = plan, send, alive
        self._ready: dict[str, str] = {}
        self._lanes: dict[str, int] = {}
        self._settled: dict[str, Message] = {}
        self._count = 0
        self.invariants: dict[str, list[dict[str, Any]]] = {}
        self.late: list[str] = []
        self.went_ns: int | None = None
        self.closed_ns: int | None = None
        self._heard = threading.Event()

    def take(self, kind: str, worker: str, message: Message) -> None:
        """Take a message of a worker."""
        if message["run"] != self.run:
            return
        if kind == "chunk":
            self.inbox.take_chunk(worker, message)
        elif kind == "ledger":
            self.inbox.take_ledger(worker, message)
        elif kind == "ready":
            self._ready[worker] = message["why"]
            if worker in self.late and not message["why"]:
                self._send("go", worker, {"run": self.run})
        elif kind == "settled":
            self._settled[worker] = message
            self.inbox.take_ledger(worker, message["ledger"])
        self._heard.set()

    def open(self, workers: Sequence[str]) -> None:
        """Let all workers prepare and wait until they have.

        Raises UsageError where one refuses or does not answer, with its reason.
        """
        self._count = len(workers) + (SPARE_LANES if len(workers) > 1 else 0)
        for worker in workers:
            self._begin(worker, len(workers) if self._plan["open_model"] else self._count)
        self._await(
            lambda: [each for each in workers if each not in self._ready and self._alive(each)], READY_S
        )
        refused = {each: self._ready.get(each, "it does not answer") for each in workers}
        reasons = [f"worker {each}: {why}" for each, why in refused.items() if why]
        if reasons:
            raise UsageError("This run cannot begin. " + "\n".join(reasons))

    def go(self) -> None:
        """Let the users play."""
        self.went_ns = time.monotonic_ns()
        for worker in self._lanes:
            self._send("go", worker, {"run": self.run})

    def admit(self, worker: str) -> None:
        """Take a worker in that joins while the run is on, as far as there is something for it to do."""
        if worker in self._lanes or self.closed_ns is not None:
            return
        self.late.append(worker)
        if not self._plan["open_model"] and len(self._lanes) < self._count:
            self._begin(worker, self._count, late=True)

    def renew(self, credentials: Message) -> None:
        """Hand new credentials to everybody."""
        for worker in self._lanes:
            self._send("renew", worker, {**credentials, "run": self.run})

    def collect(self) -> list[str]:
        """Fetch everything from everybody; returns what is wrong with what came, nothing where all is there."""
        self.closed_ns = time.monotonic_ns()
        for worker in self._lanes:
            self._send("collect", worker, {"run": self.run})
        self._await(lambda: [each for each in self.inbox.missing() if self._alive(each)], LEDGER_S)
        return self.inbox.faults()

    def settle(self) -> list[str]:
        """Let each worker have its last receipts and check what must hold, now that nobody plays.

        Returns what is wrong with all that came, as `collect`; `invariants` has what they found.
        """
        asked = list(self.inbox.ledgers())
        for worker in asked:
            self._send("settle", worker, {"run": self.run})
        self._await(
            lambda: [each for each in asked if each not in self._settled and self._alive(each)], SETTLE_S
        )
        merged: dict[str, dict[str, dict[str, Any]]] = {}
        for message in self._settled.values():
            for slug, invariants in message["invariants"].items():
                known = merged.setdefault(slug, {})
                for each in invariants:
                    if each["name"] not in known or known[each["name"]]["held"]:
                        known[each["name"]] = dict(each)
        self.invariants = {slug: list(each.values()) for slug, each in merged.items()}
        return [*self.inbox.faults(), *self._unsettled_faults()]

    def _unsettled_faults(self) -> list[str]:
        """Return the workers that could not say what their spectators or their invariants came to."""
        failed = [f"worker {each}: {told['why']}" for each, told in self._settled.items() if told["why"]]
        ledgers = self.inbox.ledgers()
        mute = [each for each in self.unsettled() if ledgers[each]["watched"]]
        return [*failed, *(f"worker {each}: the last receipts of its spectators never came" for each in mute)]

    def unsettled(self) -> list[str]:
        """Return the workers that did not answer the last question."""
        return [worker for worker in self.inbox.ledgers() if worker not in self._settled]

    def notes(self) -> dict[str, list[str]]:
        """Return what workers want people to be told, by kind, each once."""
        told: dict[str, list[str]] = {}
        for message in (*self.inbox.ledgers().values(), *self._settled.values()):
            for kind, text in message["notes"].items():
                if text not in told.setdefault(kind, []):
                    told[kind].append(text)
        return told

    @property
    def workers(self) -> Mapping[str, int]:
        """The workers that take part, with their lanes."""
        return dict(self._lanes)

    def _begin(self, worker: str, lanes: int, *, late: bool = False) -> None:
        self._lanes[worker] = len(self._lanes)
        self.inbox.expect(worker, late=late)
        lane = {"run": self.run, "lane": self._lanes[worker], "lanes": lanes}
        self._send("begin", worker, {**self._plan, **lane})

    def _await(self, missing: Callable[[], Sequence[str]], limit_s: float) -> None:
        """Wait until nobody is missing, at most so long."""
        until_s = time.monotonic() + limit_s
        while missing() and time.monotonic() < until_s:
            self._heard.wait(0.2)
            self._heard.clear()
