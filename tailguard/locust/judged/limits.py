"""What `judge(...)` is given: limits, each in one text, or a file of them. Read before any load starts."""

from collections.abc import Sequence
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.judge.objectives import assuming, load_objectives
from tailguard.judge.objectives.configured import stated_objectives
from tailguard.record.objective import Objectives
from tailguard.suite.scenario import Limits

# All requests of a locustfile are steps of one scenario.
REQUESTS = "requests"


def objectives_of(limits: Sequence[str], config: Config) -> Objectives:
    """Return the objectives. Raises UsageError for none, for one that does not parse or names no request."""
    if not limits:
        raise UsageError(
            'judge() has nothing to judge by: give it limits, such as judge("GET /cart p95 <= 120ms"), or a file.'
        )
    files = [each for each in limits if each.endswith(".toml")]
    if files and len(limits) > 1:
        raise UsageError(f"judge() takes limits or one file of them: {files[0]} or the rest.")
    if files:
        return _of_file(Path(files[0]), config)
    return stated_objectives(config, REQUESTS, (), Limits(tuple(limits)))


def _of_file(path: Path, config: Config) -> Objectives:
    return assuming(
        load_objectives(path, {REQUESTS: ()}),
        dependence=config.slo.dependence,
        confidence=config.slo.confidence,
        first_looks={REQUESTS: config.load.min_samples},
    )
