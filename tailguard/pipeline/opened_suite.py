"""The suite that a configuration names: its Python files' scenarios, and those that its own file declares."""

from tailguard.config.merge import Config, base_name
from tailguard.config.suite_table import SuiteTable, require_suite
from tailguard.http.declared.suite import declared_part
from tailguard.suite.discovery import Suite, check_limits_of, discover, stated_by


def open_suite(config: Config) -> tuple[Config, Suite]:
    """Return the suite that a configuration names, and the configuration with what its scenarios state themselves.

    Raises UsageError if there is none, for a [scenario.NAME] of none, or as `suite_at` does.
    """
    table = require_suite(config.suite)
    suite = suite_at(table)
    asked = [name for each in table.asked for name in suite.asked(each)]
    if not asked and suite.cases(config.scenarios) != config.scenarios:
        asked = suite.cases(config.scenarios)
    config = config.stating(stated_by(suite), [*map(base_name, suite.scenarios)], asked)
    check_limits_of(config, suite)
    return config, suite


def suite_at(table: SuiteTable) -> Suite:
    """Return all scenarios of a suite. Raises UsageError for a file that cannot be read or imported, or has none."""
    declared = [declared_part(table.file)] if table.declares else []
    return discover(table.root, table.scenarios, table.fixtures, declared)
