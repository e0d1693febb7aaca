"""Baseline and candidate side by side: pairs of fresh processes that take turns, slice by slice.

A block is one pair of processes. Fresh ones, because a process keeps its own speed (memory layout, hash seed) for
life: with the same pair throughout, 2 % of that alone raises 12 % false alarms.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import TimeoutExpired
from typing import TypeVar

import msgspec

from tailguard.base.errors import InvalidRunError, TailguardError, UsageError
from tailguard.base.processes import Child, Watchdog
from tailguard.base.secrets import mask
from tailguard.duet.order import Order, SideOrder, SideRecord
from tailguard.duet.turns import TurnError, TurnServer
from tailguard.postgres.copies.databases import BlockDatabases
from tailguard.postgres.copies.filling import OwnDatabase
from tailguard.record.duet import SideName
from tailguard.record.files import stage, subfolder, unstage
from tailguard.record.run_json import decode, encode
from tailguard.record.samples import Samples
from tailguard.record.samples.pack import unpack_samples
from tailguard.record.samples.parquet import write_samples

# From the start of a process until it has seeded its data and may begin: 3 s here, ten times that on a busy machine.
READY_TIMEOUT_S = 180.0
FINISH_TIMEOUT_S = 180.0
# Longer than any fixture and server has to be torn down.
ENDING_TIMEOUT_S = 30.0
# Exit codes of a process that named a mistake of the suite's, or code that is not the side's own: no matter of chance.
LASTING = (UsageError.exit_code, InvalidRunError.exit_code)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a duet.

    Attributes:
        name: `baseline` or `candidate`.
        label: what it is, for people.
        command: the process to start; the paths of its order and its result are appended.
        environ: what its environment has beside ours; may hold secrets.
        cwd: where it starts.
        order: what it gets with every block; may hold secrets.
        commit: of its code; None outside of git, and of a server.
    """

    name: SideName
    label: str
    command: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    cwd: Path
    order: SideOrder = field(repr=False)
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class SideResult:
    """What one side of a block measured: its own record and the samples by scenario."""

    record: SideRecord
    samples: Mapping[str, Samples]
    samples_path: Path


@dataclass(frozen=True, slots=True)
class BlockResult:
    """One block: both sides, measured in turns. `wall_s` is what it took in all."""

    number: int
    first: SideName
    sides: Mapping[SideName, SideResult]
    wall_s: float


class BlockError(TailguardError):
    """A side did not come to the end of a block; the block is lost.

    Attributes:
        side: which one.
        lasts: whether its process named a mistake that the next block would meet, too; `exit_code` is then its own.
    """

    def __init__(self, side: SideName, message: str, status: int | None) -> None:
        super().__init__(message)
        self.side = side
        self.lasts = status in LASTING
        if status in LASTING:
            self.exit_code = status


def measure_block(
    number: int,
    sides: Sequence[Side],
    identity: str,
    folder: Path,
    *,
    explain: bool = False,
    databases: BlockDatabases | None = None,
) -> BlockResult:
    """Run block `number` (from 1): start both sides, let them take turns, return what they measured.

    Odd blocks begin with the first side, even ones with the second. Samples are kept in `folder`; with `explain` both
    look at their query plans, too. Each side works in one of `databases`, if there are any.

    Raises BlockError if a side fails, with the end of its log.
    """
    began_s = time.monotonic()
    ordered = list(sides) if number % 2 else list(reversed(sides))
    with ExitStack() as stack:
        own = _own_databases(sides, databases)
        orders = [
            Order(
                side=side.order,
                run_id=f"{identity}-{number}",
                number=number,
                ordered_ns=time.monotonic_ns(),
                explain=explain,
                database=own.get(side.name),
            )
            for side in ordered
        ]
        started = [_Started(*each, folder, stack) for each in zip(ordered, orders, strict=True)]
        for one in started:
            one.do(lambda one: one.turns.await_ready(READY_TIMEOUT_S))
        _take_turns(started)
        if databases:
            databases.make_ahead([side.order.folder for side in sides])
        for one in started:
            one.do(lambda one: one.turns.finish())
        results = {one.side.name: one.do(_Started.collect) for one in started}
    in_order = {side.name: results[side.name] for side in sides}
    return BlockResult(number, ordered[0].name, in_order, time.monotonic() - began_s)


def _own_databases(sides: Sequence[Side], databases: BlockDatabases | None) -> Mapping[SideName, OwnDatabase]:
    if databases is None:
        return {}
    try:
        made = databases.of([side.order.folder for side in sides])
    except TailguardError as error:
        raise BlockError(sides[0].name, str(error), None) from error
    return {side.name: each for side, each in zip(sides, made, strict=True)}


def _take_turns(started: "list[_Started]") -> None:
    """AB, BA, AB ... until both are done: a drift within the block hits both alike."""
    order = list(started)
    while not all(one.turns.done for one in order):
        for one in order:
            one.do(lambda one: one.turns.grant())
        order.reverse()


class _Started:
    """A side's process in one block."""

    def __init__(self, side: Side, order: Order, folder: Path, stack: ExitStack) -> None:
        self.side = side
        watchdog = stack.enter_context(Watchdog())
        private = watchdog.folder("block-")
        self._result = private / "result.json"
        self._kept = folder / f"{order.number:03}-{side.name}.parquet"
        order_path = private / "order.json"
        address = private / "turns"
        self.turns = stack.enter_context(TurnServer(address, lambda: self.child.running))
        order = msgspec.structs.replace(order, turns=str(address))
        order_path.touch(mode=0o600)
        order_path.write_bytes(encode(order))
        command = [*side.command, str(order_path), str(self._result)]
        self.child: Child = watchdog.start(
            command, log_path=private / "log", cwd=side.cwd, env={**os.environ, **side.environ}
        )

    def do(self, what: "Callable[[_Started], T]") -> T:
        """Do something with this side; raises BlockError in its name."""
        try:
            return what(self)
        except (TurnError, TimeoutExpired, OSError, ValueError, TailguardError) as error:
            status, said = self._status(), mask(self.child.log_tail(12))
            why = said if status in LASTING else f"{error}\n{said}".rstrip()
            raise BlockError(
                self.side.name, f"{self.side.name} ({self.side.label}): {why}", status
            ) from error

    def _status(self) -> int | None:
        """Return the exit code of the process, None if it does not end."""
        with suppress(TimeoutExpired):
            return self.child.wait(ENDING_TIMEOUT_S)
        return None

    def collect(self) -> SideResult:
        """Wait for the end of the process and read its result."""
        status = self.child.wait(FINISH_TIMEOUT_S)
        if status != 0:
            raise TurnError(f"it ended with exit code {status}")
        record = decode(self._result.read_bytes(), SideRecord)
        samples = unpack_samples(self._result.with_suffix(".samples"))
        subfolder(self._kept.parent.parent, self._kept.parent.name)
        with stage(self._kept) as file:
            write_samples(file, samples)
        unstage(self._kept)
        return SideResult(record, samples, self._kept)
