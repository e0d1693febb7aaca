"""Runs made by hand: samples with chosen latencies in a folder, as the suite saves them."""

import numpy as np

from tailguard.config.merge import load_config
from tailguard.engine.summary import count
from tailguard.record.run import Run
from tailguard.record.samples import Samples

HELD = {"name": "no tournament over capacity", "held": True, "expected": "0", "observed": "0"}


def samples_of(slug, steps, response_ms, *, outcome=None, retries=None, step=None):
    """Samples 10 ms apart with the given response times; they start 1 ms after they should."""
    n = len(response_ms)
    intended_ns = np.arange(n, dtype=np.int64) * 10_000_000 + 1_000_000_000_000
    kinds = np.zeros(n, np.uint8) if outcome is None else np.asarray(outcome, np.uint8)
    return Samples(
        slug,
        tuple(steps),
        ("", "Broken"),
        intended_ns,
        intended_ns + 1_000_000,
        intended_ns + np.round(np.asarray(response_ms, float) * 1e6).astype(np.int64),
        np.zeros(n, np.uint8) if step is None else np.asarray(step, np.uint8),
        kinds,
        (kinds > 0).astype(np.int32),
        np.zeros(n, np.int32) if retries is None else np.asarray(retries, np.int32),
    )


def made_run(folder, *, invariants=(HELD,), doubts=(), migrations=(), because=None, **samples):
    """A finished run of the given samples by slug, saved below `folder` and loaded again."""
    run = Run.start(load_config("smoke", flags={"runs_dir": str(folder)}, environ={}))
    for slug, each in samples.items():
        run.add_scenario(
            slug, {"title": slug, **count(each), "invariants": [dict(i) for i in invariants]}, each
        )
    run.record["doubts"] = list(doubts)
    run.record["migrations"] = [dict(each) for each in migrations]
    run.finish(because)
    return Run.load(run.folder)
