"""A worker's part in a Locust run: it answers the master's messages. Knows no Locust; the bridge carries them.

master   Begin   worker makes its fixtures, warms up
worker   Ready
master   Go      users play
worker   Chunk   each second, what is new
master   Collect worker closes its arrivals and drains
worker   Chunk ... Ledger
master   Settle  nobody plays any more: last receipts, invariants are checked
worker   Chunk ... Settled, with a ledger of all
"""

import logging
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from tailguard.base.clock import Clock
from tailguard.base.errors import TailguardError
from tailguard.locust.clock import ClockPair
from tailguard.locust.messages import (
    Begin,
    Collect,
    Go,
    Ledger,
    Ready,
    ScenarioLedger,
    Settle,
    Settled,
    ToMaster,
    ToWorker,
)
from tailguard.locust.worker.load import LoadWatch
from tailguard.locust.worker.outbox import Outbox, Source
from tailguard.locust.worker.receipts import Audience, ReceiptLog
from tailguard.locust.worker.table import Tell
from tailguard.record.scenario import Invariant
from tailguard.suite.invariants import SkippedError

# How often new samples go to the master: what a killed worker can take with it, and how fresh the live table is.
SEND_EVERY_S = 1.0
# What iterations in progress are given to end, as in a run of our own (tailguard.engine.workload.Pace).
DRAIN_S = 10.0
# From the word to the first start of a schedule: all workers have it by then.
HEAD_START_NS = 200_000_000

log = logging.getLogger(__name__)


class Executor(Source, Protocol):
    """Who measures one scenario on a worker."""

    def warm_up(self, iterations: int) -> None:
        """Play iterations that are not kept."""

    def begin(self, base_ns: int) -> None:
        """Let what is scheduled begin at that instant."""

    def finish(self, drain_s: float) -> None:
        """Measure nothing more; what is in progress has so much time to end."""

    def ledger(self) -> ScenarioLedger:
        """Return what the master must know beside the samples."""
        ...


