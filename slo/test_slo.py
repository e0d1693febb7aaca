"""The guards: `pytest -m performance` measures the platform once and asserts every objective and invariant.

One test an objective, so that a report reads `test_slo[registration p95 <= 215ms]`. FAIL is a failure, INVALID an
error, INCONCLUSIVE has its own outcome (`--slo-inconclusive`).
"""

from dataclasses import dataclass

import pytest

from perf.config import Config, load_config
from perf.errors import TailguardError
from perf.run import Run
from slo.guards import failure_message, properties
from slo.judge import State
from slo.objectives import Objectives, configured_objectives, parse_objectives
from slo.plugin import InconclusiveError
from slo.verdict import ObjectiveVerdict, judge_run

pytestmark = pytest.mark.performance


@dataclass(frozen=True, slots=True)
class Guarded:
    """The run that is guarded, and the verdict of each objective by its name."""

    run: Run
    verdicts: dict[str, ObjectiveVerdict]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each objective and of each scenario's invariants; nothing is measured or connected to here."""
    try:
        objectives = _objectives(metafunc.config)
    except TailguardError as error:
        raise pytest.UsageError(str(error)) from None
    if "objective" in metafunc.fixturenames:
        metafunc.parametrize("objective", [item.name for item in objectives.items])
    if "scenario" in metafunc.fixturenames:
        metafunc.parametrize("scenario", [*objectives.rules])


@pytest.fixture(scope="session")
def guarded(pytestconfig: pytest.Config) -> Guarded:
    """The finished run of `--slo-run`, or a new one by the profile."""
    chosen = pytestconfig.getoption("--slo-run")
    try:
        config = _config(pytestconfig)
        run = Run.load(chosen, config.get("runs_dir")) if chosen else _measured(config)
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


def test_slo(verdict: ObjectiveVerdict, guarded: Guarded, request: pytest.FixtureRequest) -> None:
    """The platform keeps this objective."""
    # What record_property does, without its warning that the xunit2 schema knows no property of a test case: every
    # reader of JUnit does.
    request.node.user_properties += properties(verdict)
    if verdict.state is State.INCONCLUSIVE:
        raise InconclusiveError(failure_message(verdict, guarded.run.folder))
    if verdict.state is not State.PASS:
        pytest.fail(failure_message(verdict, guarded.run.folder), pytrace=False)


def test_invariants(guarded: Guarded, scenario: str, subtests: pytest.Subtests) -> None:
    """What must hold whatever the latency held, each on its own."""
    invariants = guarded.run.record["scenarios"].get(scenario, {}).get("invariants")
    assert invariants, f"no invariant of {scenario} was checked; the run is in {guarded.run.folder}"
    for each in invariants:
        with subtests.test(each["name"]):
            assert each["held"], f"expected {each['expected']}, observed {each['observed']}"


def test_every_objective_of_the_run_has_its_guard(guarded: Guarded, pytestconfig: pytest.Config) -> None:
    """No promise is judged without a test of its name: a scenario that the file does not know has an error rate too."""
    assert set(guarded.verdicts) == {item.name for item in _objectives(pytestconfig).items}


def _config(pytestconfig: pytest.Config) -> Config:
    return load_config(pytestconfig.getoption("--slo-profile"))


def _objectives(pytestconfig: pytest.Config) -> Objectives:
    chosen = pytestconfig.getoption("--slo-run")
    config = _config(pytestconfig)
    if chosen:
        run = Run.load(chosen, config.get("runs_dir"))
        return parse_objectives(run.record["objectives"], f"objectives of {run.folder}")
    return configured_objectives(config)


def _measured(config: Config) -> Run:
    """Measure by the same engine as `tailguard run`, until every objective is decided or its budget spent."""
    from scenarios._registry import known_steps  # noqa: PLC0415  # the platform: not before something is measured
    from scenarios._suite import INTERRUPTED, Watch, run_suite  # noqa: PLC0415  # likewise
    from slo.until import UntilDecided  # noqa: PLC0415  # likewise
    from slo.verdict import judging  # noqa: PLC0415  # likewise

    objectives = configured_objectives(config, known_steps())
    watch = Watch(judge=judging(objectives), done=UntilDecided(objectives))
    run = run_suite(config, watch, command=["pytest", "-m", "performance"])
    if run.record["incomplete_because"] == INTERRUPTED:
        raise KeyboardInterrupt
    return run
