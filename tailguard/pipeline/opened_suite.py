"""The suite that a configuration names: its Python files' scenarios, and those that its own file declares."""

from collections.abc import Sequence

from tailguard.base.errors import UsageError
from tailguard.config.layers import Layer
from tailguard.config.merge import Config, base_name
from tailguard.config.option import did_you_mean
from tailguard.config.suite_table import SuiteTable, require_suite
from tailguard.http.declared.suite import declared_part
from tailguard.http.recorded.suite import replayed_part
from tailguard.suite.discovery import Suite, check_limits_of, discover, stated_by


def open_suite(config: Config) -> tuple[Config, Suite]:
    """Return the suite that a configuration names, and the configuration with what its scenarios state themselves.

    Raises UsageError if there is none, for a [scenario.NAME] of none, or as `suite_at` does.
    """
    table = require_suite(config.suite)
    suite = suite_at(table)
    asked = [name for each in table.asked for name in suite.asked(each)]
    by_name = [name for each in table.asked if (name := each.partition("::")[2])] or config.scenarios
    if not asked and suite.cases(config.scenarios) != config.scenarios:
        asked = suite.cases(config.scenarios)
    stated, known = stated_by(suite), [*map(base_name, suite.scenarios), *suite.mixes]
    mix = config.mix or suite.mix_of(by_name, asked or [*suite.scenarios])
    config = config.stating(stated, known, {"scenarios": asked} if asked else None)
    if mix:
        config = _mixed(config, suite, mix, stated, known)
    check_limits_of(config, suite)
    return config, suite


def _mixed(config: Config, suite: Suite, name: str, stated: Layer, known: Sequence[str]) -> Config:
    """Give each scenario of a mix its share of the mix's load, which has its own table, [scenario.NAME]."""
    if name not in suite.mixes:
        raise UsageError(f"There is no mix {name!r}.{did_you_mean(name, [*suite.mixes])}")
    return config.stating(stated, known, {"mix": name, **suite.mixes[name].settings(config.load_of(name))})


def suite_at(table: SuiteTable) -> Suite:
    """Return all scenarios of a suite. Raises UsageError for a file that cannot be read or imported, or has none."""
    if table.recording is not None:
        return discover(table.root, (), (), [replayed_part(table.recording)])
    declared = [declared_part(table.file)] if table.declares else []
    return discover(table.root, table.scenarios, table.fixtures, declared)
