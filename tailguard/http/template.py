"""Templates: `{item.sku}` stands for a known value, `${NAME}` for a variable of the environment."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from tailguard.base.errors import UsageError
from tailguard.record.part import Json

# What a place stands for: a value, or a row.
Value: TypeAlias = "Json | Mapping[str, Json]"
Values: TypeAlias = Mapping[str, Value]

_PLACE = re.compile(r"(?<!\$)\{([a-z_][a-z_0-9]*(?:\.[A-Za-z_0-9]+)?)\}")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z_0-9]*)\}")


def fill(template: Json, values: Values) -> Json:
    """Return the template with its places filled; one that is nothing but a place keeps the value's type."""
    if isinstance(template, str):
        whole = _PLACE.fullmatch(template)
        return look_up(whole[1], values) if whole else fill_text(template, values)
    if isinstance(template, dict):
        return {name: fill(item, values) for name, item in template.items()}
    if isinstance(template, list):
        return [fill(item, values) for item in template]
    return template


def fill_text(template: str, values: Values) -> str:
    """Return a text with its places filled."""
    return _PLACE.sub(lambda place: as_text(look_up(place[1], values)), template)


def fill_texts(templates: Mapping[str, str], values: Values) -> dict[str, str]:
    """Return a form or headers with their places filled."""
    return {name: fill_text(text, values) for name, text in templates.items()}


def as_text(value: Json) -> str:
    """Return a value as it is written in a text: true and false as JSON writes them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def parted(template: str) -> Iterator[tuple[str, str]]:
    """Yield each text of a template with the place behind it; the last place is ""."""
    parts = [*_PLACE.split(template), ""]
    return zip(parts[::2], parts[1::2], strict=True)


def places(template: object) -> Iterator[str]:
    """Yield the names of all places of a template, however deep."""
    return _found(_PLACE, template)


def variables(template: object) -> Iterator[str]:
    """Yield the names of all variables of the environment in a template, however deep."""
    return _found(_VARIABLE, template)


def _found(pattern: re.Pattern[str], template: object) -> Iterator[str]:
    if isinstance(template, str):
        yield from pattern.findall(template)
    elif isinstance(template, Mapping | list | tuple):
        for item in template.values() if isinstance(template, Mapping) else template:
            yield from _found(pattern, item)


def look_up(place: str, values: Values) -> Json:
    """Return the value of a place: `key`, or `row.field`. Raises UsageError naming what there is."""
    name, _, field = place.partition(".")
    if name not in values:
        raise UsageError(f"{{{place}}} stands for nothing here: there is {', '.join(values) or 'nothing'}")
    value = values[name]
    if isinstance(value, Mapping):
        if field in value:
            return value[field]
        raise UsageError(f"{{{place}}}: {name} has {', '.join(value)}")
    if field:
        raise UsageError(f"{{{place}}}: {name} has no fields")
    return value


def with_environment(template: Json, where: str, environ: Mapping[str, str] = os.environ) -> Json:
    """Return the template with `${NAME}` replaced. Raises UsageError for a variable that is not set."""
    if isinstance(template, dict):
        return {name: with_environment(item, where, environ) for name, item in template.items()}
    if isinstance(template, list):
        return [with_environment(item, where, environ) for item in template]
    if not isinstance(template, str):
        return template
    missing = [name for name in _VARIABLE.findall(template) if not environ.get(name)]
    if missing:
        raise UsageError(f"{where} needs the environment variable {missing[0]}, which is not set")
    return _VARIABLE.sub(lambda variable: environ[variable[1]], template)
