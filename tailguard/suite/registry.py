"""Which scenarios a suite has: one file each, its name is the scenario's slug."""

from collections.abc import Iterable, Sequence

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.config.option import did_you_mean
from tailguard.config.suite_table import SuiteTable, require_suite
from tailguard.suite.root import load_module
from tailguard.suite.scenario import Scenario


def scenario_files(suite: SuiteTable | None) -> dict[str, str]:
    """Return the module of each scenario by its slug, sorted. Raises UsageError if there is no suite."""
    suite = require_suite(suite)
    paths = [path for folder in suite.scenarios for path in (suite.root / folder).glob("[a-z]*.py")]
    found = {path.stem: path for path in paths if not path.stem.startswith(("locust_", "test_", "conftest"))}
    return {
        slug: ".".join(found[slug].relative_to(suite.root).with_suffix("").parts) for slug in sorted(found)
    }


def load_scenarios(config: Config) -> list[Scenario[...]]:
    """Return the scenarios that a configuration names, in its order; all of the suite if it names none."""
    slugs = config.get("scenarios") or [*scenario_files(config.suite)]
    return named_scenarios(config.suite, slugs)


def named_scenarios(suite: SuiteTable | None, slugs: Iterable[str]) -> list[Scenario[...]]:
    """Return the named scenarios in the order named. Raises `UsageError` for an unknown one, a double, or none."""
    wanted, known = list(slugs), scenario_files(suite)
    if not wanted:
        raise UsageError(f"No scenario is named. Known: {', '.join(known)}.")
    for slug in wanted:
        if slug not in known:
            raise UsageError(f"There is no scenario {slug!r}.{did_you_mean(slug, [*known])}")
        if wanted.count(slug) > 1:
            raise UsageError(f"Scenario {slug!r} is named twice: name each one once.")
    return [getattr(load_module(require_suite(suite).root, known[slug]), slug) for slug in wanted]


def known_steps(suite: SuiteTable | None) -> dict[str, Sequence[str]]:
    """Return the steps of every scenario, for checking an objectives file."""
    found = named_scenarios(suite, scenario_files(suite))
    return {scenario.name: scenario.steps for scenario in found}
