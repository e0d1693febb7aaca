"""The places a configuration comes from, each read into a flat layer: dotted key -> raw value."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tailguard.base.errors import UsageError
from tailguard.config.option import did_you_mean, split_list

PREFIX = "TAILGUARD_"
# A scenario's limits in one text, with commas between them, or in a list; in a file they are mostly a table.
_LIMITS = re.compile(r"scenario\.[^.]+\.slo")


@dataclass(frozen=True, slots=True)
class Layer:
    """Raw values of one place. `sources` names a key's place more closely (a line, a variable)."""

    source: str
    values: Mapping[str, Any]
    sources: Mapping[str, str] = field(default_factory=dict)

    def source_of(self, name: str) -> str:
        """Return the place that `name` comes from, as a user would look it up."""
        return self.sources.get(name, self.source)


def flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of nested tables."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def file_layer(path: Path, table: Mapping[str, Any], text: str, prefix: str = "") -> Layer:
    """Return the layer of a table of a configuration file, which is there below `prefix`; each key has its line."""
    values = dict(flatten(table))
    return Layer(str(path), values, {name: f"{path}, line {line_of(text, prefix + name)}" for name in values})


def with_limits_apart(layer: Layer) -> Layer:
    """Return the layer with a key for each limit of a scenario, such as `scenario.checkout.slo.pay p99`.

    So each limit takes the place of the same one in an earlier layer. Raises UsageError for one that is stated twice.
    """
    values: dict[str, Any] = {}
    sources = dict(layer.sources)
    for name, value in layer.values.items():
        if not _LIMITS.fullmatch(name):
            values[name] = value
            continue
        for text in split_list(value) if isinstance(value, str) else value:
            left, bound = limit_apart(str(text))
            key = f"{name}.{left}"
            if values.setdefault(key, bound) != bound:
                raise UsageError(
                    f"{layer.source_of(name)}: {name} states {left} {values[key]}, and {left} {bound}: leave one out"
                )
            sources[key] = layer.source_of(name)
    return replace(layer, values=values, sources=sources)


def limit_apart(text: str) -> tuple[str, str]:
    """Return what a limit limits, and the limit: ("pay p99", "<= 900ms"), without one ("pay p99", "")."""
    at = re.search(r"[<>≤≥]", re.sub(r"\[[^\]]*\]", lambda found: " " * len(found[0]), text))
    left, bound = (text[: at.start()], text[at.start() :]) if at else (text, "")
    return " ".join(left.split()), bound.strip()


def environment_layer(environ: Mapping[str, str], reserved: Sequence[str], known: Sequence[str]) -> Layer:
    """Return the layer of `TAILGUARD_...`, `__` standing for a dot; raise UsageError on an unknown one."""
    values, sources = {}, {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable in reserved:
            continue
        name = variable.removeprefix(PREFIX).lower().replace("__", ".")
        if name not in known:
            variables = [*reserved, *(PREFIX + key.upper().replace(".", "__") for key in known)]
            near = did_you_mean(variable, variables)
            hint = near if near.startswith(" Did") else " `tailguard config show` lists every key."
            raise UsageError(f"The environment variable {variable} does not match any key.{hint}")
        values[name], sources[name] = environ[variable], variable
    return Layer("environment", values, sources)


def set_layer(assignments: Sequence[str]) -> Layer:
    """Return the layer of `--set key=value`; raise UsageError where the `=` or the key is missing."""
    values = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--set {name!r}: write it as key=value, for example --set load.rate_per_s=50.")
        values[name.strip()] = text.strip()
    return Layer("--set", values)


def line_of(text: str, name: str) -> int:
    """Return the line on which the TOML `text` sets the dotted key `name`; 1 where it is not found."""
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[([^\[\]]+)\]", line):
            table = _bare(header[1]) + "."
        elif (key := re.match(r"""\s*("[^"]*"|'[^']*'|[^#=]+?)\s*=""", line)) and table + _bare(
            key[1]
        ) == name:
            return number
    return 1


def _bare(key: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in key.split("."))
