"""Each field of a record with another value of its type: what somebody who edits a run may turn it into."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, get_args, get_origin, get_type_hints

from msgspec.structs import fields, replace

from tailguard.record.part import Document, Part
from tailguard.record.run_record import RunRecord


@dataclass(frozen=True)
class Edited:
    """`field` names it by its types, as "StepEntry.retried"; `record` is the whole one with another value there."""

    field: str
    record: RunRecord


def edited(record: RunRecord) -> Iterator[Edited]:
    """Yield the record with one field changed: each field of each type once, where it first stands."""
    seen: set[str] = set()
    for field, changed in _of_part(record):
        if field not in seen:
            seen.add(field)
            yield Edited(field, changed)


def _of_part(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield the part with one field below it changed."""
    hints = get_type_hints(type(part))
    for each in fields(part):
        name, value = f"{type(part).__name__}.{each.name}", getattr(part, each.name)
        for found, other in _of_value(name, value, hints[each.name]):
            try:
                yield found, replace(part, **{each.name: other})
            except ValueError:  # a part that cannot be is refused as broken
                continue


def _of_value(name: str, value: Any, hint: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Part):
        yield from _of_part(value)
    elif isinstance(value, Mapping | tuple):
        yield from _of_several(name, value)
    elif (other := _other(value, hint)) is not None:
        yield name, other


def _of_several(name: str, values: Mapping[Any, Any] | tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """One less, then one of them changed."""
    keyed = isinstance(values, Mapping)
    items = list(values.items()) if isinstance(values, Mapping) else list(enumerate(values))
    if items:
        yield f"{name} without one", dict(items[1:]) if keyed else values[:-1]
    for place, (key, value) in enumerate(items):
        for found, other in _of_value(name, value, None):
            changed = [*items[:place], (key, other), *items[place + 1 :]]
            yield found, dict(changed) if keyed else tuple(each for _, each in changed)


def _other(value: Any, hint: Any) -> Any:
    """Another value of the same type; None if there is none."""
    if get_origin(hint) is Literal:
        return next((each for each in get_args(hint) if each != value), None)
    others: Mapping[type, Callable[[Any], Any]] = {
        bool: lambda value: not value,
        Document: lambda value: Document({**value.value, "slipped in": 1}),
        str: _other_text,
        int: lambda value: value + 1,
        float: lambda value: value / 2 if value else 0.5,
    }
    if isinstance(value, Enum):
        return next(each for each in type(value) if each is not value)
    return others[type(value)](value) if type(value) in others else None


def _other_text(text: str) -> str:
    if re.fullmatch("[0-9a-f]{64}", text):
        return text.translate(str.maketrans("0123456789", "1032547698"))
    return re.sub(r"^\d{4}-", "2019-", text) if text.endswith("Z") else f"{text}x"
