"""A worker's part in a Locust run: it answers the master's messages. Knows no Locust; the bridge carries the words.

master   begin   worker opens its world, prepares, warms up
worker   ready
master   go      users play
worker   chunk   each second, what is new
master   collect worker closes its lanes and drains
worker   chunk ... ledger
master   settle  nobody plays any more: last receipts, invariants are checked
worker   chunk ... settled, with a ledger of all
"""

import logging
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tailguard.base.clock import Clock
from tailguard.base.errors import TailguardError
from tailguard.engine.scenario import Invariant
from tailguard.locust.worker.arrival_shard import OpenLane
from tailguard.locust.worker.load import LoadWatch
from tailguard.locust.worker.outbox import Outbox
from tailguard.locust.worker.receipts import Audience, ReceiptLog
from tailguard.locust.worker.scenario_executor import Role, Tell

# How often new samples go to the master: what a killed worker can take with it, and how fresh the live table is.
SEND_EVERY_S = 1.0
# What turns in progress are given to end, as in a run of our own (tailguard.engine.workload.Pace).
DRAIN_S = 10.0
# From the word to the first start of a schedule: all workers have it by then.
HEAD_START_NS = 200_000_000

Message = Mapping[str, Any]
log = logging.getLogger(__name__)


class Workplace(Protocol):
    """What a worker stands on during one run: opened from the master's plan, closed at its end."""

    @property
    def roles(self) -> Mapping[str, Role]:
        """The scenarios that are played here, by slug."""
        ...

    @property
    def audiences(self) -> Mapping[str, Audience]:
        """The spectators that are here, by the slug of the scenario whose broadcasts they watch."""
        ...

    def invariants(self, slug: str, outbox: Outbox) -> list[Invariant]:
        """Check what must hold of a scenario, by this worker's own samples."""
        ...

    def notes(self) -> Mapping[str, str]:
        """Return what a person must be told, by kind: a throttled target, invariants that could not be checked."""
        ...

    def renew(self, message: Message) -> None:
        """Take new credentials, before the old ones expire."""

    def close(self) -> None:
        """Let go of everything."""
        ...


OpenWorkplace = Callable[[Message, Clock, Tell], Workplace]


class Worker:
    """Takes part in one run after the other."""

    def __init__(
        self, send: Callable[[str, Message], None], open_workplace: OpenWorkplace, clock: Clock, tell: Tell
    ) -> None:
        self._send, self._open, self._clock, self._tell = send, open_workplace, clock, tell
        self._plan: Message = {}
        self._workplace: Workplace | None = None
        self._outbox, self._load = Outbox(""), LoadWatch()
        self._going = threading.Event()
        self._collected = threading.Event()
        self._collected.set()
        self._sending = threading.Lock()

    def take(self, kind: str, message: Message) -> None:
        """Take a message of the master. Each may last: the caller gives it a thread (a greenlet) of its own."""
        if kind == "begin":
            self._begin(message)
        elif message["run"] != self._plan.get("run"):
            log.warning("Tailguard: %s of run %s came too late", kind, message["run"])
        elif kind == "go":
            self._go()
        elif kind == "renew":
            if self._workplace is not None:
                self._workplace.renew(message)
        elif kind == "collect":
            self.collect()
        elif kind == "settle":
            self._settle()

    def role(self, slug: str) -> Role | None:
        """Wait until the run goes and return the role; None where this run has none for us (any more)."""
        self._going.wait()
        return None if self._workplace is None else self._workplace.roles.get(slug)

    def collect(self) -> None:
        """Close everything and send what is left: on the master's word, or because we are asked to quit."""
        if self._workplace is None or self._collected.is_set():
            return
        self._collected.set()
        self._load.stop()
        roles = self._workplace.roles
        finishing = [threading.Thread(target=role.finish, args=(DRAIN_S,)) for role in roles.values()]
        for thread in finishing:
            thread.start()
        for thread in finishing:
            thread.join()
        self._ship()
        self._keep_raw()
        self._send("ledger", self._ledger())

    def close(self) -> None:
        """Let go of the world of the last run."""
        self._collected.set()
        self._load.stop()
        workplace, self._workplace = self._workplace, None
        if workplace is not None:
            workplace.close()

    def _begin(self, plan: Message) -> None:
        self.close()
        self._going.clear()
        self._plan, why = plan, ""
        self._outbox, self._load = Outbox(plan["run"]), LoadWatch()
        try:
            self._workplace = self._open(plan, self._clock, self._tell)
            for slug, audience in self._workplace.audiences.items():
                self._outbox.add_receipts(slug, ReceiptLog(audience, self._clock))
            for slug, role in self._workplace.roles.items():
                role.warm_up(plan["warmup"], plan["lane"])
                self._outbox.add(slug, role.recorder, role.errors)
        except TailguardError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001  # the master is told, who else would wait for us until its limit
            why = f"{type(error).__name__}: {error}"
            log.error("Tailguard: %s", traceback.format_exc())  # noqa: TRY400  # one way of logging under gevent
        self._send("ready", {"run": plan["run"], "why": why})

    def _go(self) -> None:
        if self._workplace is None:
            return
        base_ns = self._clock.now_ns() + HEAD_START_NS
        for role in self._workplace.roles.values():
            if isinstance(role.lane, OpenLane):
                role.lane.begin(base_ns)
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
                self._send("chunk", chunk)

    def _settle(self) -> None:
        assert self._workplace is not None
        held: dict[str, list[dict[str, Any]]] = {}
        why = ""
        try:
            self._outbox.close_receipts()
            for slug in self._workplace.roles:
                held[slug] = [asdict(each) for each in self._workplace.invariants(slug, self._outbox)]
        except Exception as error:  # noqa: BLE001  # the master is told, who else would wait for us until its limit
            why = f"{type(error).__name__}: {error}"
        self._ship()
        self._keep_raw_receipts()
        told = {"invariants": held, "notes": dict(self._workplace.notes()), "why": why}
        self._send("settled", {"run": self._plan["run"], "ledger": self._ledger(), **told})

    def _ledger(self) -> Message:
        assert self._workplace is not None
        told = {slug: role.ledger() for slug, role in self._workplace.roles.items()}
        notes = dict(self._workplace.notes())
        return self._outbox.ledger() | {"roles": told, "notes": notes, "load": dict(self._load.told())}

    def _keep_raw(self) -> None:
        """Write our own rows to files of our own, where the plan asks for it."""
        folder = self._plan.get("keep_raw")
        for slug, role in (self._workplace.roles if folder and self._workplace else {}).items():
            samples = self._outbox.samples(slug, role.part.scenario.steps)
            columns = (
                samples.intended_ns,
                samples.started_ns,
                samples.ended_ns,
                samples.step,
                samples.outcome,
            )
            np.save(self._raw_path(slug), np.column_stack([column.astype(np.int64) for column in columns]))

    def _keep_raw_receipts(self) -> None:
        assert self._workplace is not None
        for slug in self._workplace.audiences if self._plan.get("keep_raw") else ():
            np.save(self._raw_path(f"{slug}-receipts"), self._outbox.receipts(slug))

    def _raw_path(self, what: str) -> Path:
        path = Path(str(self._plan["keep_raw"])) / f"{self._plan['run']}-{self._plan['lane']}-{what}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
