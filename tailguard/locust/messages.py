"""What the master of a Locust run and its workers send each other: structs, checked when they arrive.

Locust carries them as bytes; the tag in them says which message it is.
"""

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import msgspec

from tailguard.config.option import OptionValue
from tailguard.engine.schedule import Schedule
from tailguard.http.tls import Tls
from tailguard.locust.clock import ClockPair, Instant
from tailguard.locust.schedule import parse_schedule
from tailguard.record.locust import WorkerLoad
from tailguard.record.samples.first_failure import FirstFailure
from tailguard.record.scenario import Invariant
from tailguard.suite.run import Shard, Target

Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]  # more than can be counted, and still exact as a float
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class ScheduleWords(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as the command line has it, with what that leaves open: every worker makes the same starts of it."""

    text: str
    rate_per_s: float
    duration_s: float
    seed: int

    def schedule(self) -> Schedule:
        """Return the schedule. Raises UsageError if the text names none, or one that cannot be."""
        return parse_schedule(self.text, self.rate_per_s, self.duration_s, self.seed)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What all workers of a run do alike.

    `scenarios_sha256` is the hash of the suite's code, which must be the workers' too. `run_values` are the values of
    the fixtures of scope "run", as JSON; `planned` are the most iterations of each scenario. Iterations are numbered
    from `first_iteration`. `schedules` are by scenario; the model is closed if there are none, and `think_s` the
    bounds of what its users wait between two iterations. If `keep_raw` names a
    folder, each worker keeps its own samples there, too.
    """

    scenarios_sha256: str
    target: Target
    tls: Tls
    planned: Mapping[str, int]
    profile: str
    settings: Mapping[str, OptionValue | None]
    warmup: int
    run_values: bytes = b"{}"
    first_iteration: int = 0
    schedules: Mapping[str, ScheduleWords] = {}
    think_s: Mapping[str, tuple[Seconds, Seconds]] = {}
    keep_raw: str | None = None

    @property
    def scenarios(self) -> tuple[str, ...]:
        """Which ones are played."""
        return tuple(self.planned)


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """`run` is the id of the run that it belongs to."""

    run: str


class Begin(Message, frozen=True, kw_only=True):
    """Make your fixtures and warm up."""

    plan: Plan
    shard: Shard


class Go(Message, frozen=True, kw_only=True):
    """Let the users play."""


class Collect(Message, frozen=True, kw_only=True):
    """Stop playing, and send everything."""


class Settle(Message, frozen=True, kw_only=True):
    """Nobody plays any more: check what must hold."""


class Hello(msgspec.Struct, frozen=True, tag=True):
    """A worker can take messages."""


class Ready(Message, frozen=True, kw_only=True):
    """A worker is ready or, with the reason, cannot take part; `skipped` says why it cannot play a scenario.

    `clock` is read as it is sent.
    """

    why: str
    clock: ClockPair
    skipped: Mapping[str, str] = {}


class Chunk(Message, frozen=True, kw_only=True):
    """Samples of a scenario: rows as bytes, one `tailguard.engine.recorder.ROW` each.

    `steps`, `metrics` and `errors` are the worker's names of steps, of what was recorded beside them, and of failures
    and refusals, in the order of its own numbers.
    """

    number: Count
    scenario: str
    rows: bytes
    steps: tuple[str, ...]
    errors: tuple[str, ...]
    metrics: tuple[str, ...] = ()


class ReceiptChunk(Message, frozen=True, kw_only=True):
    """Receipts of a scenario's spectators: rows as bytes, one `RECEIPT` (worker/receipts.py) each."""

    number: Count
    scenario: str
    receipts: bytes


class WatchedLedger(msgspec.Struct, frozen=True, kw_only=True):
    """What the master must know beside a worker's receipts: how many it sent, of how many spectators, since when."""

    rows: Count
    spectators: Count
    since_ns: Instant
    duplicates: Count


class ScenarioLedger(msgspec.Struct, frozen=True, kw_only=True):
    """What the master must know of a scenario beside a worker's samples (`ScenarioExecutor`).

    `own_s` is the time of the journeys' own code before their first steps. `first` has the first failure of a kind.
    `lateness_ns` are int64 as bytes.
    """

    users: Count
    offered: Count
    ended: Count
    warmup: Count
    own_s: Seconds
    cut_off: Count
    broken: str
    first: Mapping[str, FirstFailure]
    lateness_ns: bytes


class Ledger(Message, frozen=True, kw_only=True):
    """What a worker has sent in all: the last word of its account.

    `rows` and `watched` are by scenario; `notes` are the worker's own of the run. `load` is None if it did not play.
    """

    chunks: Count
    rows: Mapping[str, Count]
    watched: Mapping[str, WatchedLedger]
    clock: ClockPair
    scenarios: Mapping[str, ScenarioLedger]
    notes: Mapping[str, str]
    load: WorkerLoad | None


class Settled(Message, frozen=True, kw_only=True):
    """What a worker found to hold and not to hold, by scenario; or why it could not look. With a ledger of all.

    `unchecked` says why a scenario's invariants were left out.
    """

    invariants: Mapping[str, tuple[Invariant, ...]]
    unchecked: Mapping[str, str]
    why: str
    ledger: Ledger


ToWorker: TypeAlias = Begin | Go | Collect | Settle
ToMaster: TypeAlias = Hello | Ready | Chunk | ReceiptChunk | Ledger | Settled


def scenarios_in(message: ToMaster) -> frozenset[str]:
    """Return the scenarios that a message speaks of."""
    match message:
        case Chunk() | ReceiptChunk():
            return frozenset({message.scenario})
        case Ready():
            return frozenset(message.skipped)
        case Ledger():
            return frozenset({*message.rows, *message.watched, *message.scenarios})
        case Settled():
            return scenarios_in(message.ledger) | {*message.invariants, *message.unchecked}
    return frozenset()


class _OfSomeRun(msgspec.Struct):
    """What every version's message to a worker has."""

    run: str


def packed(message: ToWorker | ToMaster) -> bytes:
    """Return a message as it travels."""
    return msgspec.msgpack.encode(message)


def for_worker(data: bytes) -> ToWorker:
    """Return a message to a worker. Raises msgspec.ValidationError if it is another version's."""
    message: ToWorker = msgspec.msgpack.decode(data, type=ToWorker)
    return message


def for_master(data: bytes) -> ToMaster:
    """Return a message to the master. Raises msgspec.MsgspecError if it is none, or another version's."""
    message: ToMaster = msgspec.msgpack.decode(data, type=ToMaster)
    return message


def run_of(data: bytes) -> str:
    """Return the run that a message to a worker belongs to, whichever version sent it."""
    return msgspec.msgpack.decode(data, type=_OfSomeRun).run
