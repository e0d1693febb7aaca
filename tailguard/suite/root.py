"""A suite's modules: its root comes first on sys.path, and each one is imported by its dotted name from there."""

import sys
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType

from tailguard.base.errors import TailguardError, UsageError
from tailguard.base.extras import missing_part
from tailguard.config.suite_table import SuiteTable
from tailguard.suite.signature import line_of_failure, short


def load_part(suite: SuiteTable, spec: str) -> object:
    """Return what `module:attribute` names. Raises UsageError if it cannot be imported or has no such name."""
    module_name, _, name = spec.partition(":")
    found = load_module(suite.root, module_name)
    try:
        return getattr(found, name) if name else found
    except AttributeError as error:
        raise UsageError(f"{spec!r} of {suite.root}: the module {module_name} has no {name!r}.") from error


def load_module(root: Path, name: str, file: Path | None = None) -> ModuleType:
    """Import a module of the suite at `root`; `file` is its place, if that is known.

    Raises UsageError, with file and line, if it cannot be imported, or if another file has its name.
    """
    sys.path[:] = [str(root), *(entry for entry in sys.path if entry != str(root))]
    invalidate_caches()  # a file may be younger than the last look at its folder
    try:
        module = import_module(name)
    except TailguardError:
        raise
    except (Exception, SystemExit) as failure:
        if isinstance(failure, ImportError) and (missing := missing_part(failure)):
            raise UsageError(f"{short(file or name)} cannot be imported. {missing}") from failure
        line = line_of_failure(failure, str(file or root.joinpath(*name.split(".")).with_suffix(".py")))
        raise UsageError(
            f"{line}: {name} cannot be imported: {type(failure).__name__}: {failure}"
        ) from failure
    if file is not None and Path(module.__file__ or "").resolve() != file.resolve():
        raise UsageError(
            f"{short(file)} cannot be imported as {name}: that is {module.__file__ or 'built in'}. Rename the file."
        )
    return module
