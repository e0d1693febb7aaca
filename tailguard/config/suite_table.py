"""The [suite] table of tailguard.toml: where a project's scenarios, fixtures, limits and commands are."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any  # TOML values, checked here

from tailguard.base.errors import UsageError
from tailguard.base.reading.toml_file import read_toml
from tailguard.config.declared import declared_in, named_files
from tailguard.config.option import did_you_mean

FILE_NAME = "tailguard.toml"
FILE_VARIABLE = "TAILGUARD_CONFIG"
PYPROJECT = "pyproject.toml"

NO_SUITE = (
    "There is no suite here: no tailguard.toml with a [suite] in {place} or above it. `tailguard init` writes a first "
    "one for the service in this folder. Or name a file of scenarios, `tailguard run perf_search.py`; `tailguard init "
    "--example deltacrown` writes a whole suite to run and to read; --config FILE names the tailguard.toml of a suite "
    "elsewhere."
)


@dataclass(frozen=True, slots=True)
class SuiteTable:
    """The parts of a suite, as `file` describes them; its folder is the root that modules and files are named from.

    Attributes:
        scenarios: folders of scenario files.
        fixtures: modules of shared fixtures.
        objectives, profiles: files, "" for none.
        report: `module:function` of own sections of the report.
        template: own template of the report's page, a file; "" for none.
        commands: own commands by name, each a `module:attribute`.
        declares: whether `file` declares scenarios itself, with steps.
        recording: file of recorded requests that are the whole suite, None for none.
        asked: the only files and folders whose scenarios are meant, from the root, each with an optional `::scenario`;
            none: all of `scenarios`.
    """

    file: Path
    scenarios: tuple[str, ...] = ()
    fixtures: tuple[str, ...] = ()
    objectives: str = ""
    profiles: str = ""
    report: tuple[str, ...] = ()
    template: str = ""
    commands: Mapping[str, str] = field(default_factory=dict)
    declares: bool = False
    recording: Path | None = None
    asked: tuple[str, ...] = ()

    @property
    def existing_file(self) -> Path | None:
        """The file, if there is one: a scenario file alone is a suite, too."""
        return self.file if self.file.is_file() else None

    @property
    def root(self) -> Path:
        """The folder of the file."""
        return self.file.parent

    @property
    def files(self) -> list[Path]:
        """The files of the modules and packages that the suite itself consists of, and those its file names, sorted."""
        scenarios = [Path(name).as_posix().split("/")[0] for name in self.scenarios]
        named = [*scenarios, *self.fixtures, *self.report, *self.commands.values()]
        tops = dict.fromkeys(name.split(":")[0].split(".")[0] for name in named)
        found = {path for top in tops for path in _code_of(self.root, top)}
        if self.declares:
            found.update(named_files(self.root, read_table(self.file)[0]))
        return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def _code_of(root: Path, top: str) -> list[Path]:
    """Return the module or package of a name; for "" the modules beside the suite's file, and their files of rows."""
    if top and not (root / f"{top}.py").is_file():
        return list((root / top).rglob("*"))
    return [*(root.glob("*.csv")), *([root / f"{top}.py"] if top else root.glob("*.py"))]


def find_file(given: Path | str | None = None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the configuration file: the given one, TAILGUARD_CONFIG, or the nearest one in this folder or above."""
    named = given or environ.get(FILE_VARIABLE)
    return Path(named) if named else nearest_file(Path.cwd())


def nearest_file(start: Path) -> Path | None:
    """Return the nearest configuration file in the folder `start` or above it, None if there is none.

    A pyproject.toml counts if it has a [tool.tailguard].
    """
    here = Path.cwd()
    for folder in (start, *start.parents):
        path = folder / FILE_NAME
        if path.is_file():
            return path if folder != here else Path(FILE_NAME)
        if _has_table(folder / PYPROJECT):
            return folder / PYPROJECT
    return None


def read_table(path: Path) -> tuple[dict[str, Any], str, str]:
    """Return a configuration file's tables, its text, and the prefix of its keys ("tool.tailguard.")."""
    table, text = read_toml(path)
    if path.name == PYPROJECT:
        return table.get("tool", {}).get("tailguard", {}), text, "tool.tailguard."
    return table, text, ""


def suite_in(path: Path | None) -> SuiteTable | None:
    """Return the suite that a configuration file describes, None if it describes none.

    Raises UsageError for an unknown key or a value of another type.
    """
    if path is None:
        return None
    tables = read_table(path)[0]
    table, declares = tables.get("suite"), bool(declared_in(tables))
    if table is None:
        return SuiteTable(path.resolve(), declares=True) if declares else None
    if not isinstance(table, Mapping):
        raise UsageError(f"{path}: suite must be a table [suite], not {table!r}.")
    known = {each.name for each in fields(SuiteTable)} - {"file", "declares", "recording", "asked"}
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            raise UsageError(f"{path}: unknown key 'suite.{name}'.{did_you_mean(name, sorted(known))}")
        values[name] = _checked(path, name, value)
    return SuiteTable(path.resolve(), declares=declares, **values)


def require_suite(suite: SuiteTable | None) -> SuiteTable:
    """Return the suite. Raises UsageError that says how to get one if there is none."""
    if suite is None:
        raise UsageError(NO_SUITE.format(place=Path.cwd()))
    return suite


def _checked(path: Path, name: str, value: object) -> object:
    if name == "commands":
        if isinstance(value, Mapping) and all(isinstance(each, str) for each in value.values()):
            return dict(value)
        raise UsageError(f"{path}: suite.commands must be a table of name = 'module:command', not {value!r}.")
    if name in {"objectives", "profiles", "template"}:
        if isinstance(value, str):
            return value
        raise UsageError(f"{path}: suite.{name} must be a text, not {value!r}.")
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(value)
    raise UsageError(f"{path}: suite.{name} must be a list of texts, not {value!r}.")


def _has_table(path: Path) -> bool:
    """Ignore a pyproject.toml that does not parse: it need not be for Tailguard."""
    try:
        return "tailguard" in read_toml(path)[0].get("tool", {})
    except UsageError:
        return False
