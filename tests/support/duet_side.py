"""A side of a duet without servers: speaks the protocol, measures nothing but what its command line says.

`python -P duet_side.py MOOD LEVEL_MS SEED ORDER RESULT`; MOOD is "well", or names the way in which it goes wrong.
"""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from tailguard.duet.order import MeasuredScenario, Order, PhaseTimes, SideOrder, SideRecord
from tailguard.duet.turns import TurnClient
from tailguard.record.environment import Placement
from tailguard.record.run_json import decode, encode
from tailguard.record.samples import samples_from_rows
from tailguard.record.samples.pack import pack_samples
from tailguard.record.scenario import Invariant, PoissonSchedule

# What a side is told that takes nothing from it.
TOLD = SideOrder(
    profile="duet",
    settings={},
    config_file="",
    scenarios=("scenarios",),
    placement=Placement(generator=None, server=None, pinned=False),
)


def main(mood: str, level_ms: float, seed: int, order_path: Path, result_path: Path) -> None:
    order = decode(order_path.read_bytes(), Order)
    if mood == "does not start":
        sys.exit("ImportError: no module named platform")
    if mood == "names a mistake" or (mood == "names a mistake in block 2" and order.number == 2):
        print("the suite asks for a table that is not there", file=sys.stderr)
        sys.exit(64)
    turns = TurnClient(order.turns)
    began = time.monotonic_ns()
    for number in range(3):
        turns.take()
        if mood == "crashes in its second turn" and number == 1:
            sys.exit("Segmentation fault")
        if mood == "is stopped in its second turn" and number == 1:
            os.kill(os.getpid(), signal.SIGSTOP)
        if mood == "crashes in block 2" and order.number == 2:
            sys.exit("out of memory")
    turns.end()
    turns.close()
    rng = np.random.default_rng([seed, order.number])
    ms = level_ms * rng.lognormal(0, 0.2, 60)
    start = began + np.arange(60) * 1_000_000
    rows = np.stack([start, start, start + ms * 1e6, np.zeros(60)], axis=1).astype(np.int64)
    pack_samples(
        result_path.with_suffix(".samples"),
        {"registration": samples_from_rows("registration", ("register",), ("",), rows)},
    )
    told = encode(record(held=mood != "breaks an invariant"))
    result_path.write_bytes(b"{}" if mood == "writes nonsense" else told)


def record(*, held: bool) -> SideRecord:
    entry = MeasuredScenario(
        title="Registration",
        schedule=PoissonSchedule(rate_per_s=1.0, seed=1, workers=1),
        warmup=0,
        offered_rate_per_s=1.0,
        measured_s=1.0,
        own_s=0.0,
        invariants=(Invariant(name="nobody twice", held=held, expected="0", observed="1"),),
    )
    return SideRecord(
        scenarios={"registration": entry},
        platform="here",
        faults=(),
        doubts=(),
        plans={},
        phases=PhaseTimes(measure=0.1),
    )


if __name__ == "__main__":
    mood, level_ms, seed, *paths = sys.argv[1:]
    main(mood, float(level_ms), int(seed), *map(Path, paths))
