"""The master's account of a run: what came of every worker, what is missing of it, and all of it merged.

Chunks come in number order, then a ledger that says what was sent; a second one follows once the worker's spectators
have had what was still on its way. What cannot be (checks.py) is dropped and named; the rest is kept.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from tailguard.engine.recorder import ROW_BYTES
from tailguard.locust.clock import ClockPair
from tailguard.locust.master.inbox import checks
from tailguard.locust.master.inbox.broadcasts import Ends, WorkerReceipts, join
from tailguard.locust.master.inbox.merge import WorkerRows, merge_parts
from tailguard.locust.messages import Chunk, Ledger, ReceiptChunk
from tailguard.locust.worker.receipts import RECEIPT
from tailguard.record.samples import Samples

# A worker that joins late is counted on so long after its spectators are in: the clocks of two machines agree better.
JOINED_NS = 1_000_000_000


@dataclass(slots=True)
class _Account:
    """What one worker has sent so far.

    Attributes:
        since_ns: when it was told to begin, on the master's clock.
        clock: its own, as it was last told.
        closed: whether nothing more is waited for: its ledger has come, or was dropped.
    """

    clock: ClockPair
    since_ns: int = 0
    arrived: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    parts: dict[str, list[bytes]] = field(default_factory=dict)
    steps: dict[str, tuple[str, ...]] = field(default_factory=dict)
    errors: dict[str, tuple[str, ...]] = field(default_factory=dict)
    metrics: dict[str, tuple[str, ...]] = field(default_factory=dict)
    receipts: dict[str, list[bytes]] = field(default_factory=dict)
    late: bool = False
    closed: bool = False
    ledger: Ledger | None = None
    faults: list[str] = field(default_factory=list)


class Inbox:
    """Takes the chunks and ledgers of all workers, notices what is missing, and merges by concatenation.

    `ends` has, once the last samples of a scenario with spectators were asked for, what came of its broadcasts, by
    worker.
    """

    def __init__(self, run: str) -> None:
        """Take what belongs to the run of that id."""
        self.ends: dict[str, dict[str, Ends]] = {}
        self._run = run
        self._clock = ClockPair.now()
        self._accounts: dict[str, _Account] = {}
        self._refused: list[str] = []  # of workers without an account

    def expect(self, worker: str, *, since_ns: int = 0, late: bool = False) -> None:
        """Count on this worker: without its ledger the run is not whole. It was told to begin at `since_ns`.

        `late`: it joins while others play.
        """
        self._accounts.setdefault(worker, _Account(self._clock, since_ns, late=late))

    def refuse(self, worker: str, why: str) -> None:
        """Note what is wrong with a message, which is dropped."""
        account = self._accounts.get(worker)
        if account is None:
            self._refused.append(f"worker {worker}: {why}")
        else:
            account.faults.append(why)

    def take_clock(self, worker: str, clock: ClockPair) -> str:
        """Take a worker's clock, read a moment ago; returns what is wrong with it, "" if nothing is."""
        self._accounts[worker].clock = clock
        return checks.clock_fault(self._clock, clock, time.monotonic_ns())

    def take_chunk(self, worker: str, chunk: Chunk | ReceiptChunk) -> None:
        """Take a chunk. One that is out of order is noted as a fault; its samples are kept unless it came twice."""
        if chunk.run != self._run:
            return
        self.expect(worker)
        account, slug = self._accounts[worker], chunk.scenario
        if chunk.number != account.arrived:
            what = "came twice" if chunk.number < account.arrived else "came too early"
            account.faults.append(f"chunk {chunk.number} {what}: {account.arrived} was due")
            if chunk.number < account.arrived:
                return
        account.arrived = chunk.number + 1
        if why := self._chunk_fault(account, chunk):
            account.faults.append(f"chunk {chunk.number} was dropped: {why}")
            return
        if isinstance(chunk, ReceiptChunk):
            account.receipts.setdefault(slug, []).append(chunk.receipts)
            return
        account.parts.setdefault(slug, []).append(chunk.rows)
        account.rows[slug] = account.rows.get(slug, 0) + len(chunk.rows) // ROW_BYTES
        account.steps[slug], account.errors[slug] = chunk.steps, chunk.errors
        account.metrics[slug] = chunk.metrics

    def take_ledger(self, worker: str, ledger: Ledger) -> None:
        if ledger.run != self._run:
            return
        self.expect(worker)
        account = self._accounts[worker]
        account.closed = True
        if why := checks.ledger_fault(ledger, self._clock, time.monotonic_ns()):
            account.faults.append(f"its ledger was dropped: {why}")
        else:
            account.ledger, account.clock = ledger, ledger.clock

    def missing(self) -> list[str]:
        """Return the workers whose ledger has not come."""
        return [worker for worker, account in self._accounts.items() if not account.closed]

    def ledgers(self) -> dict[str, Ledger]:
        """Return the ledgers that have come, by worker."""
        return {worker: each.ledger for worker, each in self._accounts.items() if each.ledger is not None}

    def faults(self) -> list[str]:
        """Return what is missing, repeated or out of order; nothing if all samples of all workers are here."""
        of_accounts = (
            f"worker {worker}: {fault}" for worker, each in self._accounts.items() for fault in _faults(each)
        )
        return [*self._refused, *self._twofold(), *of_accounts]

    def count(self, slug: str) -> int:
        """Return how many samples of a scenario have come."""
        return sum(account.rows.get(slug, 0) for account in self._accounts.values())

    def samples(self, slug: str, declared: Sequence[str] = (), *, last: bool = False) -> Samples:
        """Return all samples of a scenario so far, on the master's clock; its `declared` steps come first.

        `last` gives the received chunks' memory back on the way: they cannot be asked for again.
        """
        ends = self._join(slug) if last else {}
        parts = [
            WorkerRows(
                each.parts[slug],
                each.steps[slug],
                each.errors[slug],
                self._shift_ns(each),
                ends.get(worker),
                each.metrics[slug],
            )
            for worker, each in self._accounts.items()
            if slug in each.parts
        ]
        samples = merge_parts(slug, parts, declared, consume=last)
        if last:
            for each in self._accounts.values():
                each.parts.pop(slug, None)
        return samples

    def _join(self, slug: str) -> dict[str, Ends]:
        """Return, by worker, when its broadcasts ended at the spectators of all of them."""
        watches = {
            worker: self._receipts(each, slug)
            for worker, each in self._accounts.items()
            if each.ledger is not None and slug in each.ledger.watched
        }
        self.ends[slug] = {
            worker: join(own, [each for other, each in watches.items() if other != worker])
            for worker, own in watches.items()
        }
        return self.ends[slug]

    def _receipts(self, account: _Account, slug: str) -> WorkerReceipts:
        assert account.ledger is not None
        told, shift_ns = account.ledger.watched[slug], self._shift_ns(account)
        since_ns = told.since_ns + shift_ns + JOINED_NS if account.late else 0
        receipts = np.frombuffer(b"".join(account.receipts.get(slug, ())), RECEIPT)
        return WorkerReceipts(told.spectators, since_ns, receipts, shift_ns)

    def _chunk_fault(self, account: _Account, chunk: Chunk | ReceiptChunk) -> str:
        window = checks.Window.of(account.since_ns, time.monotonic_ns(), self._clock, account.clock)
        if isinstance(chunk, ReceiptChunk):
            return checks.receipts_fault(chunk, window)
        slug = chunk.scenario
        met = {
            "steps": len(account.steps.get(slug, ())),
            "errors": len(account.errors.get(slug, ())),
            "metrics": len(account.metrics.get(slug, ())),
        }
        return checks.chunk_fault(chunk, met, window) or checks.names_fault(
            [*chunk.steps, *self._steps(slug)], [*chunk.metrics, *self._metrics(slug)]
        )

    def _steps(self, slug: str) -> dict[str, str]:
        """Return the steps of all workers, each with a worker that has it."""
        return {name: worker for worker, each in self._accounts.items() for name in each.steps.get(slug, ())}

    def _metrics(self, slug: str) -> dict[str, str]:
        """Return what all workers recorded beside their steps, likewise."""
        return {
            name: worker for worker, each in self._accounts.items() for name in each.metrics.get(slug, ())
        }

    def _twofold(self) -> Iterator[str]:
        """Yield the names that are a step on one worker and a metric on another: merge.py keeps both apart."""
        for slug in dict.fromkeys(slug for each in self._accounts.values() for slug in each.metrics):
            steps, metrics = self._steps(slug), self._metrics(slug)
            for name in metrics.keys() & steps.keys():
                yield (
                    f"{slug}: {name!r} is a step of worker {steps[name]} and recorded by worker {metrics[name]}: "
                    "give one of them another name"
                )

    def _shift_ns(self, account: _Account) -> int:
        return self._clock.shift_ns(account.clock)


def _faults(account: _Account) -> list[str]:
    ledger = account.ledger
    if ledger is None and account.closed:
        return account.faults
    if ledger is None:
        return [*account.faults, "its ledger never came: it died, or was cut off, with samples of its own"]
    faults = list(account.faults)
    if ledger.chunks != account.arrived:
        faults.append(f"{account.arrived} of {ledger.chunks} chunks arrived")
    for slug, rows in ledger.rows.items():
        if rows != account.rows.get(slug, 0):
            faults.append(f"{account.rows.get(slug, 0)} of {rows} samples of {slug} arrived")
    for slug, told in ledger.watched.items():
        arrived = sum(map(len, account.receipts.get(slug, ()))) // RECEIPT.itemsize
        if told.rows != arrived:
            faults.append(f"{arrived} of {told.rows} receipts of {slug} arrived")
    return faults
