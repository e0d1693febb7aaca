"""Templates of a mapping: `{user.id}` stands for a value of the turn, `${NAME}` for a variable of the environment."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tailguard.base.errors import UsageError

_PLACE = re.compile(r"\{([a-z_0-9]+(?:\.[A-Za-z_0-9]+)?)\}")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z_0-9]*)\}")


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Return the template with its places filled; one that is nothing but a place keeps the value's type."""
    if isinstance(template, str):
        whole = _PLACE.fullmatch(template)
        if whole:
            return look_up(whole[1], values)
        return _PLACE.sub(lambda place: str(look_up(place[1], values)), template)
    if isinstance(template, Mapping):
        return {name: fill(item, values) for name, item in template.items()}
    if isinstance(template, list):
        return [fill(item, values) for item in template]
    return template


def places(template: Any) -> Iterator[str]:
    """Yield the names of all places of a template, however deep."""
    if isinstance(template, str):
        yield from _PLACE.findall(template)
    elif isinstance(template, Mapping):
        for item in template.values():
            yield from places(item)
    elif isinstance(template, list):
        for item in template:
            yield from places(item)


def look_up(place: str, values: Mapping[str, Any]) -> Any:
    """Return the value of a place: `key`, or `row.field` of a pool's row.

    Raises UsageError naming what there is.
    """
    name, _, field = place.partition(".")
    if name not in values:
        raise UsageError(f"{{{place}}} stands for nothing here: there is {', '.join(values) or 'nothing'}")
    value = values[name]
    if not field:
        return value
    if not isinstance(value, Mapping) or field not in value:
        known = ", ".join(value) if isinstance(value, Mapping) else "no field"
        raise UsageError(f"{{{place}}}: its pool has {known}")
    return value[field]


def with_environment(template: Any, where: str, environ: Mapping[str, str] = os.environ) -> Any:
    """Return the template with `${NAME}` replaced. Raises UsageError for a variable that is not set."""
    if isinstance(template, Mapping):
        return {name: with_environment(item, where, environ) for name, item in template.items()}
    if isinstance(template, list):
        return [with_environment(item, where, environ) for item in template]
    if not isinstance(template, str):
        return template
    missing = [name for name in _VARIABLE.findall(template) if not environ.get(name)]
    if missing:
        raise UsageError(f"{where} needs the environment variable {missing[0]}, which is not set")
    return _VARIABLE.sub(lambda variable: environ[variable[1]], template)
