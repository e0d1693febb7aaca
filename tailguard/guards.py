"""The guards of a whole suite: in your test file, `from tailguard.guards import *`.

`pytest -m performance` then measures the suite once and asserts every objective, those that scenarios state themselves
among them, every invariant and every migration. One test per objective, so that a report reads
`test_slo[registration p95 <= 215ms]`, and one per migration. FAIL is a failure, INVALID an error, INCONCLUSIVE has its
own outcome (`--slo-inconclusive`).
"""

from dataclasses import dataclass

import pytest

from tailguard.base.errors import TailguardError, UsageError
from tailguard.base.output.escaping import for_terminal
from tailguard.base.state import State
from tailguard.compare.verdicts import verdicts_of
from tailguard.config.merge import Config, load_config
from tailguard.judge.objectives.configured import configured_objectives
from tailguard.migrations.migration import configured_folder, load_migrations
from tailguard.pipeline.opened_suite import open_suite
from tailguard.pytest_plugin import FOLDERS, InconclusiveError, option
from tailguard.pytest_plugin.messages import (
    MigrationAnswer,
    failure_message,
    migration_answer,
    migration_message,
    properties,
)
from tailguard.record.objective import Objectives
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tailguard.record.verdict import ObjectiveVerdict
from tailguard.suite.discovery import Suite

__all__ = [
    "answer",
    "guarded",
    "pytest_generate_tests",
    "pytestmark",
    "test_every_objective_of_the_run_has_its_guard",
    "test_invariants",
    "test_migration",
    "test_slo",
    "verdict",
]

pytestmark = pytest.mark.performance


@dataclass(frozen=True, slots=True)
class Guarded:
    """The run that is guarded, and the verdict of each objective by its name."""

    run: Run
    verdicts: dict[str, ObjectiveVerdict]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each objective, each scenario's invariants and each migration; nothing is measured here."""
    parameters = {"objective": _objective_names, "scenario": _scenarios, "migration": _migrations}
    for name in parameters.keys() & set(metafunc.fixturenames):
        try:
            metafunc.parametrize(name, parameters[name](metafunc.config))
        except TailguardError as error:
            raise pytest.UsageError(str(error)) from None


@pytest.fixture(scope="session")
def guarded(pytestconfig: pytest.Config) -> Guarded:
    """The finished run of `--slo-run`, judged again from its files, or a new one by the profile."""
    try:
        run = _chosen(pytestconfig) or _measured(pytestconfig)
        run.put_verdicts(verdicts_of(run))
    except TailguardError as error:
        pytest.fail(str(error), pytrace=False)
    judged = [each for each in run.record.verdicts if isinstance(each, ObjectiveVerdict)]
    return Guarded(run, {each.name: each for each in judged})


@pytest.fixture
def verdict(guarded: Guarded, objective: str) -> ObjectiveVerdict:
    """The verdict of one objective; an INVALID one is an error, not a failure."""
    found = guarded.verdicts[objective]
    if found.state is State.INVALID:
        pytest.fail(failure_message(found, guarded.run.folder), pytrace=False)
    return found


@pytest.fixture
def answer(guarded: Guarded, migration: str) -> MigrationAnswer:
    """What the run says of one migration; without a proof that can be trusted, an error."""
    found = migration_answer(guarded.run.record, migration)
    if found.state is State.INVALID:
        pytest.fail(migration_message(found, guarded.run.folder), pytrace=False)
    return found


def test_slo(verdict: ObjectiveVerdict, guarded: Guarded, request: pytest.FixtureRequest) -> None:
    """The platform keeps this objective."""
    # What record_property does, without its warning that the xunit2 schema knows no property of a test case: every
    # reader of JUnit does.
    request.node.user_properties += properties(verdict)
    if verdict.state is State.INCONCLUSIVE:
        raise InconclusiveError(failure_message(verdict, guarded.run.folder))
    if verdict.state is not State.PASS:
        pytest.fail(failure_message(verdict, guarded.run.folder), pytrace=False)


