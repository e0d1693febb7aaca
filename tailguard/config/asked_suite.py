"""A suite by the files that a command names: `tailguard run perf_search.py`, `shop.toml`, a folder or a module."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.config.suite_table import FILE_NAME, SuiteTable, nearest_file, suite_in


def asked_suite(names: Sequence[str], config: str | None = None) -> SuiteTable:
    """Return the suite that files, folders or modules belong to, with them alone to be played.

    Its root is the folder of the nearest configuration file at or above the first one; without any, that one's folder.

    Raises:
        UsageError: a name that is neither, or one that lies outside of the root, or a configuration file beside them.
    """
    if config:
        raise UsageError(
            "Give files of scenarios or --config, not both: a file's suite is the one that it lies in."
        )
    paths = [_path_of(name) for name in names]
    if any(path.suffix == ".toml" for path in paths):
        return _declaring(names, paths)
    first = paths[0] if paths[0].is_dir() else paths[0].parent
    file = nearest_file(first) or first / FILE_NAME
    suite = suite_in(file if file.is_file() else None) or SuiteTable(file.resolve())
    inside = [_below(path, suite.root) for path in paths]
    asked = tuple(f"{path}{_scenario_of(name)}" for path, name in zip(inside, names, strict=True))
    return replace(suite, scenarios=(*suite.scenarios, *inside), asked=asked)


def _declaring(names: Sequence[str], paths: Sequence[Path]) -> SuiteTable:
    """Return the suite of a TOML file that declares scenarios: it is its own configuration file."""
    suite = suite_in(paths[0]) if len(set(paths)) == 1 else None
    if suite is None:
        raise UsageError(
            f"{', '.join(names)}: name one TOML file that declares scenarios, [[scenario.NAME.steps]], and no other "
            "file beside it (docs/reference/target-file.md)."
        )
    scenarios = tuple(_scenario_of(name) for name in names)
    return replace(suite, asked=scenarios if all(scenarios) else ())


def _path_of(name: str) -> Path:
    """Return the file or folder that a name or a dotted module stands for."""
    text = name.partition("::")[0]
    as_module = Path(*text.split("."))
    for path in (Path(text), as_module.with_suffix(".py"), as_module):
        if text and path.exists():
            return path.resolve()
    raise UsageError(
        f"There is no file, folder or module {text!r} in {Path.cwd()}: name a file with scenarios, such as "
        "perf_search.py or shop.toml, or one of them, perf_search.py::search."
    )


def _below(path: Path, root: Path) -> str:
    if not path.is_relative_to(root):
        raise UsageError(f"{path} is not inside {root}, the suite's folder: run it in a separate command.")
    return path.relative_to(root).as_posix()


def _scenario_of(name: str) -> str:
    scenario = name.partition("::")[2]
    return f"::{scenario}" if scenario else ""
