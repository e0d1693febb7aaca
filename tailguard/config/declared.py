"""Scenarios that a configuration file declares itself: which tables are theirs, and which files they name."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TypeGuard

from tailguard.base.reading.toml_file import Toml
from tailguard.config.tables import LoadOptions

Tables = dict[str, Toml]

# What the suite is made of, and how its target is asked: not values of a run, and read elsewhere.
_OTHERS = {"profile", "suite", "target", "rows"}
_LOAD = {each.name for each in fields(LoadOptions)} - {"steps", "recording", "speed"}
_NAMING_FILES = ("file", "ca_file")


def settings_in(tables: Tables) -> Tables:
    """Return what of a file's tables are values of a run; of declared scenarios load and limits."""
    found = {name: value for name, value in tables.items() if name not in _OTHERS}
    if mixes_in(tables):
        del found["mix"]
    if declared := declared_in(tables):
        scenarios = found["scenario"]
        assert isinstance(scenarios, dict)  # it declares some
        found["scenario"] = {**scenarios, **{name: _load_of(table) for name, table in declared.items()}}
    target = tables.get("target")
    if isinstance(target, dict) and "url" in target:
        found["target"] = {"url": target["url"]}
    return found


def declared_in(tables: Tables) -> dict[str, Tables]:
    """Return the scenarios of a file that have steps of their own, by name."""
    scenarios = tables.get("scenario")
    found = scenarios.items() if isinstance(scenarios, dict) else ()
    return {name: table for name, table in found if _is_declared(table)}


def mixes_in(tables: Tables) -> Tables:
    """Return the mixes of a file, by name; a `mix` that is a text chooses one."""
    mixes = tables.get("mix")
    return mixes if isinstance(mixes, dict) else {}


def without_load(table: Tables) -> Tables:
    """Return a declared scenario without what is a value of its load."""
    return {key: value for key, value in table.items() if key not in _LOAD}


def named_files(root: Path, tables: Tables) -> set[Path]:
    """Return the files that the scenarios' tables name and that are there: rows, bodies, certificates."""
    named = _named([tables[name] for name in ("target", "rows", "scenario") if name in tables])
    return {path for name in named if (path := root / name).is_file()}


def _is_declared(table: Toml) -> TypeGuard[Tables]:
    """Whether a [scenario.NAME] has steps of its own; in another one `steps` are texts, of its load."""
    steps = table.get("steps") if isinstance(table, dict) else None
    return isinstance(steps, list) and any(isinstance(step, dict) for step in steps)


def _load_of(table: Tables) -> Tables:
    return {key: value for key, value in table.items() if key in (*_LOAD, "slo")}


def _named(value: Toml) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (item for key in _NAMING_FILES if isinstance(item := value.get(key), str) and item)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from _named(item)
