"""What a run is judged by: the objectives that its configuration names, and what its scenarios state themselves."""

from collections.abc import Mapping
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.config.suite_table import require_suite
from tailguard.judge.checked_table import subtable, subtables
from tailguard.judge.objective import DEFAULT_MARGINS, parse_limit
from tailguard.judge.objectives import (
    RATE_KEYS,
    Known,
    assuming,
    load_margins,
    load_wait_limits,
    only,
    parse_objectives,
    read_document,
)
from tailguard.record.migration import WaitLimits
from tailguard.record.objective import Margins, Objectives
from tailguard.record.part import Json
from tailguard.suite.limits import Limits

# Of scenarios that state their limits themselves, if there is no file: fast and wrong is a failure.
_WITHOUT_FILE: Mapping[str, Json] = {"defaults": {"error_rate": "< 1%"}}


def configured_objectives(
    config: Config, known: Known | None = None, stated: Mapping[str, Limits] | None = None
) -> Objectives:
    """Return the objectives of a run: the file, scenarios, dependence and confidence that its configuration names.

    `stated` are the limits that scenarios state themselves, beside those of the file.
    """
    slugs = config.scenarios or list(known or ())
    stated = {name: limits for name, limits in (stated or {}).items() if limits}
    if stated and not _names_a_file(config):
        document, source = _WITHOUT_FILE, ""
    else:
        file = objectives_file(config)
        document, source = read_document(file), str(file)
    document = _with_stated(document, stated, known or {}, source)
    return assuming(
        only(parse_objectives(document, source, known), slugs),
        dependence=config.slo.dependence,
        confidence=config.slo.confidence,
        first_looks={slug: config.load_of(slug).min_samples for slug in slugs},
    )


def configured_margins(config: Config, known: Known | None = None) -> Margins:
    """Return the margins of the configured objectives; the usual ones if there is no file of objectives."""
    if not _names_a_file(config):
        return DEFAULT_MARGINS
    return load_margins(objectives_file(config), known)


def configured_wait_limits(config: Config) -> WaitLimits:
    """Return what clients of a build may wait, as the configured objectives say; the usual if there is no file."""
    if not _names_a_file(config):
        return WaitLimits()
    return load_wait_limits(objectives_file(config))


def objectives_file(config: Config) -> Path:
    """Return the path of the objectives: the configured file, here or below the suite's root, else the suite's own.

    Raises UsageError if there is none.
    """
    name = config.objectives
    if name and (Path(name).exists() or config.suite is None):
        return Path(name)
    suite = require_suite(config.suite)
    if name:
        return suite.root / name
    if not suite.objectives:
        raise UsageError(
            f"The suite in {suite.root} names no objectives: add them to [suite], or give --objectives."
        )
    return suite.root / suite.objectives


def _names_a_file(config: Config) -> bool:
    return bool(config.objectives or (config.suite and config.suite.objectives))


def _with_stated(
    document: Mapping[str, Json], stated: Mapping[str, Limits], known: Known, where: str
) -> Mapping[str, Json]:
    """Return the document with the limits that scenarios state; UsageError for one that the file has otherwise."""
    tables = subtables(document, "scenarios", where)
    for name, limits in stated.items():
        table = tables.setdefault(name, {})
        first, steps = table.get("step", next(iter(known[name]), "")), subtables(table, "steps", where)
        refusals = dict(subtable(table, "refusals", where))
        entries = [(refusals, refusal, share) for refusal, share in limits.refusals.items()]
        for step, key, bound in map(parse_limit, limits.slo):
            is_scenario = not step or (step == first and key not in RATE_KEYS)
            entries.append((table if is_scenario else steps.setdefault(step, {}), key, bound))
        for entry, key, bound in entries:
            if entry.setdefault(key, bound) != bound:
                raise UsageError(
                    f"scenario {name!r} states {key} {bound}, and {where} {key} {entry[key]}: leave one out"
                )
        table |= {"steps": {**steps}, "refusals": refusals}
    return {**document, "scenarios": {**tables}}