class Workplace(Protocol):
    """What a worker uses during one run: opened as the master says, closed at its end."""

    @property
    def executors(self) -> Mapping[str, Executor]:
        """Who measures the scenarios here, by slug."""
        ...

    @property
    def audiences(self) -> Mapping[str, Audience]:
        """The spectators that are here, by the slug of the scenario whose broadcasts they watch."""
        ...

    @property
    def skipped(self) -> Mapping[str, str]:
        """Why a scenario cannot be played here, by slug."""
        ...

    def invariants(self, slug: str, outbox: Outbox) -> Sequence[Invariant]:
        """Check what must hold of a scenario, by this worker's own samples. Raises SkippedError if it is left out."""
        ...

    def notes(self) -> Mapping[str, str]:
        """Return what was noted of the run."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


OpenWorkplace = Callable[[Begin, Clock, Tell], Workplace]


class Worker:
    """Takes part in one run after the other."""

    def __init__(
        self, send: Callable[[ToMaster], None], open_workplace: OpenWorkplace, clock: Clock, tell: Tell
    ) -> None:
        self._send, self._open, self._clock, self._tell = send, open_workplace, clock, tell
        self._begun: Begin | None = None
        self._workplace: Workplace | None = None
        self._outbox, self._load = Outbox(""), LoadWatch()
        self._going = threading.Event()
        self._collected = threading.Event()
        self._collected.set()
        self._sending = threading.Lock()
        self._turning = threading.Lock()  # the word to go and the word to stop, which may come right after it

    def take(self, message: ToWorker) -> None:
        """Take a message of the master. Each may last: the caller gives it a thread (a greenlet) of its own."""
        if isinstance(message, Begin):
            self._begin(message)
            return
        if self._begun is None or message.run != self._begun.run:
            log.warning("Tailguard: %s of run %s came too late", type(message).__name__, message.run)
            return
        match message:
            case Go():
                self._go()
            case Collect():
                self.collect()
            case Settle():
                self._settle(self._begun)

    def executor(self, slug: str) -> Executor | None:
        """Wait until the run goes and return who measures the scenario; None if this run does not have it."""
        self._going.wait()
        return None if self._workplace is None else self._workplace.executors.get(slug)

    def collect(self) -> None:
        """Close everything and send what is left: on the master's word, or because we are asked to quit."""
        with self._turning:
            if self._workplace is None or self._begun is None or self._collected.is_set():
                return
            self._collected.set()
            self._load.stop()
        executors = self._workplace.executors
        finishing = [threading.Thread(target=each.finish, args=(DRAIN_S,)) for each in executors.values()]
        for thread in finishing:
            thread.start()
        for thread in finishing:
            thread.join()
        self._ship()
        if self._begun.plan.keep_raw:
            self._keep_raw(self._begun, self._begun.plan.keep_raw)
        self._send(self._ledger(self._workplace))

    def close(self) -> None:
        """Let go of the last run."""
        self._collected.set()
        self._load.stop()
        workplace, self._workplace = self._workplace, None
        if workplace is not None:
            workplace.close()

    def _begin(self, begin: Begin) -> None:
        self.close()
        self._going.clear()
        self._begun, why, skipped = begin, "", {}
        self._outbox, self._load = Outbox(begin.run), LoadWatch()
        try:
            self._workplace = self._open(begin, self._clock, self._tell)
            for slug, audience in self._workplace.audiences.items():
                self._outbox.add_receipts(slug, ReceiptLog(audience, self._clock))
            for slug, executor in self._workplace.executors.items():
                executor.warm_up(begin.plan.warmup)
                self._outbox.add(slug, executor)
            skipped = dict(self._workplace.skipped)
        except TailguardError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001  # the master is told, who else would wait for us until its limit
            why = f"{type(error).__name__}: {error}"
            log.error("Tailguard: %s", traceback.format_exc())  # noqa: TRY400  # one way of logging under gevent
        self._send(Ready(run=begin.run, why=why, clock=ClockPair.now(), skipped=skipped))

    def _go(self) -> None:
        if self._workplace is None:
            return
        with self._turning:
            base_ns = self._clock.now_ns() + HEAD_START_NS
            for executor in self._workplace.executors.values():
                executor.begin(base_ns)
            self._collected.clear()
            self._load.start()
            self._going.set()
        threading.Thread(target=self._courier, name="tailguard-courier", daemon=True).start()

    def _courier(self) -> None:
        while not self._collected.wait(SEND_EVERY_S):
            self._ship()

    def _ship(self) -> None:
        with self._sending:
            for chunk in self._outbox.cut():
                self._send(chunk)

    def _settle(self, begun: Begin) -> None:
        assert self._workplace is not None
        held: dict[str, tuple[Invariant, ...]] = {}
        unchecked: dict[str, str] = {}
        why = ""
        try:
            self._outbox.close_receipts()
            for slug in self._workplace.executors:
                try:
                    held[slug] = tuple(self._workplace.invariants(slug, self._outbox))
                except SkippedError as skipped:
                    held[slug], unchecked[slug] = skipped.found, str(skipped)
        except Exception as error:  # noqa: BLE001  # the master is told, who else would wait for us until its limit
            why = f"{type(error).__name__}: {error}"
        self._ship()
        if begun.plan.keep_raw:
            self._keep_raw_receipts(begun, begun.plan.keep_raw)
        ledger = self._ledger(self._workplace)
        self._send(Settled(run=begun.run, invariants=held, unchecked=unchecked, why=why, ledger=ledger))

    def _ledger(self, workplace: Workplace) -> Ledger:
        scenarios = {slug: executor.ledger() for slug, executor in workplace.executors.items()}
        return self._outbox.ledger(scenarios, workplace.notes(), self._load.told())

    def _keep_raw(self, begun: Begin, folder: str) -> None:
        """Write our own rows to files of our own, as the plan asks for it."""
        assert self._workplace is not None
        for slug in self._workplace.executors:
            samples = self._outbox.samples(slug)
            columns = (
                samples.intended_ns,
                samples.started_ns,
                samples.ended_ns,
                samples.step,
                samples.outcome,
            )
            table = np.column_stack([column.astype(np.int64) for column in columns])
            np.save(_raw_path(begun, folder, slug), table)

    def _keep_raw_receipts(self, begun: Begin, folder: str) -> None:
        assert self._workplace is not None
        for slug in self._workplace.audiences:
            np.save(_raw_path(begun, folder, f"{slug}-receipts"), self._outbox.receipts(slug))


def _raw_path(begun: Begin, folder: str, what: str) -> Path:
    path = Path(folder) / f"{begun.run}-{begun.shard.index}-{what}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
