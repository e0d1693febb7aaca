"""Whether what a worker sends can be: each message is looked at when it comes, before anything is made of it.

Types and signs are checked as it is read (messages.py). Each function here returns what is wrong, "" if nothing is.
"""

from collections.abc import Iterable, Mapping
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from tailguard.engine.recorder import ROW, ROW_BYTES
from tailguard.locust.clock import ClockPair
from tailguard.locust.messages import Chunk, Ledger, ReceiptChunk, ScenarioLedger
from tailguard.locust.worker.receipts import RECEIPT
from tailguard.record.locust import WorkerLoad
from tailguard.record.samples import MOST_ERRORS, MOST_STEPS, OUTCOMES, VALUE, unpack_codes

# Clocks of machines that NTP looks after agree to some ms. A run of two that are further apart has no common axis.
APART_NS = 60_000_000_000


class Window(msgspec.Struct, frozen=True):
    """What a worker can have measured by now, in its own clock: nothing before it began, nothing to come."""

    first_ns: int
    last_ns: int

    @classmethod
    def of(cls, since_ns: int, until_ns: int, ours: ClockPair, theirs: ClockPair) -> Self:
        """Put a window of our clock into that of a worker; that of another machine agrees only so far."""
        shift_ns = ours.shift_ns(theirs)
        apart_ns = 0 if ours.boot and ours.boot == theirs.boot else APART_NS
        return cls(since_ns - shift_ns - apart_ns, until_ns - shift_ns + apart_ns)

    def fault(self, instants: NDArray[np.int64]) -> str:
        """Say if an instant is outside."""
        if not instants.size or (instants.min() >= self.first_ns and instants.max() <= self.last_ns):
            return ""
        return "it has times outside the run"


def clock_fault(ours: ClockPair, theirs: ClockPair, now_ns: int) -> str:
    """Say if a worker's clock, read a moment ago, is too far off our own."""
    off_ns = theirs.monotonic_ns + ours.shift_ns(theirs) - now_ns
    if abs(off_ns) <= APART_NS:
        return ""
    return f"its clock is {off_ns / 1e9:+.0f} s off the master's: set both by NTP"


def chunk_fault(chunk: Chunk, met: Mapping[str, int], window: Window) -> str:
    """Say what is wrong with samples; `met` counts the names of steps and of errors that its worker had before."""
    if not chunk.rows or len(chunk.rows) % ROW_BYTES:
        return f"its {len(chunk.rows)} bytes are not rows of {ROW_BYTES} bytes"
    if chunk.errors[:1] != ("",) or not met["errors"] <= len(chunk.errors) <= MOST_ERRORS:
        return f"it names {len(chunk.errors)} kinds of errors"
    if not max(met["steps"], 1) <= len(chunk.steps) <= MOST_STEPS:
        return f"it names {len(chunk.steps)} steps"
    if not met["metrics"] <= len(chunk.metrics) <= MOST_STEPS or {*chunk.metrics} & {*chunk.steps}:
        return f"it names {len(chunk.metrics)} metrics"
    table = np.frombuffer(chunk.rows, ROW)
    is_value = unpack_codes(table["code"])["outcome"] == VALUE
    instants = table["instants"]
    instants = np.append(
        instants[~is_value], instants[is_value, 0]
    )  # the ends of the others are not instants
    return _code_fault(table["code"], is_value, chunk) or window.fault(instants)


def names_fault(steps: Iterable[str], metrics: Iterable[str]) -> str:
    """Say if these, of all workers together, are more than a scenario can have."""
    count = len({*steps}) + len({*metrics})
    return f"with it there are {count} steps, of {MOST_STEPS} at most" if count > MOST_STEPS else ""


def _code_fault(code: NDArray[np.int32], is_value: NDArray[np.bool_], chunk: Chunk) -> str:
    metrics = unpack_codes(code[is_value])["step"]
    if metrics.size and metrics.max() >= len(chunk.metrics):
        return f"it has a value of metric {metrics.max()}, of {len(chunk.metrics)} that there are"
    columns = unpack_codes(code[~is_value])
    sizes = {"step": len(chunk.steps), "outcome": len(OUTCOMES), "error": len(chunk.errors)}
    for name, size in sizes.items():
        if columns[name].size and (columns[name].min() < 0 or columns[name].max() >= size):
            return f"it has a sample of {name} {columns[name].max()}, of {size} that there are"
    return ""


def receipts_fault(chunk: ReceiptChunk, window: Window) -> str:
    """Say what is wrong with receipts."""
    if not chunk.receipts or len(chunk.receipts) % RECEIPT.itemsize:
        return f"its {len(chunk.receipts)} bytes are not receipts of {RECEIPT.itemsize} bytes"
    table = np.frombuffer(chunk.receipts, RECEIPT)
    if table["count"].min() < 1 or (table["first_ns"] > table["last_ns"]).any():
        return "it has a receipt of nobody, or one that ended before it began"
    return window.fault(np.stack([table["first_ns"], table["last_ns"]]))


def ledger_fault(ledger: Ledger, ours: ClockPair, now_ns: int) -> str:
    """Say what is wrong with a worker's account of itself."""
    told = [*map(_scenario_fault, ledger.scenarios.values()), clock_fault(ours, ledger.clock, now_ns)]
    return next(filter(None, told), "") or _load_fault(ledger.load)


def _scenario_fault(told: ScenarioLedger) -> str:
    if len(told.lateness_ns) % np.dtype(np.int64).itemsize:
        return f"its {len(told.lateness_ns)} bytes are not times by which iterations were late"
    lateness_ns = np.frombuffer(told.lateness_ns, np.int64)
    return "it has an iteration that was early" if lateness_ns.size and lateness_ns.min() < 0 else ""


def _load_fault(load: WorkerLoad | None) -> str:
    """Say if the record could not hold it: infinite numbers have no place in JSON."""
    try:
        msgspec.json.decode(msgspec.json.encode(load), type=WorkerLoad | None)
    except msgspec.ValidationError as error:
        return f"its load cannot be: {error}"
    return ""
