"""The configuration of a run: defaults < profile < file < environment < flags, each value knowing its source.

Which keys there are, with their types, defaults and rules, is data (profiles.toml, and the file of profiles that a
suite brings).
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from tailguard.base.errors import UsageError
from tailguard.base.reading.toml_file import read_toml
from tailguard.config.layers import (
    Layer,
    environment_layer,
    flatten,
    set_layer,
    with_limits_apart,
)
from tailguard.config.option import OptionValue, did_you_mean, split_list
from tailguard.config.profiles import aliased, own_file, profile_layers, with_profiles
from tailguard.config.settings import Merge, Setting, key_path, schema_of, slug_of, slugs_of
from tailguard.config.suite_table import SuiteTable, find_file, suite_in
from tailguard.config.tables import LoadOptions, Options

T = TypeVar("T")

SHIPPED = Path(__file__).with_name("profiles.toml")
DEFAULT_PROFILE = "smoke"


@dataclass(frozen=True, slots=True)
class StatedLimit:
    """A limit of a scenario such as "pay p99 <= 900ms", with the place that it came from, as a `Setting` has it."""

    text: str
    source: str
    rank: int


@dataclass(frozen=True, slots=True)
class Config(Options):
    """The merged configuration, typed (`config.load.rate_per_s`); `settings` says where each value came from."""

    profile: str
    settings: Mapping[str, Setting]
    suite: SuiteTable | None = None
    merge: Merge | None = None  # None: the values are final, such as those that a worker got

    @classmethod
    def of(
        cls,
        profile: str,
        settings: Mapping[str, Setting],
        suite: SuiteTable | None = None,
        merge: Merge | None = None,
    ) -> "Config":
        """Return the configuration of merged settings, by dotted key."""
        return cls(
            **_filled(Options, settings, ""), profile=profile, settings=settings, suite=suite, merge=merge
        )

    def stating(
        self, stated: Layer, scenarios: Sequence[str], chosen: Mapping[str, OptionValue] | None = None
    ) -> "Config":
        """Return the configuration with what the suite's scenarios state themselves.

        `scenarios` are all of the suite; `chosen` are values that come last, such as which scenarios are played.

        Raises:
            UsageError: a [scenario.NAME] of a scenario that does not exist.
        """
        if self.merge is None:
            return self
        for layer in self.merge.layers:
            for name in layer.values:
                slug = slug_of(name)
                if slug and slug not in scenarios:
                    raise UsageError(
                        f"{layer.source_of(name)}: there is no scenario {slug!r}.{did_you_mean(slug, list(scenarios))}"
                    )
        merge = self.merge
        if chosen:
            merge = replace(merge, layers=(*merge.layers, Layer("flag", chosen)))
        return Config.of(self.profile, merge.settings(stated, scenarios), self.suite, merge)

    @property
    def folder(self) -> Path:
        """Where the measured code is: the suite's folder, or the present one."""
        return self.suite.root if self.suite else Path.cwd()

    def read(self, table: str, kind: type[T]) -> T:
        """Fill a dataclass from a table, such as "certificates" or "scenario.checkout".

        Raises UsageError for a field that no key stands for.
        """
        return kind(**_filled(kind, self.settings, f"{table}."))

    def load_of(self, slug: str) -> LoadOptions:
        """Return the [load] values overlaid by those of [scenario.<slug>], which all its cases share."""
        own = _filled(LoadOptions, self.settings, f"scenario.{base_name(slug)}.", "load.")
        return LoadOptions(**own)

    def limits_of(self, slug: str) -> "list[StatedLimit]":
        """Return the limits of [scenario.<slug>.slo], in the order of the places that state them."""
        prefix = f"scenario.{base_name(slug)}.slo."
        found = [
            StatedLimit(f"{name.removeprefix(prefix)} {each.value}", each.source, each.rank)
            for name, each in self.settings.items()
            if name.startswith(prefix)
        ]
        return sorted(found, key=lambda limit: limit.rank)

    def frozen(self) -> dict[str, Any]:
        """Return all values as nested tables, secrets masked: what a run keeps."""
        tables: dict[str, Any] = {}
        for name, setting in self.settings.items():
            *path, last = key_path(name)
            table = tables
            for part in path:
                table = table.setdefault(part, {})
            table[last] = setting.option.shown(setting.value)
        return tables

    @property
    def sha256(self) -> str:
        """The hash of `frozen()`, the same for the same values wherever they came from."""
        return config_sha256(self.frozen())


def _filled(kind: type, settings: Mapping[str, Setting], *prefixes: str) -> dict[str, Any]:
    """Return the values of a dataclass's fields, each from the first of the tables that has it."""
    values = {}
    for field in fields(kind):
        if isinstance(field.type, type) and is_dataclass(field.type):
            values[field.name] = field.type(**_filled(field.type, settings, f"{prefixes[0]}{field.name}."))
            continue
        found = [settings[prefix + field.name] for prefix in prefixes if prefix + field.name in settings]
        if found:
            values[field.name] = found[0].value
        elif field.default is MISSING and field.default_factory is MISSING:
            raise UsageError(
                f"{kind.__name__} asks for {prefixes[0]}{field.name}, and no key of that name has a value."
            )
    return values


def base_name(slug: str) -> str:
    """Return the name of the scenario that a case such as "checkout[size=10]" is of."""
    return slug.partition("[")[0]


def config_sha256(frozen: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a frozen configuration as canonical JSON (sorted keys, no blanks, UTF-8)."""
    text = json.dumps(frozen, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def load_config(
    profile: str | None = None,
    *,
    file: Path | str | None = None,
    sets: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    shipped: Path = SHIPPED,
    suite: SuiteTable | None = None,
) -> Config:
    """Merge all layers. A flag that is None was not given; `file` defaults to the nearest tailguard.toml, if any.

    `suite` is one that was found already, in place of the one that the file describes.

    Raises UsageError, naming place, key and value, for an unknown key, a wrong type or a broken file.
    """
    environ = os.environ if environ is None else environ
    path = find_file(file, environ) if suite is None else suite.existing_file
    suite = suite_in(path) if suite is None else suite
    keys = with_profiles(read_toml(shipped)[0], suite)
    own = own_file(path)
    name = profile or environ.get("TAILGUARD_PROFILE") or own.chosen or DEFAULT_PROFILE
    name = aliased(name, keys, own)
    early = [
        Layer("default", dict(flatten(keys["defaults"]))),
        *profile_layers(name, keys, own),
        own.settings,
    ]
    given = Layer("flag", {key: value for key, value in (flags or {}).items() if value is not None})
    late = [given, set_layer(sets)]
    named = {*slugs_of([*early, *late]), *_slugs_of_variables(environ)}
    known = [*schema_of(keys, named), *(f"scenario.{slug}.slo" for slug in sorted(named))]
    environment = environment_layer(environ, keys["environment"]["reserved"], known)
    merge = Merge(keys, tuple(map(with_limits_apart, (*early, environment, *late))))
    return Config.of(name, merge.settings(), suite, merge)


def _slugs_of_variables(environ: Mapping[str, str]) -> set[str]:
    """Return those that the environment names: TAILGUARD_SCENARIOS, TAILGUARD_SCENARIO__NAME__KEY."""
    names = [name.lower().split("__") for name in environ if name.startswith("TAILGUARD_SCENARIO__")]
    chosen = split_list(environ.get("TAILGUARD_SCENARIOS", ""))
    return {*(name.strip() for name in chosen), *(parts[1] for parts in names)} - {""}
