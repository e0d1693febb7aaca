"""What a look and a whole decision of the judge cost: `python -m benchmarks.judge`, or pytest -m benchmark on it.

Aims: a look at 20,000 samples below 5 ms, a whole sequential decision over them below 50 ms, its interval below 15 ms.
"""

import time

import numpy as np

from tailguard.compare.gate import gate_blocks
from tailguard.judge.decision import judge_counts, judge_stream
from tailguard.judge.evidence import cumulative
from tailguard.judge.interval import observed_latency, observed_rate
from tailguard.judge.objective import parse_latency, parse_rate
from tailguard.judge.sequential import look

N = 20_000
LATENCY = parse_latency("p95", "<= 1ms", step="x")
RATE = parse_rate("error_rate", "< 5%")


def best_ms(call, repeats=15):
    """The fastest of some repeats in ms: the machine's other work only ever adds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def costs():
    """Each cost in ms with its aim."""
    rng = np.random.default_rng(5)
    edge = rng.random(N) < 0.05  # never decided: every look of the grid is taken
    times = rng.lognormal(0, 0.5, N)
    decision = judge_stream(edge, 0.95)
    blocks = [list(rng.lognormal(0, 0.3, (40, 400))) for _ in range(2)]
    return [
        ("one look at 20,000 samples", best_ms(lambda: look(cumulative(edge), N, 0.05, "bursty")), 5.0),
        ("whole decision, bursty", best_ms(lambda: judge_stream(edge, 0.95)), 50.0),
        (
            "whole decision, independent",
            best_ms(lambda: judge_stream(edge, 0.95, dependence="independent")),
            50.0,
        ),
        ("its interval, of a quantile", best_ms(lambda: observed_latency(times, LATENCY, decision)), 15.0),
        ("its interval, of a rate", best_ms(lambda: observed_rate(N, 1000, RATE, decision)), 15.0),
        ("exact binomial on counts", best_ms(lambda: judge_counts(N, 900, 0.95)), 5.0),
        ("gate of 40 pairs of blocks of 400", best_ms(lambda: gate_blocks(*blocks)), 50.0),
    ]


if __name__ == "__main__":
    for name, cost_ms, aim_ms in costs():
        print(f"{name:36} {cost_ms:8.2f} ms   aim {aim_ms:4.0f} ms")
