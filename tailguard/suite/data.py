"""Plain data: what a value of scope "run" may be, as other processes get a copy of it.

None, true and false, numbers, texts, lists, tuples, ranges, dictionaries whose keys are texts, frozen dataclasses and
frozen msgspec structs. In the copy a class is a name, `module:Class`; the other process imports it and fills it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module

import msgspec

from tailguard.base.errors import UsageError
from tailguard.suite.invariants import SkippedError

Data = None | bool | int | float | str | list["Data"] | dict[str, "Data"]

# Keys that tell a copy's other kinds from dictionaries.
_TUPLE, _RANGE, _CLASS, _FIELDS, _SKIPPED = "$tuple", "$range", "$class", "$fields", "$skipped"


class Withheld(ABC):
    """A value of scope "run" that knows more than other processes may, such as a password or a key that signs."""

    __slots__ = ()

    @abstractmethod
    def for_workers(self) -> object:
        """Return what other processes get in its place. It may call `skip`, as a fixture may."""


def to_data(value: object, path: str) -> Data:
    """Return a copy that JSON can hold. Raises UsageError for what is not plain data; `path` names the value there."""
    if value is None or type(value) in (bool, int, float, str):
        return value  # type: ignore[return-value]  # mypy does not narrow by a tuple of types
    if isinstance(value, list):
        return _items(value, path)
    if type(value) is tuple:
        return {_TUPLE: _items(value, path)}
    if isinstance(value, range):
        return {_RANGE: [value.start, value.stop, value.step]}
    if isinstance(value, dict):
        return _entries(value, path)
    return _instance(value, path)


def skipped_data(why: str) -> Data:
    """Return what stands for a value that was skipped."""
    return {_SKIPPED: why}


def from_data(data: Data) -> object:
    """Return the value that `to_data` copied.

    Raises UsageError if its class is not the one it was copied from, SkippedError if it was skipped there.
    """
    if isinstance(data, list):
        return [from_data(item) for item in data]
    if not isinstance(data, dict):
        return data
    match data:
        case {"$skipped": str(why)}:
            raise SkippedError(why)
        case {"$tuple": list(items)}:
            return tuple(from_data(item) for item in items)
        case {"$range": [int(start), int(stop), int(step)]}:
            return range(start, stop, step)
        case {"$class": str(name), "$fields": dict(copied)}:
            return _filled(name, {field: from_data(item) for field, item in copied.items()})
    return {key: from_data(item) for key, item in data.items()}


def _items(items: list[object] | tuple[object, ...], path: str) -> list[Data]:
    return [to_data(item, f"{path}[{number}]") for number, item in enumerate(items)]


def _entries(entries: Mapping[object, object], path: str) -> dict[str, Data]:
    copied: dict[str, Data] = {}
    for key, item in entries.items():
        if not isinstance(key, str) or key.startswith("$"):
            raise UsageError(f"{path} has the key {key!r}: keys are texts that do not begin with $")
        copied[key] = to_data(item, f"{path}[{key!r}]")
    return copied


def _instance(value: object, path: str) -> Data:
    kind = type(value)
    names = _field_names(kind)
    name = f"{kind.__module__}:{kind.__qualname__}"
    if names is None:
        raise UsageError(
            f"{path} is a {kind.__name__}, which other processes cannot get. A value of scope 'run' is made of "
            "numbers, texts, lists, dictionaries, frozen dataclasses and frozen structs; make what is not in a fixture "
            "of scope 'process'"
        )
    if "<locals>" in name:
        raise UsageError(f"{path} is a {kind.__name__}, a class in a function: define it in a module")
    return {_CLASS: name, _FIELDS: {each: to_data(getattr(value, each), f"{path}.{each}") for each in names}}


def _field_names(kind: type) -> list[str] | None:
    """Return the names of the fields of a frozen dataclass or struct, None for anything else."""
    if issubclass(kind, msgspec.Struct):
        return list(kind.__struct_fields__) if kind.__struct_config__.frozen else None
    if is_dataclass(kind) and kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]  # not in typeshed
        return [each.name for each in fields(kind) if each.init]
    return None


def _filled(name: str, values: dict[str, object]) -> object:
    module, _, qualified = name.partition(":")
    try:
        kind: object = import_module(module)
        for part in qualified.split("."):
            kind = getattr(kind, part)
        if isinstance(kind, type) and _field_names(kind) is not None:
            return kind(**values)
        why = "it is neither a frozen dataclass nor a frozen struct"
    except (ImportError, AttributeError, TypeError) as error:
        why = str(error)
    raise UsageError(f"a value of the run is a {name}, and here that is not what it was there: {why}")
