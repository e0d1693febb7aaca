"""hyperfine's JSON, so that what reads its results reads ours."""

import json
from typing import TYPE_CHECKING

import numpy as np

from tailguard.record.run import Run
from tailguard.report.exports.distributions import distributions

if TYPE_CHECKING:
    from tailguard.record.part import Json


def export(run: Run) -> dict[str, str]:
    """Return a result per step, times in seconds; of a benchmark of commands with the parameters of each.

    CPU times and exit codes are missing, as they were not measured.
    """
    commands = run.record.bench.commands if run.record.bench else {}
    results: list[Json] = []
    for each in distributions(run):
        times_s = each.times_ms / 1e3
        command = commands.get(each.scenario)
        found: dict[str, Json] = {
            "command": command.text if command else f"{each.scenario} {each.step}",
            "mean": float(times_s.mean()),
            "stddev": float(times_s.std(ddof=1)) if len(times_s) > 1 else None,
            "median": float(np.median(times_s)),
            "min": float(times_s.min()),
            "max": float(times_s.max()),
            "times": times_s.tolist(),
        }
        if command and command.parameters:
            found["parameters"] = {**command.parameters}
        results.append(found)
    return {"hyperfine.json": json.dumps({"results": results}, ensure_ascii=False, indent=1) + "\n"}
