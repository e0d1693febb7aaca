"""What measuring one call costs, side by side in one run: a bare loop, the fixture's loop, a step of an iteration.

Run it: python -m benchmarks.measuring_loop. The call does nothing, so that all that is seen is ours. The bare loop is
what anybody would write: two readings of the clock and an append. Each way has many short turns in rotation and its
best one counts: one is always left alone by a busy machine. Targets: the loop at most 2x, a step at most 3.5x.
"""

import sys
import time
from collections.abc import Callable

from tailguard.base.clock import MonotonicClock
from tailguard.engine.iteration import Iteration
from tailguard.engine.iteration.call import Call
from tailguard.engine.iteration.context import IterationContext
from tailguard.engine.iteration.step_names import StepNames
from tailguard.engine.recorder import Recorder

CALLS, ROUNDS = 1000, 500
MOST_LOOP, MOST_STEP = 2.0, 3.5


def nothing() -> None:
    pass


def iteration() -> Iteration:
    context = IterationContext("run", 1, "some", MonotonicClock(), StepNames(("call",)))
    return Iteration(context, Recorder(), user=0)


def bare_loop() -> None:
    kept: list[tuple[int, int]] = []
    for _ in range(CALLS):
        began_ns = time.monotonic_ns()
        nothing()
        kept.append((began_ns, time.monotonic_ns() - began_ns))


def measuring_loop() -> None:
    iteration().repeat(Call("call", nothing), CALLS, 2**62)


def step() -> None:
    timed = iteration()
    for _ in range(CALLS):
        timed.step("call", nothing)


WAYS: dict[str, Callable[[], None]] = {
    "two clock readings and an append": bare_loop,
    "Iteration.repeat, the loop of slo": measuring_loop,
    "Iteration.step": step,
}


def best_ns() -> dict[str, float]:
    """Cost of one call in ns."""
    best = dict.fromkeys(WAYS, float("inf"))
    for _ in range(ROUNDS):
        for name, way in WAYS.items():
            began = time.perf_counter_ns()
            way()
            best[name] = min(best[name], (time.perf_counter_ns() - began) / CALLS)
    return best


def main() -> int:
    costs = best_ns()
    bare, loop, stepped = costs.values()
    print(f"{'':<36}{'ns':>8}{'x bare':>8}")
    for name, cost in costs.items():
        print(f"{name:<36}{cost:>8.0f}{cost / bare:>8.2f}")
    met = loop <= MOST_LOOP * bare and stepped <= MOST_STEP * bare
    print(
        f"\nThe loop {loop / bare:.2f}x (at most {MOST_LOOP:g}), a step {stepped / bare:.2f}x (at most {MOST_STEP:g}): "
        f"{'met' if met else 'NOT MET'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
