"""What a suite's module of parts brings: the world that its scenarios run in, here or at a target elsewhere."""

from typing import Any  # a module of the suite's own, called by the names that are agreed on

from tailguard.config.suite_table import SuiteTable, require_suite
from tailguard.suite.root import load_module


def parts_of(suite: SuiteTable | None) -> Any:
    """Return the suite's module of parts. Raises UsageError if there is no suite, or no such module."""
    suite = require_suite(suite)
    return load_module(suite.root, suite.world)
