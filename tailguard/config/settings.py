"""What a configuration is merged of, and the merge: each value with the place that it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tailguard.base.errors import UsageError
from tailguard.base.secrets import remember
from tailguard.config.layers import Layer, flatten
from tailguard.config.option import Option, did_you_mean, split_list

# Of a key: `"scenarios+" = ["mine"]` and `--set scenarios+=mine` add to the list of the layers below.
ADDING = "+"


@dataclass(frozen=True, slots=True)
class Setting:
    """A value with the place it came from. `rank` orders the places: a later one has a higher rank."""

    option: Option
    value: Any
    source: str
    rank: int


@dataclass(frozen=True, slots=True)
class Merge:
    """What a configuration is merged of, kept until the suite's scenarios say what they state themselves.

    Attributes:
        keys: defaults, rules and profiles.
        layers: the places from the first to the last; the first one is the defaults.
    """

    keys: Mapping[str, Any]
    layers: tuple[Layer, ...]

    def settings(self, stated: Layer | None = None, scenarios: Sequence[str] = ()) -> dict[str, Setting]:
        """Return the merged values; what scenarios state lies above the defaults and below all else."""
        layers = [self.layers[0], *([stated] if stated else []), *self.layers[1:]]
        schema = schema_of(self.keys, {*slugs_of(layers), *scenarios})
        limits = {name: Option(name, "") for layer in layers for name in layer.values if is_limit(name)}
        return _merged(layers, schema | limits)


def slugs_of(layers: Sequence[Layer]) -> set[str]:
    """Return all scenarios that the layers choose or have a table of: each may have a [scenario.NAME]."""
    chosen = [layer.values.get(key, []) for layer in layers for key in ("scenarios", f"scenarios{ADDING}")]
    lists = [split_list(value) if isinstance(value, str) else value for value in chosen]
    named = {str(slug).strip() for slugs in lists if isinstance(slugs, list | tuple) for slug in slugs}
    return {*named, *(slug_of(name) for layer in layers for name in layer.values)} - {""}


def slug_of(name: str) -> str:
    """Return the scenario that a key such as `scenario.checkout.workers` is of, "" for any other."""
    table, _, rest = name.partition(".")
    return rest.partition(".")[0] if table == "scenario" and "." in rest else ""


def is_limit(name: str) -> bool:
    """Whether a key is a limit of a scenario, such as `scenario.checkout.slo.pay p99`."""
    return name.startswith("scenario.") and name.split(".", 3)[2:3] == ["slo"] and name.count(".") > 2  # noqa: PLR2004


def key_path(name: str) -> list[str]:
    """Return the tables of a dotted key, and its own name; that of a limit (`p99.9`) keeps its dots."""
    return name.split(".", 3 if is_limit(name) else -1)


def schema_of(shipped: Mapping[str, Any], slugs: set[str]) -> dict[str, Option]:
    """Return every key there is: the defaults', and each [load] key once more for each scenario."""
    rules = {
        name: {**about, "one_of": tuple(about.get("one_of", ()))} for name, about in shipped["keys"].items()
    }
    defaults = dict(flatten(shipped["defaults"]))
    names = dict.fromkeys([*rules, *defaults])
    schema = {name: Option(name, defaults.get(name), **rules.get(name, {})) for name in names}
    load = [key for name, key in schema.items() if name.startswith("load.")]
    for slug in sorted(slugs | set(shipped["defaults"].get("scenario", {}))):
        for key in load:
            name = f"scenario.{slug}." + key.name.removeprefix("load.")
            schema.setdefault(name, replace(key, name=name))
    return schema


def _merged(layers: Sequence[Layer], schema: Mapping[str, Option]) -> dict[str, Setting]:
    settings = {name: Setting(key, None, "default", 0) for name, key in schema.items() if key.default is None}
    for rank, layer in enumerate(layers):
        for name, raw in layer.values.items():
            source, key = layer.source_of(name), name.removesuffix(ADDING).strip()
            if key not in schema:
                raise UsageError(f"{source}: unknown key {key!r}.{_hint(key, schema)}")
            remember(*(text for text in (raw if isinstance(raw, list) else [raw]) if isinstance(text, str)))
            from_text = isinstance(raw, str) and layer.source in {"environment", "flag", "--set"}
            value = schema[key].parse(raw, source) if from_text else schema[key].accept(raw, source)
            if name != key:
                below = settings[key]
                value, source = schema[key].added(below.value, value, source), f"{below.source} + {source}"
            settings[key] = Setting(schema[key], value, source, rank)
    return {name: settings[name] for name in schema if name in settings and not _shadowed(name, settings)}


def _shadowed(name: str, settings: Mapping[str, Setting]) -> bool:
    """Whether a scenario's own value gives way to a [load] value that was set in a later place."""
    if not name.startswith("scenario."):
        return False
    general = settings.get("load." + name.rpartition(".")[2])
    return general is not None and general.rank > settings[name].rank


def _hint(name: str, schema: Mapping[str, Option]) -> str:
    if any(known.startswith(name + ".") for known in schema):
        return f" It is a table: write [{name}] and its keys below it."
    near = did_you_mean(name, list(schema))
    return near if near.startswith(" Did") else " `tailguard config show` lists every key."
