"""Samples on their way from workers to the master: chunks in number order, then a ledger that says what was sent.

Locust gives a worker's last report half a second and loses a large one without a word (docs/distributed.md). So
samples travel in messages of their own, and a run is whole only where every worker's ledger agrees with what arrived.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from perf.locust_clock import ClockPair
from perf.locust_merge import Part, merge_parts
from perf.recorder import ROW_BYTES, ErrorKinds, Recorder
from perf.sample import Samples

# 8 MB a message: large enough that 10 million samples are 40 messages, small enough that heartbeats pass in between.
CHUNK_ROWS = 250_000


class DrainedRecorder(Recorder):
    """A recorder whose rows are taken away now and then, so that no growing buffer is copied as a whole."""

    __slots__ = ()

    def drain(self) -> bytearray:
        """Return all rows since the last time and forget them."""
        rows, self._rows = self._rows, bytearray()
        return rows


class Outbox:
    """A worker's side: cuts what its recorders hold into numbered chunks and accounts for them."""

    def __init__(self, run: str) -> None:
        """Send for the run of that id."""
        self._run = run
        self._sources: dict[str, tuple[DrainedRecorder, ErrorKinds]] = {}
        self._sent = 0
        self._kept: dict[str, list[bytes]] = {}

    def add(self, slug: str, recorder: DrainedRecorder, errors: ErrorKinds) -> None:
        """Send from now on what this recorder holds, as samples of the scenario `slug`."""
        self._sources[slug] = recorder, errors
        self._kept[slug] = []

    def cut(self) -> Iterator[dict[str, Any]]:
        """Yield a message for each chunk of what is new."""
        for slug, (recorder, errors) in self._sources.items():
            rows = recorder.drain()
            for start in range(0, len(rows), CHUNK_ROWS * ROW_BYTES):
                piece = bytes(memoryview(rows)[start : start + CHUNK_ROWS * ROW_BYTES])
                self._kept[slug].append(piece)
                self._sent += 1
                yield {
                    "run": self._run,
                    "number": self._sent - 1,
                    "slug": slug,
                    "rows": piece,
                    "errors": list(errors.names()),
                }

    def ledger(self) -> dict[str, Any]:
        """Return the message that closes the account: to be sent after the last chunk."""
        return {
            "run": self._run,
            "chunks": self._sent,
            "rows": {slug: sum(map(len, kept)) // ROW_BYTES for slug, kept in self._kept.items()},
            "clock": ClockPair.now().as_message(),
        }

    def samples(self, slug: str, steps: tuple[str, ...]) -> Samples:
        """Return this worker's own samples, as far as they were cut."""
        errors = list(self._sources[slug][1].names())
        return merge_parts(slug, steps, [Part(self._kept[slug], errors, 0)])


@dataclass(slots=True)
class _Account:
    """What one worker has sent so far."""

    arrived: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    parts: dict[str, list[bytes]] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)
    ledger: Mapping[str, Any] | None = None
    faults: list[str] = field(default_factory=list)


class Inbox:
    """The master's side: takes chunks and ledgers, notices what is missing, and merges by concatenation."""

    def __init__(self, run: str) -> None:
        """Take what belongs to the run of that id."""
        self._run = run
        self._clock = ClockPair.now()
        self._accounts: dict[str, _Account] = {}

    def expect(self, worker: str) -> None:
        """Count on this worker: without its ledger the run is not whole."""
        self._accounts.setdefault(worker, _Account())

    def take_chunk(self, worker: str, message: Mapping[str, Any]) -> None:
        """Take a chunk. One that is out of turn is noted as a fault; its samples are kept unless it came twice."""
        if message["run"] != self._run:
            return
        self.expect(worker)
        account, number, slug = self._accounts[worker], message["number"], message["slug"]
        if number != account.arrived:
            what = "came twice" if number < account.arrived else "came too early"
            account.faults.append(f"chunk {number} {what}: {account.arrived} was due")
            if number < account.arrived:
                return
        account.arrived = number + 1
        rows = message["rows"]
        account.parts.setdefault(slug, []).append(rows)
        account.rows[slug] = account.rows.get(slug, 0) + len(rows) // ROW_BYTES
        account.errors[slug] = list(message["errors"])

    def take_ledger(self, worker: str, message: Mapping[str, Any]) -> None:
        """Take a worker's ledger."""
        if message["run"] == self._run:
            self.expect(worker)
            self._accounts[worker].ledger = message

    def missing(self) -> list[str]:
        """Return the workers whose ledger has not come."""
        return [worker for worker, account in self._accounts.items() if account.ledger is None]

    def ledgers(self) -> dict[str, Mapping[str, Any]]:
        """Return the ledgers that have come, by worker."""
        return {worker: each.ledger for worker, each in self._accounts.items() if each.ledger is not None}

    def faults(self) -> list[str]:
        """Return what is missing, repeated or out of order; nothing where all samples of all workers are here."""
        return [
            f"worker {worker}: {fault}" for worker, each in self._accounts.items() for fault in _faults(each)
        ]

    def count(self, slug: str) -> int:
        """Return how many samples of a scenario have come."""
        return sum(account.rows.get(slug, 0) for account in self._accounts.values())

    def samples(self, slug: str, steps: tuple[str, ...], *, last: bool = False) -> Samples:
        """Return all samples of a scenario so far, on the master's clock.

        `last` gives the received chunks' memory back on the way: they cannot be asked for again.
        """
        parts = [
            Part(each.parts[slug], each.errors[slug], self._shift_ns(each))
            for each in self._accounts.values()
            if slug in each.parts
        ]
        samples = merge_parts(slug, steps, parts, consume=last)
        if last:
            for each in self._accounts.values():
                each.parts.pop(slug, None)
        return samples

    def _shift_ns(self, account: _Account) -> int:
        if account.ledger is None:
            return 0
        return self._clock.shift_ns(ClockPair.from_message(account.ledger["clock"]))


def _faults(account: _Account) -> list[str]:
    if account.ledger is None:
        return [*account.faults, "its ledger never came: it died, or was cut off, with samples of its own"]
    faults = list(account.faults)
    if account.ledger["chunks"] != account.arrived:
        faults.append(f"{account.arrived} of {account.ledger['chunks']} chunks arrived")
    for slug, rows in account.ledger["rows"].items():
        if rows != account.rows.get(slug, 0):
            faults.append(f"{account.rows.get(slug, 0)} of {rows} samples of {slug} arrived")
    return faults
