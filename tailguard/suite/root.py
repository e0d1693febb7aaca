"""A suite's modules: its root stands first on sys.path, and each part is imported by its dotted name from there."""

import sys
from importlib import import_module
from types import ModuleType

from tailguard.base.errors import UsageError
from tailguard.config.suite_table import SuiteTable


def open_root(suite: SuiteTable) -> None:
    """Put the suite's root first on sys.path, once."""
    root = str(suite.root)
    if root not in sys.path:
        sys.path.insert(0, root)


def load_part(suite: SuiteTable, spec: str) -> object:
    """Return what `module:attribute` names. Raises UsageError if it cannot be imported or has no such name."""
    module_name, _, name = spec.partition(":")
    found = load_module(suite, module_name)
    try:
        return getattr(found, name) if name else found
    except AttributeError as error:
        raise UsageError(f"{spec!r} of {suite.root}: the module {module_name} has no {name!r}.") from error


def load_module(suite: SuiteTable, name: str) -> ModuleType:
    """Import a module of the suite. Raises UsageError if there is none of that name below the root."""
    open_root(suite)
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(f"The suite in {suite.root} has no module {name!r} ({error}).") from error
