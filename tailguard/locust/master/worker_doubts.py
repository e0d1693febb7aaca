"""Doubts about the workers of a Locust run, each with the worker's name. A worker is one loop on one core."""

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from tailguard.base.text_format import ratio
from tailguard.locust.worker.load import FULL_SHARE
from tailguard.record.doubt import Doubt, Grade
from tailguard.record.locust import CoreUse, WakeLateness, WorkerLoad
from tailguard.trust.machine_doubts import doubts_of_machine

# A core that is full for a tenth of the time makes the tail of what is measured there.
WARN_FULL = 0.1
# The loop wakes sleepers on whole milliseconds, 0.5 ms late at the median, and later while a user's iteration computes:
# ten times that at p99 reaches into the latencies; at the median, every one of them is our own queue's.
WARN_P99_MS, GRAVE_MEDIAN_MS = 10.0, 5.0


def doubts_of_workers(loads: Mapping[str, WorkerLoad | None]) -> list[Doubt]:
    """Return the doubts about all workers, by what each told: one of a kind, the worst, with its worker's name."""
    found: dict[str, list[tuple[str, Doubt]]] = {}
    for worker, load in loads.items():
        for doubt in _of_worker(load) if load else ():
            found.setdefault(doubt.kind, []).append((worker, doubt))
    return [_merged(doubts, len(loads)) for doubts in found.values()]


def _merged(doubts: list[tuple[str, Doubt]], workers: int) -> Doubt:
    worker, worst = max(doubts, key=lambda each: each[1].grade.severity)
    others = [name for name, _ in doubts if name != worker]
    more = f"; so on {len(doubts)} of {workers} workers, {', '.join(others)} too" if others else ""
    return replace(worst, measured=f"worker {worker}: {worst.measured}{more}")


def _of_worker(load: WorkerLoad) -> Iterator[Doubt]:
    yield from _saturated(load.core)
    yield from _late(load.late_ms)
    yield from doubts_of_machine(load.reading)


def _saturated(core: CoreUse) -> Iterator[Doubt]:
    if core.full >= WARN_FULL:
        yield Doubt(
            kind="saturated_worker",
            scenario=None,
            grade=Grade.WARN,
            measured=f"its process kept its core {ratio(FULL_SHARE)} busy or more for {ratio(core.full)} of the time, "
            f"{ratio(core.mean)} on average",
            limit=f"{ratio(WARN_FULL)} of the time",
            remedy="start more workers, one per core, or fewer users",
        )


def _late(late_ms: WakeLateness) -> Iterator[Doubt]:
    grave = late_ms.p50 > GRAVE_MEDIAN_MS
    if grave or late_ms.p99 > WARN_P99_MS:
        yield Doubt(
            kind="late_event_loop",
            scenario=None,
            grade=Grade.GRAVE if grave else Grade.WARN,
            measured=f"its event loop woke sleepers {late_ms.p50:.1f} ms late at the median, {late_ms.p99:.0f} ms at "
            f"p99 and {late_ms.max:.0f} ms at worst",
            limit=f"p99 {WARN_P99_MS:g} ms; grave from a median of {GRAVE_MEDIAN_MS:g} ms",
            remedy="look for a user that computes without waiting, start more workers, or stop what else runs on its "
            "machine",
        )
