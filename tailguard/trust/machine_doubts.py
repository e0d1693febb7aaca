"""Doubts about the machine that a run was measured on. Only one is grave: a generator that got no core."""

from collections.abc import Callable, Iterator

from tailguard.base.text_format import ratio
from tailguard.record.doubt import Doubt, Grade
from tailguard.record.environment import MachineReading

# Hypervisors steal a few per cent anywhere; from a tenth on, latencies are the neighbours'.
NOTE_STEAL, WARN_STEAL = 0.03, 0.10
# Share of our threads' time on or in the queue for a core that was queueing: 0.2 to 0.3 on a quiet machine, 0.7 beside
# two busy processes on the generator's core, 0.88 beside four (p95 twelve times too long), 0.94 beside eight (median
# seven times too long), 0.96 beside sixteen; a loaded but honest two-core machine reached 0.73.
WARN_WAITING, GRAVE_WAITING = 0.85, 0.94
# Threads that queue behind each other say nothing of the machine: grave only if others have most of the time.
GRAVE_FOREIGN = 0.5
# A collector's pause of this length is a latency of its own to every request that it meets.
WARN_PAUSE_MS, WARN_PAUSE_SHARE = 50.0, 0.02
# Time is counted on the monotonic clock, which does not jump; a jump of the other one tells of a suspended machine.
WARN_JUMP_MS = 100.0
# The run's watching thread asked to be woken: this late, nothing in the process ran on time.
WARN_LAG_MS = 250.0


def doubts_of_machine(reading: MachineReading) -> Iterator[Doubt]:
    """Look for everything that the machine may have done to the run."""
    for look in _LOOKS:
        yield from look(reading)


def _steal(reading: MachineReading) -> Iterator[Doubt]:
    if reading.steal > NOTE_STEAL:
        grade = Grade.WARN if reading.steal > WARN_STEAL else Grade.NOTE
        yield _of_run(
            "stolen_cpu",
            grade,
            f"{ratio(reading.steal)} of the generator's cores went to other guests of the host",
            ratio(NOTE_STEAL),
            "run at another time or on a machine of your own",
        )


def _starved(reading: MachineReading) -> Iterator[Doubt]:
    if reading.waiting is None or reading.foreign is None or reading.waiting < WARN_WAITING:
        return
    grave = reading.waiting >= GRAVE_WAITING and reading.foreign > GRAVE_FOREIGN
    yield _of_run(
        "starved_generator",
        Grade.GRAVE if grave else Grade.WARN,
        f"our threads queued for a core {ratio(reading.waiting)} of the time that they wanted one; "
        f"others kept the generator's cores busy {ratio(reading.foreign)} of the time",
        f"{ratio(WARN_WAITING)}; grave from {ratio(GRAVE_WAITING)} with others over {ratio(GRAVE_FOREIGN)}",
        "stop what else runs on the generator's cores, or run on a machine with more cores",
    )


def _collections(reading: MachineReading) -> Iterator[Doubt]:
    if reading.gc_longest_ms > WARN_PAUSE_MS or reading.gc_share > WARN_PAUSE_SHARE:
        yield _of_run(
            "garbage_collection",
            Grade.WARN,
            f"longest pause {reading.gc_longest_ms:.0f} ms, {ratio(reading.gc_share)} of the time",
            f"{WARN_PAUSE_MS:g} ms, {ratio(WARN_PAUSE_SHARE)}",
            "let the platform or the scenario's data hold fewer objects in this process, or measure it over HTTP",
        )


def _jumps(reading: MachineReading) -> Iterator[Doubt]:
    if reading.clock_jump_ms > WARN_JUMP_MS:
        yield _of_run(
            "clock_jump",
            Grade.WARN,
            f"the wall clock jumped by {reading.clock_jump_ms:.0f} ms against the monotonic one",
            f"{WARN_JUMP_MS:g} ms",
            "let the machine neither sleep nor set its clock while it measures",
        )


def _lag(reading: MachineReading) -> Iterator[Doubt]:
    if reading.lag_ms > WARN_LAG_MS:
        yield _of_run(
            "lagging_process",
            Grade.WARN,
            f"a waiting thread of this process woke {reading.lag_ms:.0f} ms late",
            f"{WARN_LAG_MS:g} ms",
            "look for a long computation that holds the interpreter, or a machine that was paused",
        )


def _of_run(kind: str, grade: Grade, measured: str, limit: str, remedy: str) -> Doubt:
    return Doubt(kind=kind, scenario=None, grade=grade, measured=measured, limit=limit, remedy=remedy)


_LOOKS: tuple[Callable[[MachineReading], Iterator[Doubt]], ...] = (
    _starved,
    _steal,
    _collections,
    _jumps,
    _lag,
)
