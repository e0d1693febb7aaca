"""pytest-benchmark's JSON, so that `pytest-benchmark compare` and what reads it take a run."""

import json
from collections.abc import Sequence
from typing import Any  # pytest-benchmark ships no types

from tailguard.record.environment import Environment, GitState
from tailguard.record.part import Json
from tailguard.record.run import Run
from tailguard.record.verdict import ObjectiveVerdict
from tailguard.report.exports.distributions import Distribution, distributions, judged_objectives

_FIELDS = (
    "min", "max", "mean", "stddev", "rounds", "median", "iqr", "q1", "q3", "iqr_outliers", "stddev_outliers",
    "outliers", "ld15iqr", "hd15iqr", "ops", "total",
)  # fmt: skip
_VERSION = "5.1.0"  # of the format


def export(run: Run) -> dict[str, str]:
    """Return one benchmark per step; stats are in seconds, limits and verdicts in `extra_info`."""
    record = run.record
    document = {
        "machine_info": _machine(record.environment),
        "commit_info": _commit(record.environment.git),
        "benchmarks": [_benchmark(each, list(judged_objectives(run))) for each in distributions(run)],
        "datetime": record.created_utc.replace("Z", "+00:00"),
        "version": _VERSION,
    }
    return {"pytest-benchmark.json": json.dumps(document, ensure_ascii=False, indent=1) + "\n"}


def _benchmark(each: Distribution, verdicts: Sequence[ObjectiveVerdict]) -> Json:
    from pytest_benchmark.stats import Stats  # noqa: PLC0415  # their own formulas; slow to import

    stats: Any = Stats()  # type: ignore[no-untyped-call]  # ships no types
    for seconds in (each.times_ms / 1e3).tolist():
        stats.update(seconds)
    ours = [v for v in verdicts if (v.scenario, v.objective.step) == (each.scenario, each.step)]
    return {
        "group": each.scenario,
        "name": f"{each.scenario}[{each.step}]",
        "fullname": f"tailguard::{each.scenario}[{each.step}]",
        "params": None,
        "param": None,
        "extra_info": {
            **{f"p{q}_ms": each.quantile_ms(q / 100) for q in (50, 95, 99)},
            "verdicts": {verdict.name: verdict.state for verdict in ours},
        },
        "options": {
            "disable_gc": False, "timer": "monotonic_ns", "min_rounds": 1, "max_time": each.measured_s,
            "min_time": 0.0, "warmup": False,
        },
        "stats": {name: getattr(stats, name) for name in _FIELDS}
        | {"iterations": 1, "data": (each.times_ms / 1e3).round(9).tolist()},
    }  # fmt: skip


def _machine(environment: Environment) -> Json:
    model = environment.cpu.model or "unknown"
    implementation, _, version = environment.python.partition(" ")
    system, _, release = environment.kernel.partition(" ")
    return {
        "node": "not recorded",
        "processor": model,
        "machine": "unknown",
        "python_compiler": "unknown",
        "python_implementation": implementation,
        "python_implementation_version": version,
        "python_version": version,
        "python_build": ["", ""],
        "release": release,
        "system": system,
        "cpu": {"brand_raw": model, "count": environment.cpu.logical},
    }


def _commit(git: GitState) -> Json:
    return {
        "id": git.commit or "unknown",
        "time": None,
        "author_time": None,
        "dirty": bool(git.dirty),
        "project": "tailguard",
        "branch": "unknown",
    }
