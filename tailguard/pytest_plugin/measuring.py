"""The one run of a pytest run: each test that asks adds its scenario, one after another, also over xdist's workers."""

import fcntl
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config, load_config
from tailguard.config.stated_load import stated_load
from tailguard.config.suite_table import FILE_VARIABLE, nearest_file
from tailguard.engine.event_loop import RunningLoop
from tailguard.engine.iteration.call import Call
from tailguard.engine.players import Making, in_this_thread, in_threads, on_loop
from tailguard.engine.workload import AsyncJourney, Load, PlainScenario, Workload
from tailguard.judge.objectives.configured import stated_objectives
from tailguard.pipeline.loads import load_of
from tailguard.pytest_plugin import FOLDERS, option
from tailguard.pytest_plugin.growing_run import Answer, GrowingRun
from tailguard.pytest_plugin.marker import Stated, without_limits
from tailguard.record.doubt import Doubt
from tailguard.suite.discovery import suite_of
from tailguard.suite.scenario import ASYNC_USERS, Limits, Scenario
from tailguard.trust.suite_doubts import beside_other_tests

PROFILE = "pytest"
STEP = "call"
_RUN = pytest.StashKey["PytestRun"]()


@dataclass(frozen=True, slots=True)
class Question:
    """What one test asks: its limits and load, the call with its arguments, the loop that it is to run on, if any."""

    name: str
    title: str
    stated: Stated
    call: Callable[..., object] | Scenario[...]
    args: tuple[object, ...]
    kwargs: Mapping[str, object]
    running: RunningLoop | None

    @property
    def called(self) -> str:
        """The call's name, for messages."""
        return str(getattr(self.call, "__qualname__", None) or type(self.call).__name__)

    @property
    def players(self) -> Making:
        """The test's loop, threads if users are stated, else the test's own thread."""
        if self.running is not None:
            return on_loop(self.running)
        return in_threads if self.stated.users > 1 else in_this_thread

    def scenario(self) -> PlainScenario:
        """Return the scenario whose journey is the call."""
        journey = Call(STEP, self.call, self.args, self.kwargs)  # type: ignore[arg-type]  # not a Scenario here
        return PlainScenario(
            self.name, journey, (STEP,), self.title, on_loop=_OnLoop(journey) if self.running else None
        )


@dataclass(frozen=True, slots=True)
class _OnLoop:
    """The users of an async call have nothing of their own."""

    journey: Call

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        yield

    @asynccontextmanager
    async def user(self, number: int) -> AsyncIterator[AsyncJourney]:
        yield self.journey  # type: ignore[misc]  # an async iteration's steps are awaitables


@dataclass(frozen=True, slots=True)
class PytestRun:
    """The run of this pytest run.

    Attributes:
        shared: the file that its workers take turns by, None if it has none.
        asked_by: the test that measured a scenario; it may do so again, as a test that is run again does.
    """

    config: Config
    growing: GrowingRun
    folders: list[Path]
    shared: Path | None
    asked_by: dict[str, str] = field(default_factory=dict)

    def ask(self, question: Question) -> Answer:
        """Measure and judge it. Raises UsageError for what cannot be measured."""
        with self._turn():
            if isinstance(question.call, Scenario):
                return self._ask_scenario(question, question.call)
            limits = Limits(question.stated.limits)
            objectives = stated_objectives(self.config, question.name, (STEP,), _limited(question, limits))
            workload = Workload(question.scenario(), self._load(question))
            return self.growing.ask(workload, objectives, question.players, _beside())

    def _ask_scenario(self, question: Question, scenario: Scenario[...]) -> Answer:
        if question.args or question.kwargs:
            raise UsageError(
                f"slo({scenario.name}, ...) takes nothing else: a scenario asks for fixtures by name"
            )
        if scenario.params:
            raise UsageError(
                f"{scenario.name} has parameters: measure a case in each test, "
                f'`@pytest.mark.parametrize("case", {scenario.name}.cases)` and `slo(case)`'
            )
        run, stated = self.growing.run, question.stated
        taken = run is not None and scenario.name in run.record.scenarios
        if taken and self.asked_by.get(scenario.name) != question.name:
            raise UsageError(f"scenario {scenario.name!r} is measured by another test of this run already")
        self.asked_by[scenario.name] = question.name
        scenario = replace(
            scenario,
            rate=stated.rate or scenario.rate,
            users=stated.users or scenario.users,
            think="" if stated.rate else scenario.think,
        )
        config, suite = suite_of(scenario, self.config)
        own = scenario.limits
        limits = Limits((*question.stated.limits, *own.slo), own.refusals)
        objectives = stated_objectives(config, scenario.name, scenario.steps, _limited(question, limits))
        return self.growing.ask_scenario(config, suite, objectives, _beside())

    def _load(self, question: Question) -> Load:
        stated = question.stated
        open_users = ASYNC_USERS if question.running else 1
        users = stated.users or (open_users if stated.rate else 1)
        options = replace(self.config.load, **stated_load(stated.rate, users))  # type: ignore[arg-type]  # by key
        return load_of(question.name, options, self.config.seed)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until no other worker measures, and go on with the run that they share."""
        if self.shared is None:
            yield
            self._remember()
            return
        with self.shared.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if folder := file.read():
                self.growing.load(Path(folder))
            yield
            if not folder and self.growing.run is not None:
                file.write(str(self.growing.run.folder))
                file.flush()
            self._remember()

    def _remember(self) -> None:
        if self.growing.run is not None and self.growing.run.folder not in self.folders:
            self.folders.append(self.growing.run.folder)


def _limited(question: Question, limits: Limits) -> Limits:
    if not limits.slo:
        raise without_limits(question.title.partition("[")[0])
    return limits


def run_of(request: pytest.FixtureRequest) -> PytestRun:
    """Return the run of this pytest run. Raises UsageError for a wrong configuration."""
    stash = request.config.stash
    if _RUN not in stash:
        config = _configuration(request.config)
        words = [str(each) for each in request.config.invocation_params.args]
        growing = GrowingRun(config, ["pytest", *words])
        stash[_RUN] = PytestRun(config, growing, stash[FOLDERS], _shared_by_workers(request))
    return stash[_RUN]


def _configuration(pytestconfig: pytest.Config) -> Config:
    """Return the configuration; files and folders are seen from where pytest was started, wherever a test is now."""
    start = pytestconfig.invocation_params.dir
    file = os.environ.get(FILE_VARIABLE) or nearest_file(start)
    config = load_config(option(pytestconfig, "profile") or PROFILE, file=file and start / file)
    return replace(config, runs_dir=str(start / config.runs_dir))


def _shared_by_workers(request: pytest.FixtureRequest) -> Path | None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return None
    folder: Path = request.getfixturevalue("tmp_path_factory").getbasetemp()
    return folder.parent / "tailguard-run"


def _beside() -> list[Doubt]:
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return [beside_other_tests(workers - 1)] if workers > 1 else []
