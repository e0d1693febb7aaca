"""Discovery: from files and folders to the scenarios and fixtures that they define."""

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from tailguard.base.errors import UsageError
from tailguard.config.layers import Layer
from tailguard.config.merge import Config, base_name
from tailguard.config.option import OptionValue, did_you_mean
from tailguard.config.stated_load import stated_load
from tailguard.config.suite_table import SuiteTable
from tailguard.suite.fixture import Fixture, fixture_of_rows
from tailguard.suite.mix import Mix
from tailguard.suite.params import check_limits
from tailguard.suite.plan import AnyFixture, Plan, Table, plan_scenario
from tailguard.suite.root import load_module
from tailguard.suite.rows import Rows
from tailguard.suite.scenario import Limits, Scenario
from tailguard.suite.signature import short

Made = TypeVar("Made", Fixture[Any], Scenario[...])  # Any: of every type of value

# Files of a suite's folder that are read by somebody else.
NOT_SCENARIOS = ("_", "test_", "conftest", "locust_")


@dataclass(frozen=True, slots=True)
class Part:
    """The scenarios of one file, and the fixtures that they see first; `module` is what the file is called."""

    module: str
    scenarios: Sequence[Scenario[...]]
    fixtures: Table
    mixes: Mapping[str, Mix] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Suite:
    """What was found. `shared` fixtures are seen by all files, those `of_module` by their own file first."""

    scenarios: Mapping[str, Scenario[...]]
    shared: Table
    of_module: Mapping[str, Table]
    mixes: Mapping[str, Mix] = field(default_factory=dict)

    @property
    def steps(self) -> dict[str, tuple[str, ...]]:
        """The declared steps of each scenario."""
        return {name: each.steps for name, each in self.scenarios.items()}

    @property
    def limits(self) -> dict[str, Limits]:
        """The limits that each scenario states itself."""
        return {name: each.limits for name, each in self.scenarios.items()}

    def choose(self, names: Iterable[str]) -> list[Scenario[...]]:
        """Return the named scenarios in that order. Raises UsageError for an unknown one, a double, or none."""
        wanted, known = list(names), sorted(self.scenarios)
        if not wanted:
            raise UsageError(f"No scenario is named. Known: {', '.join(known)}.")
        cases = self.cases(wanted)
        for name in cases:
            if name not in self.scenarios:
                raise UsageError(f"There is no scenario {name!r}.{did_you_mean(name, known)}")
            if cases.count(name) > 1:
                raise UsageError(f"Scenario {name!r} is named twice: name each one once.")
        return [self.scenarios[name] for name in cases]

    def cases(self, names: Iterable[str]) -> list[str]:
        """Return the names, in place of a scenario with parameters all its cases, and of a mix its scenarios."""
        return [case for name in names for case in self._cases(name) or [name]]

    def mix_of(self, asked: Sequence[str], chosen: Sequence[str]) -> str:
        """Return which mix is played: the one that is `asked` for by name or, if nothing is, that of all `chosen`.

        Raises UsageError if there are several, or one of its scenarios is not in the suite.
        """
        names = [name for name in asked if name in self.mixes]
        if not asked:
            names = [name for name, each in self.mixes.items() if each.shares().keys() <= {*chosen}]
        if len(names) > 1:
            raise UsageError(
                f"One mix is played at a time, and here are {' and '.join(names)}: name one, as FILE::{names[0]}."
            )
        for name in names:
            if strangers := self.mixes[name].shares().keys() - self.scenarios.keys():
                raise UsageError(
                    f"{self.mixes[name].place}: {min(strangers)!r} of the mix {name!r} is not in the suite: name its "
                    "file, too."
                )
        return names[0] if names else ""

    @property
    def weights(self) -> dict[str, float]:
        """How many users each scenario has to the others', 1 on the average; those of a mix if there is one alone."""
        even = dict.fromkeys(self.scenarios, 1.0)
        if len(self.mixes) != 1:
            return even
        shares = next(iter(self.mixes.values())).shares()
        return even | {name: share * len(shares) for name, share in shares.items()}

    def _cases(self, name: str) -> list[str]:
        if name in self.mixes:
            return [*self.mixes[name].shares()]
        return [each for each in self.scenarios if base_name(each) == name]

    def asked(self, path: str) -> list[str]:
        """Return the scenarios of a file or folder, from the root, or the one that is named behind `::`.

        Raises UsageError if it has no such scenario.
        """
        place, _, wanted = path.partition("::")
        module = ".".join(Path(place.removesuffix(".py")).parts)
        found = [
            name
            for name, each in self.scenarios.items()
            if not module or each.module == module or each.module.startswith(f"{module}.")
        ]
        asked = self.cases([wanted]) if wanted else found
        if wanted not in self.mixes and not set(asked) <= set(found):
            raise UsageError(
                f"{place} has no scenario {wanted!r}.{did_you_mean(wanted, [*found, *self.mixes])}"
            )
        return asked

    def table(self, scenario: Scenario[...], built_ins: Table) -> Table:
        """Return the fixtures that a scenario may ask for: its file's own, then the shared ones, then the built-ins."""
        return ChainMap(*map(dict, (self.of_module.get(scenario.module, {}), self.shared, built_ins)))


def check_limits_of(config: Config, suite: Suite) -> None:
    """Raise UsageError for a [scenario.NAME.slo] of a case that does not exist."""
    for name in dict.fromkeys(map(base_name, suite.scenarios)):
        cases = [suite.scenarios[case].case for case in suite.cases([name])]
        for limit in config.limits_of(name):
            try:
                check_limits([limit.text], cases)
            except UsageError as error:
                raise UsageError(f"{limit.source}: {error}") from None


