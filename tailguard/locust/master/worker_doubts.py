"""Doubts about the workers of a Locust run, each with the worker's name. A worker is one loop on one core."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from tailguard.engine.telemetry import Reading
from tailguard.locust.worker.load import FULL_SHARE
from tailguard.record.doubt import Doubt
from tailguard.trust.machine_doubts import doubts_of_machine

# A core that is full for a tenth of the time makes the tail of what is measured there.
WARN_FULL = 0.1
# The loop wakes sleepers on whole milliseconds, 0.5 ms late at the median, and later where a user's turn is at work:
# ten times that at p99 reaches into the latencies; at the median, every one of them is our own queue's.
WARN_P99_MS, GRAVE_MEDIAN_MS = 10.0, 5.0
_GRADES = ("note", "warn", "grave")

Load = Mapping[str, Any]


def doubts_of_workers(loads: Mapping[str, Load]) -> list[Doubt]:
    """Return the doubts about all workers, by what each told (`LoadWatch.told`): one of a kind, the worst, named."""
    found: dict[str, list[tuple[str, Doubt]]] = {}
    for worker, load in loads.items():
        for doubt in _of_worker(load) if load else ():
            found.setdefault(doubt.kind, []).append((worker, doubt))
    return [_merged(doubts, len(loads)) for doubts in found.values()]


def _merged(doubts: list[tuple[str, Doubt]], workers: int) -> Doubt:
    worker, worst = max(doubts, key=lambda each: _GRADES.index(each[1].grade))
    others = [name for name, _ in doubts if name != worker]
    more = f"; so on {len(doubts)} of {workers} workers, {', '.join(others)} too" if others else ""
    return replace(worst, measured=f"worker {worker}: {worst.measured}{more}")


def _of_worker(load: Load) -> Iterator[Doubt]:
    for look in _LOOKS:
        yield from look(load)
    yield from doubts_of_machine(Reading(**load["reading"]))


def _saturated(load: Load) -> Iterator[Doubt]:
    if load["core"]["full"] >= WARN_FULL:
        yield Doubt(
            "saturated_worker",
            None,
            "warn",
            f"its process kept its core {FULL_SHARE:.0%} busy or more for {load['core']['full']:.0%} of the time, "
            f"{load['core']['mean']:.0%} on average",
            f"{WARN_FULL:.0%} of the time",
            "start more workers, one a core, or fewer users",
        )


def _late(load: Load) -> Iterator[Doubt]:
    late_ms = load["late_ms"]
    grave = late_ms["p50"] > GRAVE_MEDIAN_MS
    if grave or late_ms["p99"] > WARN_P99_MS:
        yield Doubt(
            "late_event_loop",
            None,
            "grave" if grave else "warn",
            f"its event loop woke sleepers {late_ms['p50']:.1f} ms late at the median, {late_ms['p99']:.0f} ms at p99 "
            f"and {late_ms['max']:.0f} ms at worst",
            f"p99 {WARN_P99_MS:g} ms; grave from a median of {GRAVE_MEDIAN_MS:g} ms",
            "look for a user that computes without waiting, start more workers, or stop what else runs on its machine",
        )


_LOOKS: tuple[Callable[[Load], Iterator[Doubt]], ...] = (_saturated, _late)
