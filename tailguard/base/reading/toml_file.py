"""TOML that a user wrote: what a parser would choke on is refused first, and every mistake has its line."""

import re
import tomllib
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    TypeAlias,
)  # Any: TOML's values, checked by their readers

from tailguard.base.errors import UsageError
from tailguard.base.reading.bare_text import bare, line_at, line_too_deep
from tailguard.base.reading.regular_file import read_text

if TYPE_CHECKING:
    from datetime import date, time

# A value of a TOML file; a date may have a time.
Toml: TypeAlias = "bool | int | float | str | date | time | list[Toml] | dict[str, Toml]"

_DEEPEST = 30
_MARKS = r"\s=.,#{}\[\]"
# The parser takes quadratic time for a key of many parts, and has an error of its own for a number of many digits.
_TOO_LONG = (
    (re.compile(rf"(?<![^{_MARKS}])(?:[^{_MARKS}]++[ \t]*\.[ \t]*){{30}}"), "a key of more than 30 parts"),
    (re.compile(r"(?<![\w.])[+-]?\d\w{99}"), "a number of 100 digits and more"),
)
_PLACE = re.compile(r"(.*) \(at line (\d+), column (\d+)\)", re.DOTALL)


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Return the parsed file and its text. Raises UsageError with the file, and the line if it is not TOML."""
    text = read_text(path)
    without_texts = bare(text)
    if line := line_too_deep(without_texts, _DEEPEST):
        raise _wrong(path, f", line {line}", f"it nests deeper than {_DEEPEST} levels")
    for pattern, why in _TOO_LONG:
        if found := pattern.search(without_texts):
            raise _wrong(path, f", line {line_at(without_texts, found.end())}", why)
    try:
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.fullmatch(str(error))
        where, why = (f", line {found[2]}, column {found[3]}", found[1]) if found else ("", str(error))
        raise _wrong(path, where, why) from error


def _wrong(path: Path, where: str, why: str) -> UsageError:
    return UsageError(f"{path}{where}: not valid TOML: {why}.")
