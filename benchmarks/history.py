"""How soon a slowdown is told and how often falsely: python -m benchmarks.history. Simulated nights, none measured.

The floor is what no test can beat that keeps the same rate of false alarms: the threshold's logarithm over the
information of a night (Lorden, "Procedures for reacting to a change in distribution", 1971), if all about quiet nights
were known.
"""

import math
import time

import numpy as np
from numpy.typing import NDArray

from tailguard.compare.series.alarm import NIGHTS, alarms
from tailguard.compare.series.change_points import change_points

SERIES, QUIET, AFTER, HISTORIES = 100, 60, 60, 200


def nights(spread: float, slower: float, rng: np.random.Generator) -> NDArray[np.float64]:
    levels = np.where(np.arange(QUIET + AFTER) < QUIET, 0.0, math.log(slower))
    return np.asarray(np.exp(rng.normal(0, spread, QUIET + AFTER) + levels))


def delay(values: NDArray[np.float64]) -> float:
    raised = [each.raised for each in alarms(values, series=SERIES)]
    return raised[0] - QUIET + 1 if raised else math.inf


def shown(nights: float) -> str:
    return f"{nights:.0f}" if nights < math.inf else f"not in {AFTER}"


def delays() -> None:
    rng = np.random.default_rng(1)
    print("| spread of runs | slower by | median nights | 90 % within | floor |\n|---|---|---|---|---|")
    for spread in (0.03, 0.05):
        for slower in (1.05, 1.10, 1.20):
            told = [delay(nights(spread, slower, rng)) for _ in range(HISTORIES)]
            middle, most = (shown(each) for each in np.quantile(told, [0.5, 0.9], method="lower"))
            floor = math.log(NIGHTS * SERIES) / ((math.log(slower) / spread) ** 2 / 2)
            print(f"| {spread:.0%} | {slower - 1:.0%} | {middle} | {most} | {floor:.1f} |")


def false_alarms() -> None:
    rng = np.random.default_rng(2)
    stated = HISTORIES * 500 / NIGHTS
    print(
        f"\nFalse slowdowns in {HISTORIES} quiet histories of 500 runs, watched alone; stated: at most {stated:.0f}"
    )
    for name, noise in {
        "normal": lambda: rng.normal(0, 0.05, 500),
        "heavy tails": lambda: np.clip(rng.standard_t(2, 500) * 0.03, -3, 3),
    }.items():
        print(f"  {name}: {sum(len(alarms(np.exp(noise()), series=1)) for _ in range(HISTORIES))}")


def time_taken() -> None:
    histories = np.exp(np.random.default_rng(3).normal(0, 0.03, (100, 1000)))
    print("\nSeconds of the processor for 100 series of 1,000 runs:")
    for name, look in {
        "changes": change_points,
        "slowdowns": lambda runs: alarms(runs, series=SERIES),
    }.items():
        began = time.process_time()
        for values in histories:
            look(values)
        print(f"  {name}: {time.process_time() - began:.2f}")


if __name__ == "__main__":
    delays()
    false_alarms()
    time_taken()
