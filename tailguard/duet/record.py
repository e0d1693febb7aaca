"""What a duet's run keeps beside its verdicts: the candidate's samples, the pairs, where the time went."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tailguard.compare.comparison import Comparison
from tailguard.config.merge import Config
from tailguard.duet.blocks import Half, Pair
from tailguard.engine.pooling import pool
from tailguard.engine.summary import scenario_entry
from tailguard.engine.workload import Measurement
from tailguard.record.files import sha256_of
from tailguard.record.run import Run

INTERRUPTED = "interrupted by the user"
# What both sides do at the same time, and the phases of `tailguard.duet.block` that it is.
_TOGETHER = {"starts_s": ("start",), "seeding_s": ("world", "prepare"), "checks_s": ("check", "close")}
CALIBRATION = "duet-calibration.json"  # beside the runs: what `duet --calibrate` last found here


def keep_candidate(run: Run, pairs: Sequence[Pair]) -> None:
    """Keep the candidate's samples of all blocks as the run's own, so that report and `verify` read it as any other.

    An invariant that broke in any block, on either side, is broken: a wrong baseline is nothing to compare with.
    """
    halves = [pair.halves["candidate"] for pair in pairs]
    for slug, entry in halves[0].record["scenarios"].items():
        samples = pool([half.samples[slug] for half in halves if slug in half.samples])
        measured_s = sum(half.record["scenarios"][slug]["measured_s"] for half in halves)
        measurement = Measurement(
            samples=samples,
            schedule=entry["schedule"],
            warmup=sum(half.record["scenarios"][slug].get("warmup", 0) for half in halves),
            offered_rate_per_s=entry["offered_rate_per_s"],
            achieved_rate_per_s=len(samples) / measured_s if measured_s else 0.0,
            measured_s=measured_s,
            lateness_ns=np.empty(0, np.int64),
            ended_because="max_samples",
        )
        run.add_scenario(slug, scenario_entry(entry["title"], measurement), samples)
        run.record["scenarios"][slug]["invariants"] = _invariants(slug, pairs)


def describe_pairs(pairs: Sequence[Pair], comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Return the duet's part of the record: every comparison, each block's files, the split of the time."""
    return {
        "pairs": len(pairs),
        "comparisons": [each.as_verdict() for each in comparisons],
        "blocks": [
            {
                "number": pair.number,
                "first": pair.first,
                "wall_s": pair.wall_s,
                "files": {
                    half.samples_path.name: sha256_of(half.samples_path) for half in pair.halves.values()
                },
            }
            for pair in pairs
        ],
        "sides_saw": {side: _side(pairs[0].halves[side]) for side in pairs[0].halves},
        "time": time_split(pairs),
    }


def time_split(pairs: Sequence[Pair]) -> dict[str, float]:
    """Return where the time of all pairs went, in seconds of the wall clock.

    While one side measures the other waits, so that the measuring of both adds up; they start, seed and check at the
    same time, so that the longer one counts.
    """
    wall_s = sum(pair.wall_s for pair in pairs)
    measuring_s = sum(half.record["phases_s"]["measure"] for pair in pairs for half in pair.halves.values())
    split = {
        name: sum(max(_phases(half, phases) for half in pair.halves.values()) for pair in pairs)
        for name, phases in _TOGETHER.items()
    }
    return {"wall_s": wall_s, "measuring_s": measuring_s, "other_s": wall_s - measuring_s, **split}


def _phases(half: Half, names: Sequence[str]) -> float:
    return float(sum(half.record["phases_s"].get(name, 0.0) for name in names))


def _side(half: Half) -> dict[str, Any]:
    return {name: half.record[name] for name in ("platform", "faults")}


def _invariants(slug: str, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """One entry an invariant and side: as it was in the first block that broke it, else in the last."""
    found: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        for side, half in pair.halves.items():
            for each in half.record["scenarios"][slug]["invariants"]:
                name = f"{side}: {each['name']}"
                if name not in found or found[name]["held"]:
                    found[name] = {**each, "name": name}
    return list(found.values())


def known_calibration(runs_dir: Path, machine: str, config: Config) -> dict[str, Any] | None:
    """Return what was found for this machine, profile and scenarios; None where nothing was, or it is broken."""
    try:
        found: dict[str, Any] = json.loads((runs_dir / CALIBRATION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    same = (found.get("machine"), found.get("profile"), found.get("scenarios"))
    return found if same == (machine, config.profile, config.get("scenarios")) else None
