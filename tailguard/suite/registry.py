"""Which scenarios there are: one file each, its name is the scenario's slug."""

from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.config.option import did_you_mean
from tailguard.engine.scenario import Scenario


def scenario_slugs() -> list[str]:
    """Return the slugs of all scenarios, sorted."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def load_scenarios(slugs: Iterable[str]) -> list[Scenario]:
    """Return the named scenarios in the order named. Raises `UsageError` for an unknown one, a double, or none."""
    wanted, known = list(slugs), scenario_slugs()
    if not wanted:
        raise UsageError(f"No scenario is named. Known: {', '.join(known)}.")
    for slug in wanted:
        if slug not in known:
            raise UsageError(f"There is no scenario {slug!r}.{did_you_mean(slug, known)}")
        if wanted.count(slug) > 1:
            raise UsageError(f"Scenario {slug!r} is named twice: name each one once.")
    return [import_module(f"scenarios.{slug}").SCENARIO for slug in wanted]


def known_steps() -> dict[str, Sequence[str]]:
    """Return the steps of every scenario, for checking an objectives file."""
    return {
        scenario.slug: scenario.steps + scenario.optional for scenario in load_scenarios(scenario_slugs())
    }
