"""A worker's account of a run: what it measured, cut into numbered chunks, and a ledger that says what was sent.

Locust gives a worker's last report half a second and loses a large one without a word (docs/how-to/distributed.md). So
samples travel in messages of their own, and a run is whole only if every worker's ledger agrees with what arrived.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol  # arrays of several types

import numpy as np
from numpy.typing import NDArray

from tailguard.engine.recorder import ROW_BYTES, ErrorKinds
from tailguard.locust.clock import ClockPair
from tailguard.locust.master.inbox.merge import WorkerRows, merge_parts
from tailguard.locust.messages import Chunk, Ledger, ReceiptChunk, ScenarioLedger
from tailguard.locust.worker.receipts import RECEIPT, ReceiptLog
from tailguard.record.locust import WorkerLoad
from tailguard.record.samples import Samples

# 8 MB a message: large enough that 10 million samples are 40 messages, small enough that heartbeats pass in between.
CHUNK_ROWS = 250_000


class Source(Protocol):
    """Where a scenario's samples come from, as `ScenarioExecutor` is."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of its steps so far."""
        ...

    @property
    def errors(self) -> ErrorKinds:
        """The kinds of its failures and refusals so far."""
        ...

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of what was recorded beside the steps so far."""
        ...

    def drain(self) -> bytearray:
        """Return all rows since the last time and forget them."""
        ...


class Outbox:
    """A worker's side: cuts what its scenarios measured into numbered chunks and accounts for them."""

    def __init__(self, run: str) -> None:
        """Send for the run of that id."""
        self._run = run
        self._sources: dict[str, Source] = {}
        self._sent = 0
        self._kept: dict[str, list[bytes]] = {}
        self._logs: dict[str, ReceiptLog] = {}
        self._receipts: dict[str, list[bytes]] = {}

    def add(self, slug: str, source: Source) -> None:
        """Send from now on what comes from there, as samples of the scenario `slug`."""
        self._sources[slug] = source
        self._kept[slug] = []

    def add_receipts(self, slug: str, log: ReceiptLog) -> None:
        """Send from now on the receipts of the scenario's spectators, too."""
        self._logs[slug] = log
        self._receipts[slug] = []

    def cut(self) -> Iterator[Chunk | ReceiptChunk]:
        """Yield a message for each chunk of what is new."""
        for slug, source in self._sources.items():
            rows = source.drain()
            for piece in _pieces(rows, CHUNK_ROWS * ROW_BYTES):
                self._kept[slug].append(piece)
                yield Chunk(
                    run=self._run,
                    number=self._next_number(),
                    scenario=slug,
                    rows=piece,
                    steps=source.steps,
                    errors=source.errors.names(),
                    metrics=source.metrics,
                )
        for slug, log in self._logs.items():
            for piece in _pieces(log.drain(), CHUNK_ROWS * RECEIPT.itemsize):
                self._receipts[slug].append(piece)
                yield ReceiptChunk(run=self._run, number=self._next_number(), scenario=slug, receipts=piece)

    def close_receipts(self) -> None:
        """Wait until the spectators have what is on its way; to be cut once more afterwards."""
        for log in self._logs.values():
            log.close()

    def ledger(
        self,
        scenarios: Mapping[str, ScenarioLedger],
        notes: Mapping[str, str],
        load: WorkerLoad | None,
    ) -> Ledger:
        """Return the message that closes the account: to be sent after the last chunk."""
        return Ledger(
            run=self._run,
            chunks=self._sent,
            rows={slug: sum(map(len, kept)) // ROW_BYTES for slug, kept in self._kept.items()},
            watched={slug: log.ledger(len(self.receipts(slug))) for slug, log in self._logs.items()},
            clock=ClockPair.now(),
            scenarios=scenarios,
            notes=notes,
            load=load,
        )

    def samples(self, slug: str) -> Samples:
        """Return this worker's own samples, as far as they were cut."""
        source = self._sources[slug]
        return merge_parts(
            slug,
            [WorkerRows(self._kept[slug], source.steps, source.errors.names(), 0, metrics=source.metrics)],
        )

    def receipts(self, slug: str) -> NDArray[Any]:
        """Return the receipts of this worker's own spectators, as far as they were cut."""
        return np.frombuffer(b"".join(self._receipts.get(slug, ())), RECEIPT)

    def _next_number(self) -> int:
        self._sent += 1
        return self._sent - 1


def _pieces(rows: bytes | bytearray, most: int) -> Iterator[bytes]:
    for start in range(0, len(rows), most):
        yield bytes(memoryview(rows)[start : start + most])
