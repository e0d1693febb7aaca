"""What a run is judged by: the objectives that its configuration names, and what its scenarios state themselves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.config.suite_table import require_suite
from tailguard.judge.checked_table import subtables
from tailguard.judge.objective import DEFAULT_MARGINS
from tailguard.judge.objectives import (
    assuming,
    load_margins,
    load_wait_limits,
    only,
    parse_objectives,
    read_document,
)
from tailguard.judge.objectives.stated import Known, limits_asked, limits_beside, limits_configured, put
from tailguard.record.migration import WaitLimits
from tailguard.record.objective import Margins, Objectives
from tailguard.record.part import Json
from tailguard.suite.scenario import Limits

# Of scenarios that state their limits themselves, if there is no file: fast and wrong is a failure.
_WITHOUT_FILE: Mapping[str, Json] = {"defaults": {"error_rate": "< 1%"}}


def configured_objectives(
    config: Config,
    known: Known | None = None,
    stated: Mapping[str, Limits] | None = None,
    asked: Sequence[str] = (),
) -> Objectives:
    """Return the objectives of a run: the file, scenarios, dependence and confidence that its configuration names.

    Beside those of the file are the limits that scenarios state themselves; over both lie those of the configuration,
    and those `asked` for on the command line. Without a file each scenario has its error rate.
    """
    slugs = config.scenarios or list(known or ())
    document, source = _WITHOUT_FILE, ""
    if stated is None or _names_a_file(config):
        file = objectives_file(config)
        document, source = read_document(file, known), str(file)
    tables = subtables(document, "scenarios", source)
    of_run = {slug: (known or {}).get(slug, ()) for slug in slugs}
    limits = [*limits_beside(stated or {}), *limits_configured(config, of_run), *limits_asked(asked, of_run)]
    put(limits, tables, known or {}, source)
    found = only(parse_objectives({**document, "scenarios": {**tables}}, source, known), slugs)
    named = {limit.scenario for limit in limits if not limit.is_refusal}
    return assuming(
        replace(found, unasked=() if source else tuple(slug for slug in slugs if slug not in named)),
        dependence=config.slo.dependence,
        confidence=config.slo.confidence,
        first_looks={slug: config.load_of(slug).min_samples for slug in slugs},
    )


def stated_objectives(config: Config, scenario: str, steps: Sequence[str], limits: Limits) -> Objectives:
    """Return the limits that one scenario states or the configuration has for it, as a question of its own.

    Raises UsageError for one that does not parse, or of an unknown step.
    """
    known = {scenario: steps}
    tables = subtables(_WITHOUT_FILE, "scenarios", "")
    put([*limits_beside({scenario: limits}), *limits_configured(config, known)], tables, known, "another one")
    found = parse_objectives({**_WITHOUT_FILE, "scenarios": {**tables}}, "", known)
    return assuming(
        replace(found, together="scenario"),
        dependence=config.slo.dependence,
        confidence=config.slo.confidence,
        first_looks={scenario: config.load.min_samples},
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