def suite_of(scenario: Scenario[...], config: Config) -> tuple[Config, Suite]:
    """Return the suite of one scenario that is at hand, and the configuration that plays it alone.

    It sees the fixtures of its own file, and of the modules that the configuration's suite names.
    """
    own = ModuleType(scenario.module)
    vars(own).update(scenario.journey.__globals__)
    cases = {each.name: each for each in scenario.cases}
    suite = Suite(cases, _shared(config.suite), {scenario.module: _fixtures_in(own)})
    with_tables = {key.split(".")[1] for key in config.settings if key.startswith("scenario.")}
    return config.stating(
        stated_by(suite), [scenario.name, *sorted(with_tables)], {"scenarios": [scenario.name]}
    ), suite


def _shared(table: SuiteTable | None) -> Table:
    return _fixtures_of(table.root, table.fixtures) if table else {}


def _fixtures_of(root: Path, modules: Sequence[str]) -> dict[str, AnyFixture]:
    return {
        name: each for module in modules for name, each in _fixtures_in(load_module(root, module)).items()
    }


def stated_by(suite: Suite) -> Layer:
    """Return what the scenarios of a suite state of their load."""
    values: dict[str, OptionValue] = {}
    sources: dict[str, str] = {}
    for scenario in suite.scenarios.values():
        users = scenario.users or (scenario.users_of_open if scenario.rate else 0)
        for key, value in stated_load(scenario.rate, users, scenario.think).items():
            name = f"scenario.{base_name(scenario.name)}.{key}"
            values[name], sources[name] = value, scenario.place
    for mixed, each in suite.mixes.items():
        for key, value in stated_load(each.rate, 0).items():
            values[f"scenario.{mixed}.{key}"], sources[f"scenario.{mixed}.{key}"] = value, each.place
    return Layer("scenario", values, sources)


def plans_of(config: Config, suite: Suite, built_ins: Table) -> list[Plan]:
    """Plan the scenarios that a configuration names, in its order; all of the suite if it names none.

    Raises UsageError for an unknown scenario, or as `plan_scenario` does.
    """
    chosen = suite.choose(config.scenarios or suite.scenarios)
    return [plan_scenario(each, suite.table(each, built_ins)) for each in chosen]


def discover(
    root: Path, paths: Sequence[str | Path], fixtures: Sequence[str] = (), others: Sequence[Part] = ()
) -> Suite:
    """Import the files, and the scenario files of the folders; `root` goes first on `sys.path`.

    Args:
        root: what modules are named from.
        paths: files and folders; relative ones from `root`.
        fixtures: dotted names of the modules whose fixtures all files see.
        others: scenarios that are not in a Python file.

    Raises:
        UsageError: a path that is not there, a file that cannot be imported, a scenario that is there twice.
    """
    shared = _fixtures_of(root, fixtures)
    scenarios: dict[str, Scenario[...]] = {}
    of_module = {}
    mixes: dict[str, Mix] = {}
    files = dict.fromkeys(file for path in paths for file in _files(root / path))
    for part in (*(_part_of(load_module(root, _dotted(file, root), file)) for file in files), *others):
        of_module[part.module] = part.fixtures
        mixes |= part.mixes
        for found in (case for each in part.scenarios for case in each.cases):
            if other := scenarios.get(found.name):
                raise UsageError(
                    f"Scenario {found.name!r} is defined twice: {other.place} and {found.place}. Rename one."
                )
            scenarios[found.name] = found
    if not scenarios:
        looked = ", ".join(short(root / path) for path in paths)
        raise UsageError(f"There is no scenario in {looked}: decorate a function with tailguard.scenario.")
    if doubles := mixes.keys() & scenarios.keys():
        raise UsageError(
            f"{mixes[min(doubles)].place}: a scenario has the name of the mix {min(doubles)!r}: rename one."
        )
    return Suite(scenarios, shared, of_module, mixes)


def _part_of(module: ModuleType) -> Part:
    mixes = {
        name: each
        for name, each in vars(module).items()
        if isinstance(each, Mix) and each.module == module.__name__
    }
    return Part(module.__name__, tuple(_made_in(module, Scenario).values()), _fixtures_in(module), mixes)


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (each for each in sorted(path.glob("*.py")) if not each.name.startswith(NOT_SCENARIOS))
    elif path.is_file():
        yield path
    else:
        raise UsageError(f"{short(path)} is neither a file nor a folder: name one that holds scenarios.")


def _dotted(file: Path, root: Path) -> str:
    parts = (
        file.resolve().relative_to(root).with_suffix("").parts if file.resolve().is_relative_to(root) else ()
    )
    if not parts or not all(part.isidentifier() for part in parts):
        raise UsageError(
            f"{short(file)} cannot be imported by a name: it must lie below {short(root)}, and its folders and itself "
            "must be named with letters, digits and _."
        )
    return ".".join(parts)


def _fixtures_in(module: ModuleType) -> dict[str, AnyFixture]:
    """Return the fixtures of a module; rows are one by the name of their variable."""
    rows = {
        name: fixture_of_rows(name, each)
        for name, each in vars(module).items()
        if isinstance(each, Rows) and each.module == module.__name__
    }
    return {**_made_in(module, Fixture), **rows}


def _made_in(module: ModuleType, kind: type[Made]) -> dict[str, Made]:
    """Return the objects of a kind that were written in a module, by name; an imported one belongs to its own file."""
    return {
        each.name: each
        for each in vars(module).values()
        if isinstance(each, kind) and each.module == module.__name__
    }
