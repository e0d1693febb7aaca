"""A side of a duet without servers: speaks the protocol, measures nothing but what its order says.

`python -P duet_side.py ORDER RESULT`; the order's `mood` is "well", or names the way in which it goes wrong.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from tailguard.duet.turns import Turn
from tailguard.record.samples import samples_from_rows
from tailguard.record.samples.pack import pack_samples

order_path, result_path = map(Path, sys.argv[1:])
order = json.loads(order_path.read_text(encoding="utf-8"))
mood = order["mood"]
if mood == "does not start":
    sys.exit("ImportError: no module named platform")
turn = Turn(order["turns"])
began = time.monotonic_ns()
for number in range(3):
    turn.take()
    if mood == "crashes in its second turn" and number == 1:
        sys.exit("Segmentation fault")
    if mood == "crashes in block 2" and order["run_id"].endswith("-2"):
        sys.exit("out of memory")
turn.end()
turn.close()
rng = np.random.default_rng([order["seed"], int(order["run_id"].split("-")[1])])
ms = order["level_ms"] * rng.lognormal(0, 0.2, 60)
start = began + np.arange(60) * 1_000_000
rows = np.stack([start, start, start + ms * 1e6, np.zeros(60)], axis=1).astype(np.int64)
pack_samples(
    result_path.with_suffix(".samples"),
    {"registration": samples_from_rows("registration", ("register",), ("",), rows)},
)
invariant = {"name": "nobody twice", "held": mood != "breaks an invariant", "expected": "0", "observed": "1"}
entry = {
    "title": "Registration",
    "schedule": {"kind": "poisson"},
    "offered_rate_per_s": 1.0,
    "achieved_rate_per_s": 1.0,
    "measured_s": 1.0,
    "invariants": [invariant],
}
result = {
    "scenarios": {"registration": entry},
    "faults": [],
    "platform": "here",
    "phases_s": {"measure": 0.1},
}
result_path.write_text(json.dumps(result), encoding="utf-8")