def test_migration(answer: MigrationAnswer, guarded: Guarded) -> None:
    """The migration does what it promises, on the run's own tables and, if the profile says so, under load."""
    if answer.state is State.INCONCLUSIVE:
        raise InconclusiveError(migration_message(answer, guarded.run.folder))
    if answer.state is not State.PASS:
        pytest.fail(migration_message(answer, guarded.run.folder), pytrace=False)


def test_invariants(guarded: Guarded, scenario: str) -> None:
    """What must hold whatever the latency held, each of them."""
    entries = guarded.run.record.scenarios
    invariants = entries[scenario].invariants if scenario in entries else ()
    assert invariants, f"no invariant of {scenario} was checked; the run is in {guarded.run.folder}"
    broken = [
        f"{each.name}: expected {each.expected}, observed {each.observed}"
        for each in invariants
        if not each.held
    ]
    if broken:
        pytest.fail("\n".join(map(for_terminal, broken)), pytrace=False)


def test_every_objective_of_the_run_has_its_guard(guarded: Guarded, pytestconfig: pytest.Config) -> None:
    """No promise is judged without a test of its name: a scenario that the file does not know has an error rate too."""
    assert set(guarded.verdicts) == set(_objective_names(pytestconfig))


def _config(pytestconfig: pytest.Config) -> Config:
    return load_config(option(pytestconfig, "profile"))


def _suite(pytestconfig: pytest.Config) -> tuple[Config, Suite]:
    """Return the configuration and the suite that it names; the suite is imported once, when tests are collected."""
    found = pytestconfig.stash.get(_SUITE, None)
    if found is None:
        found = pytestconfig.stash[_SUITE] = open_suite(_config(pytestconfig))
    return found


_SUITE = pytest.StashKey[tuple[Config, Suite]]()


def _chosen(pytestconfig: pytest.Config) -> Run | None:
    """Return the finished run of `--slo-run`, None if one is to be measured."""
    where = option(pytestconfig, "run")
    return Run.load(where, _config(pytestconfig).runs_dir) if where else None


def _objectives(pytestconfig: pytest.Config) -> Objectives:
    run = _chosen(pytestconfig)
    if run is None:
        config, suite = _suite(pytestconfig)
        return configured_objectives(config, suite.steps, suite.limits)
    if run.record.objectives is None:
        raise UsageError(f"{run.folder} has no objectives: give --slo-run a run of `tailguard run`.")
    return run.record.objectives


def _objective_names(pytestconfig: pytest.Config) -> list[str]:
    return [item.name for item in _objectives(pytestconfig).items]


def _scenarios(pytestconfig: pytest.Config) -> list[str]:
    """Return the scenarios whose invariants are asserted; a finished run does not say which declare any: all."""
    names = [*_objectives(pytestconfig).rules]
    if _chosen(pytestconfig):
        return names
    scenarios = _suite(pytestconfig)[1].scenarios
    return [name for name in names if scenarios[name].check is not None]


def _migrations(pytestconfig: pytest.Config) -> list[str]:
    """Return the names of the migrations that the run is to prove; of a finished run, those that it proved."""
    if run := _chosen(pytestconfig):
        return [entry.name for entry in run.record.migrations]
    config = _config(pytestconfig)
    folder = configured_folder(config)
    return [each.name for each in load_migrations(folder)] if folder and config.migrations.run else []


def _measured(pytestconfig: pytest.Config) -> Run:
    """Measure by the same engine as `tailguard run`, until every objective is decided or its budget spent.

    The summary of pytest judges and saves it, writes its report and says where that is.
    """
    from tailguard.judge.stopping_rule import StoppingRule  # noqa: PLC0415  # not before something is measured
    from tailguard.pipeline.suite_run import Watch, run_suite  # noqa: PLC0415  # likewise

    objectives, config = _objectives(pytestconfig), _config(pytestconfig)
    watch = Watch(done=StoppingRule(objectives))
    run = run_suite(config, watch, objectives=objectives, command=["pytest", "-m", "performance"])
    pytestconfig.stash[FOLDERS].append(run.folder.absolute())
    if run.record.ended is Ended.INTERRUPTED:
        raise KeyboardInterrupt
    return run
