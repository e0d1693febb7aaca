"""Whether two runs may be compared at all: the same configuration, load, machine and scenarios."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from tailguard.record.environment import Environment
from tailguard.record.part import Json
from tailguard.record.run_json import plain
from tailguard.record.run_record import Override, RunRecord
from tailguard.record.scenario import ScenarioEntry

# Where a run lies, which objectives it was judged by and how it reached its server do not change what was measured.
_OF_NO_MATTER = frozenset({"runs_dir", "objectives", "strict", "slo", "database.dsn", "s3.endpoint"})
# What makes two machines the same for a latency, and what of that is known before anything is started.
_HARDWARE: Mapping[str, Callable[[Environment], object]] = {
    "cpu model": lambda found: found.cpu.model,
    "cpu logical": lambda found: found.cpu.logical,
    "kernel": lambda found: found.kernel,
}
_MACHINE: Mapping[str, Callable[[Environment], object]] = {
    **_HARDWARE,
    "placement pinned": lambda found: found.placement and found.placement.pinned,
    "placement generator": lambda found: found.placement and found.placement.generator,
    "placement server": lambda found: found.placement and found.placement.server,
    "postgres version": lambda found: found.postgres and found.postgres.version,
    "postgres source": lambda found: found.postgres and found.postgres.source,
    "postgres settings": lambda found: found.postgres and found.postgres.settings,
    "s3 server": lambda found: found.s3 and found.s3.server,
}
# Memory is reported to the byte and differs by some pages from boot to boot.
_MEMORY_TOLERANCE = 0.02


def differences(baseline: RunRecord, candidate: RunRecord) -> list[str]:
    """Return why these two runs must not be compared, each with both values; nothing if they may."""
    return [
        *_scenarios(baseline.scenarios, candidate.scenarios),
        *_overrides(baseline.overrides or (), candidate.overrides or ()),
        *_config(baseline.config.value, candidate.config.value),
        *_machine(baseline.environment, candidate.environment),
        *_incomplete("baseline", baseline),
        *_incomplete("candidate", candidate),
    ]


def _overrides(baseline: Sequence[Override], candidate: Sequence[Override]) -> Iterator[str]:
    left, right = (
        [each for each in side if each.order in {"rate", "stop"}] for side in (baseline, candidate)
    )
    if [*map(str, left)] != [*map(str, right)]:
        told = (", ".join(map(str, side)) or "none" for side in (left, right))
        yield f"orders of `tailguard control`: {' against '.join(told)}"


def _incomplete(name: str, record: RunRecord) -> Iterator[str]:
    if not record.complete:
        yield f"the {name} {record.id} is incomplete: {record.why_incomplete}"


def _scenarios(
    baseline: Mapping[str, ScenarioEntry], candidate: Mapping[str, ScenarioEntry]
) -> Iterator[str]:
    for slug in sorted(set(baseline) ^ set(candidate)):
        yield f"scenario {slug} is missing on the {'candidate' if slug in baseline else 'baseline'}'s side"
    for slug in sorted(set(baseline) & set(candidate)):
        left, right = baseline[slug].schedule, candidate[slug].schedule
        if left != right:
            yield f"schedule of {slug}: {plain(left)} against {plain(right)}"


def _config(baseline: Mapping[str, Json], candidate: Mapping[str, Json]) -> Iterator[str]:
    left, right = dict(_flat(baseline)), dict(_flat(candidate))
    for name in sorted(left.keys() | right.keys()):
        if left.get(name) != right.get(name) and not {name, *name.split(".")[:3:2]} & _OF_NO_MATTER:
            yield f"configuration {name}: {left.get(name)!r} against {right.get(name)!r}"


def hardware_differences(baseline: Environment, candidate: Environment) -> list[str]:
    """Return how two machines differ before anything is started on them, each with both values."""
    return [*_machine(baseline, candidate, _HARDWARE)]


def _machine(
    baseline: Environment,
    candidate: Environment,
    parts: Mapping[str, Callable[[Environment], object]] = _MACHINE,
) -> Iterator[str]:
    for name, read in parts.items():
        left, right = read(baseline), read(candidate)
        if left != right:
            yield f"machine: {name} {left!r} against {right!r}"
    sizes = (baseline.memory_bytes, candidate.memory_bytes)
    if max(sizes) - min(sizes) > _MEMORY_TOLERANCE * max(sizes):
        yield f"machine: memory of {sizes[0]:,} against {sizes[1]:,} bytes"


def _flat(table: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, Json]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
