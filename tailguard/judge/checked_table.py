"""Tables of a TOML file that people write: checked on the spot, so that a mistake is told with its place.

`at` says where: "objectives.toml: [gate]". All raise UsageError.
"""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

from tailguard.base.errors import UsageError
from tailguard.record.part import Json


def subtable(parent: Mapping[str, Json], key: str, at: str) -> Mapping[str, Json]:
    table = parent.get(key, {})
    if not isinstance(table, dict):
        raise UsageError(f"{at}: {key} is {table!r}; it is a table, such as [scenarios.registration]")
    return table


def subtables(parent: Mapping[str, Json], key: str, at: str) -> dict[str, dict[str, Json]]:
    inner = subtable(parent, key, at)
    return {name: dict(subtable(inner, name, at)) for name in inner}


def whole_of(table: Mapping[str, Json], key: str) -> int:
    value = table.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"{key} is {value!r}; it is a whole number of samples")
    return value


def text_of(table: Mapping[str, Json], key: str, at: str, such: str = "'<= 215ms' or '< 1%'") -> str:
    value = table[key]
    if not isinstance(value, str):
        raise UsageError(f"{at}: {key} is {value!r}; write it as text, such as {such}")
    return value


def expect_words(words: Iterable[str], right: Collection[str], at: str) -> None:
    """Raise UsageError for the first word that is not a right one, with the nearest that is."""
    for word in words:
        if word not in right:
            near = difflib.get_close_matches(str(word), right, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(right)}"
            raise UsageError(f"{at}: {word!r} is unknown; {hint}")


@contextmanager
def saying_where(at: str) -> Iterator[None]:
    """Say where in the file an error is."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{at}: {error}") from None
