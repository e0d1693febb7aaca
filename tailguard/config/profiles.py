"""Profiles: those that are shipped, those of a suite and those of the user's file; which one a name stands for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias  # Any: TOML's values, checked by the merge

from tailguard.base.errors import UsageError
from tailguard.base.reading.toml_file import read_toml
from tailguard.config.declared import settings_in
from tailguard.config.layers import Layer, file_layer, flatten
from tailguard.config.option import did_you_mean
from tailguard.config.suite_table import FILE_NAME, SuiteTable, read_table

Keys: TypeAlias = Mapping[str, Any]  # keys, defaults and profiles, as profiles.toml has them


@dataclass(frozen=True, slots=True)
class OwnFile:
    """What the user's file says: its values, the profile that it chooses, and those that it defines."""

    settings: Layer
    chosen: str = ""
    profiles: Mapping[str, Layer] = field(default_factory=dict)


def with_profiles(shipped: Keys, suite: SuiteTable | None) -> Keys:
    """Return the shipped keys, defaults and profiles, with those of the suite's own file laid over them."""
    if suite is None or not suite.profiles:
        return shipped
    return _overlaid(shipped, read_toml(suite.root / suite.profiles)[0])


def _overlaid(below: Keys, above: Keys) -> Keys:
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        both = isinstance(under, Mapping) and isinstance(value, Mapping)
        merged[name] = _overlaid(under or {}, value) if both else value
    return merged


def own_file(path: Path | None) -> OwnFile:
    """Read the user's file, None if there is none. Raises UsageError if it cannot be read."""
    if path is None:
        return OwnFile(Layer(FILE_NAME, {}))
    table, text, prefix = read_table(path)
    settings = file_layer(path, settings_in(table), text, prefix)
    profiles = table.get("profile", {})
    if isinstance(profiles, str):  # `profile = "ci"` chooses one, [profile.mine] defines one
        return OwnFile(settings, chosen=profiles)
    if not isinstance(profiles, Mapping):
        raise UsageError(f"{path}: profile must be a name, or tables [profile.NAME], not {profiles!r}.")
    own = {
        name: file_layer(path, table, text, f"{prefix}profile.{name}.")
        for name, table in profiles.items()
        if isinstance(table, Mapping)
    }
    return OwnFile(settings, profiles=own)


def profile_layers(name: str, keys: Keys, own: OwnFile) -> list[Layer]:
    """Return the layers of the profile `name`: the shipped values, and over them those of the user's file."""
    layers = [Layer(f"profile {name}", dict(flatten(keys["profile"].get(name, {})))), own.profiles.get(name)]
    return [layer for layer in layers if layer is not None]


def aliased(name: str, keys: Keys, own: OwnFile) -> str:
    """Return the profile that `name` stands for: itself, or the one that its `alias` names.

    Raises UsageError for a profile that does not exist, an alias with other keys beside it, and a circle of aliases.
    """
    known = {profile: dict(flatten(table)) for profile, table in keys["profile"].items()}
    known |= {profile: dict(layer.values) for profile, layer in own.profiles.items()}
    seen: list[str] = []
    while name not in seen:
        if name not in known:
            raise UsageError(f"Unknown profile {name!r}.{did_you_mean(name, known)}")
        values = known[name]
        if "alias" not in values:
            return name
        if len(values) > 1 or not isinstance(values["alias"], str):
            raise UsageError(
                f"Profile {name!r}: `alias` must be the name of a profile and its only key, not {values!r}."
            )
        seen.append(name)
        name = values["alias"]
    raise UsageError(f"Profile {seen[0]!r}: its aliases go in a circle ({' -> '.join([*seen, name])}).")
