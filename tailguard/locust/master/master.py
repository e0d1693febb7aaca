"""The master's part in a Locust run: who takes part, when it goes, and whether all that was measured has come back.

Knows no Locust; the bridge carries the messages (tailguard/locust/worker/worker.py has their order).
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from tailguard.base.errors import InvalidRunError, UsageError
from tailguard.locust.master.inbox import Inbox
from tailguard.locust.messages import (
    Begin,
    Chunk,
    Collect,
    Go,
    Hello,
    Ledger,
    Plan,
    Ready,
    ReceiptChunk,
    Settle,
    Settled,
    ToMaster,
    ToWorker,
    for_master,
    scenarios_in,
)
from tailguard.locust.worker.worker import DRAIN_S
from tailguard.record.scenario import Invariant
from tailguard.suite.run import Shard

# Fixtures are some connections, rendered certificates, then a warm-up: seconds, unless the target hangs.
READY_S = 120.0
# After the drain a worker only has to send what its last second measured.
LEDGER_S = DRAIN_S + 50.0
# The checks read each certificate back.
SETTLE_S = 120.0
# Shards kept free for workers that join while users with think time are at it.
SPARE_SHARDS = 4

Send = Callable[[str, ToWorker], None]


class Master:
    """One run over several workers. `send(worker, message)` reaches one; `alive(worker)` asks if it is still there.

    `skipped` says why a worker could not play a scenario, `unchecked` why it left out a scenario's invariants.
    """

    def __init__(self, run: str, plan: Plan, send: Send, alive: Callable[[str], bool]) -> None:
        self.run, self.plan, self.inbox = run, plan, Inbox(run)
        self._send, self._alive = send, alive
        self._ready: dict[str, str] = {}
        self._shards: dict[str, int] = {}
        self._settled: dict[str, Settled] = {}
        self._count = 0
        self.invariants: dict[str, tuple[Invariant, ...]] = {}
        self.late: list[str] = []
        self.skipped: dict[str, str] = {}
        self.unchecked: dict[str, str] = {}
        self.opened_ns: int | None = None
        self.went_ns: int | None = None
        self.closed_ns: int | None = None
        self._heard = threading.Event()

    def hear(self, worker: str, data: bytes) -> None:
        """Take a message of a worker as it travelled; one that cannot be read is dropped and named."""
        try:
            message = for_master(data)
        except (msgspec.MsgspecError, TypeError, RecursionError) as error:
            self.inbox.refuse(worker, f"a message of it cannot be read: {error}")
        else:
            self.take(worker, message)

    def take(self, worker: str, message: ToMaster) -> None:
        if isinstance(message, Hello):
            self.admit(worker)
            return
        if message.run != self.run:
            return
        if why := self._foreign(worker, message):
            self.inbox.refuse(worker, why)
            if isinstance(message, Ready):
                self._ready[worker] = why
            return
        match message:
            case Chunk() | ReceiptChunk():
                self.inbox.take_chunk(worker, message)
            case Ledger():
                self.inbox.take_ledger(worker, message)
            case Ready():
                self._ready[worker] = message.why or self.inbox.take_clock(worker, message.clock)
                self.skipped.update(message.skipped)
                if worker in self.late and not self._ready[worker]:
                    self._send(worker, Go(run=self.run))
            case Settled():
                self._settled[worker] = message
                self.unchecked.update(message.unchecked)
                self.inbox.take_ledger(worker, message.ledger)
        self._heard.set()

    def _foreign(self, worker: str, message: ToMaster) -> str:
        """Say if a message is of nobody who takes part, or speaks of what this run does not have."""
        if worker not in self._shards:
            return f"a {type(message).__name__} came of it, and it takes no part"
        unknown = sorted(scenarios_in(message) - self.plan.planned.keys())
        return f"a {type(message).__name__} speaks of {unknown[0]!r}, which is not played" if unknown else ""

    def open(self, workers: Sequence[str]) -> None:
        """Let all workers prepare and wait until they have.

        Raises UsageError, with the reason, if one refuses or nothing can be played; InvalidRunError if one was lost.
        """
        self.opened_ns = time.monotonic_ns()
        self._count = len(workers) + (SPARE_SHARDS if len(workers) > 1 else 0)
        for worker in workers:
            self._begin(worker, len(workers) if self.plan.schedules else self._count)
        self._await(
            lambda: [each for each in workers if each not in self._ready and self._alive(each)], READY_S
        )
        if reasons := self._refusals(workers) or self._nothing_to_play():
            lost = any(each not in self._ready for each in workers)
            raise (InvalidRunError if lost else UsageError)("This run cannot begin. " + "\n".join(reasons))

    def _refusals(self, workers: Sequence[str]) -> list[str]:
        answers = {each: self._ready.get(each, "it does not answer") for each in workers}
        return [f"worker {each}: {why}" for each, why in answers.items() if why]

    def _nothing_to_play(self) -> list[str]:
        if self.plan.planned.keys() - self.skipped.keys():
            return []
        return [f"{slug}: {why}" for slug, why in self.skipped.items()]

    def go(self) -> None:
        """Let the users play."""
        self.went_ns = time.monotonic_ns()
        self._tell_all(Go(run=self.run))

    def admit(self, worker: str) -> None:
        """Take a worker in that joins while the run is on, if there is something for it to do."""
        if worker in self._shards or self.closed_ns is not None:
            return
        self.late.append(worker)
        if not self.plan.schedules and len(self._shards) < self._count:
            self._begin(worker, self._count, late=True)

    def collect(self) -> list[str]:
        """Fetch everything from everybody; returns what is wrong with what came, nothing if all is there."""
        self.closed_ns = time.monotonic_ns()
        self._tell_all(Collect(run=self.run))
        self._await(lambda: [each for each in self.inbox.missing() if self._alive(each)], LEDGER_S)
        return self.inbox.faults()

    def settle(self) -> list[str]:
        """Let each worker have its last receipts and check what must hold, now that nobody plays.

        Returns what is wrong with all that came, as `collect`; `invariants` has what they found.
        """
        asked = list(self.inbox.ledgers())
        for worker in asked:
            self._send(worker, Settle(run=self.run))
        self._await(
            lambda: [each for each in asked if each not in self._settled and self._alive(each)], SETTLE_S
        )
        self.invariants = _merged([each.invariants for each in self._settled.values()])
        return [*self.inbox.faults(), *self._unsettled_faults()]

    def _unsettled_faults(self) -> list[str]:
        """Return the workers that could not say what their spectators or their invariants came to."""
        failed = [f"worker {each}: {told.why}" for each, told in self._settled.items() if told.why]
        ledgers = self.inbox.ledgers()
        mute = [each for each in self.unsettled() if ledgers[each].watched]
        return [*failed, *(f"worker {each}: the last receipts of its spectators never came" for each in mute)]

    def unsettled(self) -> list[str]:
        """Return the workers that did not answer the last question."""
        return [worker for worker in self.inbox.ledgers() if worker not in self._settled]

    def notes(self) -> dict[str, str]:
        """Return what workers noted of the run, what they differ in one after the other."""
        told: dict[str, dict[str, None]] = {}
        for ledger in self.inbox.ledgers().values():
            for name, text in ledger.notes.items():
                told.setdefault(name, {})[text] = None
        return {name: "; ".join(texts) for name, texts in told.items()}

    @property
    def workers(self) -> Mapping[str, int]:
        """The workers that take part, with the numbers of their shards."""
        return dict(self._shards)

    def _begin(self, worker: str, count: int, *, late: bool = False) -> None:
        self._shards[worker] = len(self._shards)
        self.inbox.expect(worker, since_ns=time.monotonic_ns(), late=late)
        shard = Shard(self._shards[worker], count)
        self._send(worker, Begin(run=self.run, plan=self.plan, shard=shard))

    def _tell_all(self, message: ToWorker) -> None:
        for worker in self._shards:
            self._send(worker, message)

    def _await(self, missing: Callable[[], Sequence[str]], limit_s: float) -> None:
        """Wait until nobody is missing, at most so long."""
        until_s = time.monotonic() + limit_s
        while missing() and time.monotonic() < until_s:
            self._heard.wait(0.2)
            self._heard.clear()


def _merged(found: Sequence[Mapping[str, Sequence[Invariant]]]) -> dict[str, tuple[Invariant, ...]]:
    """Return one of each scenario's invariants: as the first worker on which it broke has it, else the last."""
    merged: dict[str, dict[str, Invariant]] = {}
    for of_worker in found:
        for slug, invariants in of_worker.items():
            known = merged.setdefault(slug, {})
            for each in invariants:
                if each.name not in known or known[each.name].held:
                    known[each.name] = each
    return {slug: tuple(each.values()) for slug, each in merged.items()}
