"""The guards: `pytest -m performance` measures the platform once and asserts every objective, invariant, migration.

One test an objective, so that a report reads `test_slo[registration p95 <= 215ms]`, and one a migration. FAIL is a
failure, INVALID an error, INCONCLUSIVE has its own outcome (`--slo-inconclusive`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tailguard.base.errors import TailguardError
from tailguard.config.merge import Config, load_config
from tailguard.guards import failure_message, migration_message, properties
from tailguard.judge.decision import State
from tailguard.judge.objectives import Objectives, configured_objectives, parse_objectives
from tailguard.judge.verdicts import ObjectiveVerdict, judge_run
from tailguard.migrations.migration import configured_folder, load_migrations
from tailguard.pytest_plugin import InconclusiveError
from tailguard.record.run import Run

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
    """The finished run of `--slo-run`, or a new one by the profile."""
    try:
        run = _chosen(pytestconfig) or _measured(_config(pytestconfig))
        objectives = parse_objectives(run.record["objectives"], f"objectives of {run.folder}")
        return Guarded(run, {each.objective.name: each for each in judge_run(run, objectives)})
    except TailguardError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def verdict(guarded: Guarded, objective: str) -> ObjectiveVerdict:
    """The verdict of one objective; an INVALID one is an error, not a failure."""
    found = guarded.verdicts[objective]
    if found.state is State.INVALID:
        pytest.fail(failure_message(found, guarded.run.folder), pytrace=False)
    return found


@pytest.fixture
def proof(guarded: Guarded, migration: str) -> Mapping[str, Any]:
    """What the run found of one migration; without a proof that can be trusted, an error."""
    run = guarded.run
    absent = {"state": State.INVALID, "why": "the run says nothing of it"}
    found = next((each for each in run.record["migrations"] if _name(each) == migration), absent)
    if not run.complete:
        found = {"state": State.INVALID, "why": f"the run is incomplete: {run.record['incomplete_because']}"}
    if found["state"] == State.INVALID:
        pytest.fail(migration_message(migration, found, run.folder), pytrace=False)
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


def test_migration(migration: str, proof: Mapping[str, Any], guarded: Guarded) -> None:
    """The migration does what it promises, on the run's own tables and under load where the profile says so."""
    if proof["state"] == State.INCONCLUSIVE:
        raise InconclusiveError(migration_message(migration, proof, guarded.run.folder))
    if proof["state"] != State.PASS:
        pytest.fail(migration_message(migration, proof, guarded.run.folder), pytrace=False)


def test_invariants(guarded: Guarded, scenario: str, subtests: pytest.Subtests) -> None:
    """What must hold whatever the latency held, each on its own."""
    invariants = guarded.run.record["scenarios"].get(scenario, {}).get("invariants")
    assert invariants, f"no invariant of {scenario} was checked; the run is in {guarded.run.folder}"
    for each in invariants:
        with subtests.test(each["name"]):
            assert each["held"], f"expected {each['expected']}, observed {each['observed']}"


def test_every_objective_of_the_run_has_its_guard(guarded: Guarded, pytestconfig: pytest.Config) -> None:
    """No promise is judged without a test of its name: a scenario that the file does not know has an error rate too."""
    assert set(guarded.verdicts) == set(_objective_names(pytestconfig))


def _config(pytestconfig: pytest.Config) -> Config:
    return load_config(pytestconfig.getoption("--slo-profile"))


def _chosen(pytestconfig: pytest.Config) -> Run | None:
    """Return the finished run of `--slo-run`, None where one is to be measured."""
    where = pytestconfig.getoption("--slo-run")
    return Run.load(where, _config(pytestconfig).get("runs_dir")) if where else None


def _objectives(pytestconfig: pytest.Config) -> Objectives:
    if run := _chosen(pytestconfig):
        return parse_objectives(run.record["objectives"], f"objectives of {run.folder}")
    return configured_objectives(_config(pytestconfig))


def _objective_names(pytestconfig: pytest.Config) -> list[str]:
    return [item.name for item in _objectives(pytestconfig).items]


def _scenarios(pytestconfig: pytest.Config) -> list[str]:
    return [*_objectives(pytestconfig).rules]


def _migrations(pytestconfig: pytest.Config) -> list[str]:
    """Return the names of the migrations that the run is to prove; a finished one says itself what it proved."""
    if run := _chosen(pytestconfig):
        return [_name(found) for found in run.record["migrations"]]
    config = _config(pytestconfig)
    folder = configured_folder(config)
    return [each.name for each in load_migrations(folder)] if folder and config.get("migrations.run") else []


def _name(found: Mapping[str, Any]) -> str:
    return f"{found['number']}_{found['slug']}"


def _measured(config: Config) -> Run:
    """Measure by the same engine as `tailguard run`, until every objective is decided or its budget spent."""
    from tailguard.judge.stopping_rule import UntilDecided  # noqa: PLC0415  # likewise
    from tailguard.judge.verdicts import judging  # noqa: PLC0415  # likewise
    from tailguard.pipeline.suite_run import INTERRUPTED, Watch, run_suite  # noqa: PLC0415  # likewise
    from tailguard.suite.registry import known_steps  # noqa: PLC0415  # the platform: not before something is measured

    objectives = configured_objectives(config, known_steps(config.suite))
    watch = Watch(judge=judging(objectives), done=UntilDecided(objectives))
    run = run_suite(config, watch, command=["pytest", "-m", "performance"])
    if run.record["incomplete_because"] == INTERRUPTED:
        raise KeyboardInterrupt
    return run
