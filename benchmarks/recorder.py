"""What keeping one sample costs, side by side in one run: a list of tuples, ours, and locust's statistics.

Run it: python -m benchmarks.recorder. Each row keeps fresh instants, as a measurement does, through the real call; the
loop's own cost is taken off. Every way has 25 turns in rotation and its best one counts, so that a noisy moment of the
machine hits all alike. Targets: at most 2x list.append((t0, dt)), at least 5x cheaper than StatsEntry.log, 32 bytes.
"""

import sys
import time
import tracemalloc
from collections.abc import Callable

from locust.stats import RequestStats, StatsEntry

from tailguard.base.clock import MonotonicClock
from tailguard.engine.iteration import Iteration
from tailguard.engine.iteration.context import IterationContext
from tailguard.engine.iteration.step_names import StepNames
from tailguard.engine.recorder import Recorder

SAMPLES, ROUNDS = 20_000, 25
INSTANTS = range(10**15, 10**15 + SAMPLES * 1000, 1000)


def loop_alone() -> None:
    for instant in INSTANTS:
        _ = instant + 700


def list_append() -> object:
    kept: list[tuple[int, int]] = []
    for instant in INSTANTS:
        kept.append((instant, instant + 700))  # noqa: PERF401 - the append is what is measured
    return kept


def recorder_append() -> object:
    recorder = Recorder()
    for instant in INSTANTS:
        recorder.append(instant, instant, instant + 700, 0)
    return recorder


def iteration_step() -> object:
    recorder = Recorder()
    context = IterationContext("run", 1, "some", MonotonicClock(), StepNames(("go",)))
    iteration = Iteration(context, recorder, user=0)

    def nothing() -> None:
        pass

    for instant in INSTANTS:
        iteration.begin(instant, instant, instant)
        iteration.step("go", nothing)
    return recorder


def locust_log() -> object:
    entry = StatsEntry(RequestStats(), "go", "GET", use_response_times_cache=False)
    for instant in INSTANTS:
        entry.log((instant % 1000) / 10, 512)
    return entry


WAYS: dict[str, Callable[[], object]] = {
    "list.append((t0, dt))": list_append,
    "Recorder.append": recorder_append,
    "locust StatsEntry.log": locust_log,
    "Iteration.begin and .step of nothing": iteration_step,
}


def best_ns() -> dict[str, float]:
    """Cost of one sample in ns, the loop's own taken off."""
    best = dict.fromkeys(["loop", *WAYS], float("inf"))
    for _ in range(ROUNDS):
        for name, way in {"loop": loop_alone, **WAYS}.items():
            began = time.perf_counter_ns()
            way()
            best[name] = min(best[name], (time.perf_counter_ns() - began) / SAMPLES)
    return {name: cost - best["loop"] for name, cost in best.items() if name != "loop"}


def bytes_a_sample(way: Callable[[], object]) -> float:
    """Memory that the kept samples hold, as the allocator sees it."""
    tracemalloc.start()
    kept = way()
    size = tracemalloc.get_traced_memory()[0] / SAMPLES
    tracemalloc.stop()
    del kept
    return size


def main() -> int:
    costs = best_ns()
    sizes = {name: bytes_a_sample(way) for name, way in WAYS.items()}
    base, ours, theirs, _ = costs.values()
    print(f"{'':<36}{'ns':>8}{'x list':>8}{'bytes':>8}")
    for name, cost in costs.items():
        print(f"{name:<36}{cost:>8.0f}{cost / base:>8.2f}{sizes[name]:>8.1f}")
    size = sizes["Recorder.append"]
    met = ours <= 2 * base and theirs >= 5 * ours and size <= 32
    print(
        f"\nRecorder: {ours / base:.2f}x a list (at most 2), locust {theirs / ours:.1f}x ours (at least 5), ",
        end="",
    )
    print(f"{size:.1f} bytes per sample (at most 32): {'met' if met else 'NOT MET'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
