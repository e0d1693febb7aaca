"""A drafted file of declared scenarios: what is in it, and as TOML."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any  # whatever JSON knows

import msgspec
from msgspec import UNSET, UnsetType

from tailguard.base.output.escaping import for_terminal
from tailguard.record.part import Json, Scalar

# A guess, so that there is something to judge; users state their own.
_LIMIT, _RATE = "<= 500ms", "10/s"
_PLACE = re.compile(r"\$?\{([^{}\n]*)\}")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
# TOML's own escapes of what JSON leaves as it is.
_UNSHOWN = {127: "\\u007F"}


class Step(msgspec.Struct, omit_defaults=True):
    """One step, with the keys of `[[scenario.NAME.steps]]`; those of no content are left out."""

    name: str
    method: str
    path: str
    query: dict[str, Scalar] = {}
    headers: dict[str, str] = {}
    body: Any = UNSET
    form: dict[str, str] = {}
    raw: str | UnsetType = UNSET
    expect: list[int] = []
    save: dict[str, str] = {}


@dataclass(slots=True)
class Draft:
    """What was drafted.

    Attributes:
        rows: by name, fields as `generate` makes them.
        variables: of the environment, which the file asks for; each is somebody's secret.
        notes: what was left out, replaced or guessed, a sentence each.
    """

    url: str = "http://127.0.0.1:8000"
    headers: dict[str, str] = field(default_factory=dict)
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    scenarios: dict[str, list[Step]] = field(default_factory=dict)
    variables: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keep a sentence, once."""
        if text not in self.notes:
            self.notes.append(text)

    def variable(self, name: str) -> str:
        """Return the place of a variable of the environment."""
        word = name_of(name).upper()
        if word not in self.variables:
            self.variables.append(word)
        return f"${{{word}}}"

    def add(self, scenario: str, step: Step) -> None:
        """Add a step to a scenario, under a name of its own, its body as TOML can hold it."""
        steps = self.scenarios.setdefault(scenario, [])
        step.name = unique(step.name, [each.name for each in steps])
        if step.body is not UNSET and _has_null(step.body):  # TOML has no null
            step.raw, step.body = json.dumps(step.body, ensure_ascii=False), UNSET
            step.headers = {"Content-Type": "application/json", **step.headers}
        steps.append(step)

    def text(self, source: str) -> str:
        """Return the file."""
        return "\n".join(self._lines(source)) + "\n"

    def _lines(self, source: str) -> Iterator[str]:
        yield f"# Drafted from {for_terminal(source)} by `tailguard import`: read it, state your limits, then run it."
        yield from (f"# - {for_terminal(note)}" for note in self.notes)
        yield from ("", "[target]", f"url = {_value(self.url)}")
        if self.headers:
            yield f"headers = {_value({**self.headers})}"
        for name, fields in self.rows.items():
            yield from ("", f"[rows.{name}]", f"generate = {_value({**fields})}", 'use = "cycle"')
        for name, steps in self.scenarios.items():
            yield from ("", f"[scenario.{name}]", f"rate = {_value(_RATE)}")
            for step in steps:
                keys: dict[str, Json] = msgspec.to_builtins(step)
                yield from ("", f"[[scenario.{name}.steps]]")
                yield from (f"{key} = {_value(value)}" for key, value in keys.items())
            yield from ("", f"[scenario.{name}.slo]")
            yield from (f"{_value(f'{step.name} p95')} = {_value(_LIMIT)}" for step in steps)


def name_of(text: str) -> str:
    """Return a text as the name of a scenario or a value: small letters, digits and underscores."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    word = re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")[:40]
    return word if word and word[0].isalpha() else f"x_{word}".rstrip("_")


def unique(name: str, taken: list[str]) -> str:
    """Return the name, with a number behind it if it is taken."""
    number, found = 2, name
    while found in taken:
        found, number = f"{name} {number}" if " " in name else f"{name}_{number}", number + 1
    return found


def literal(text: str) -> str:
    """Return a text that holds no place: the format has no way to say that a brace is meant."""
    return _PLACE.sub(r"\1", text)


def _has_null(value: Json) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_null, value.values()))
    return value is None or (isinstance(value, list) and any(map(_has_null, value)))


def _value(value: Json) -> str:
    """Return a value as TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False).translate(_UNSHOWN)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)
