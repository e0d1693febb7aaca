"""What a suite's functions are made of: where they are in a file, and which arguments they ask for."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from traceback import extract_tb

from tailguard.base.errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def checked_name(kind: str, function: Callable[..., object]) -> str:
    """Return a function's name. Raises UsageError if it cannot be used in files, tables and on the command line."""
    name = function.__name__
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{place_of(function)}: {kind} {name!r} is not made of a-z, 0-9 and _, a letter first: rename the function"
        )
    return name


def place_of(function: Callable[..., object]) -> str:
    """Return file and line of a function."""
    code = inspect.unwrap(function).__code__
    return f"{short(code.co_filename)}, line {code.co_firstlineno}"


def line_of_failure(failure: BaseException, file: str) -> str:
    """Return file and line of `file` that a failure passed last, or of where it was raised."""
    passed = extract_tb(failure.__traceback__)
    if isinstance(failure, SyntaxError) and failure.filename:
        return f"{short(failure.filename)}, line {failure.lineno}"
    last = [frame for frame in passed if frame.filename == file] or passed
    return f"{short(last[-1].filename)}, line {last[-1].lineno}" if last else short(file)


def short(path: str | Path) -> str:
    """Return a path as seen from the current folder, if it lies below it."""
    path = Path(path)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def wanted(function: Callable[..., object], *, after: int = 0) -> tuple[str, ...]:
    """Return the names of the arguments that are to be brought, those with a default and the first `after` left out.

    Raises UsageError for an argument that cannot be passed by name.
    """
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) < after:
        raise UsageError(f"{place_of(function)}: {function.__name__} has no argument for the iteration")
    names = []
    for parameter in parameters[after:]:
        if parameter.kind not in _BY_NAME:
            raise UsageError(
                f"{place_of(function)}: {function.__name__} takes {parameter}: name each fixture as an argument"
            )
        if parameter.default is parameter.empty:
            names.append(parameter.name)
    return tuple(names)


def is_async(function: Callable[..., object]) -> bool:
    """Whether a function needs an event loop to do its work."""
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def refuse_async(function: Callable[..., object]) -> None:
    """Raise UsageError for what would not run when it is called."""
    if is_async(function):
        raise UsageError(f"{place_of(function)}: {function.__name__} is async; write it as a plain `def`")
