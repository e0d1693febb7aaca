"""The one run of a pytest run: each test that asks adds its scenario, one after another, also over xdist's workers."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import TextIO

import pytest

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config, load_config
from tailguard.config.suite_table import FILE_VARIABLE, nearest_file
from tailguard.engine.workload import Workload
from tailguard.judge.objectives.configured import stated_objectives
from tailguard.pytest_plugin import FOLDERS, option
from tailguard.pytest_plugin.growing_run import GrowingRun
from tailguard.pytest_plugin.marker import without_limits
from tailguard.pytest_plugin.question import STEP, Answer, Question
from tailguard.record.doubt import Doubt
from tailguard.suite.discovery import suite_of
from tailguard.suite.scenario import Limits, Scenario
from tailguard.trust.suite_doubts import beside_other_tests

PROFILE = "pytest"
_RUN = pytest.StashKey["PytestRun"]()


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

    @property
    def stop(self) -> Event:
        """Ends the measurement at hand at once if another thread sets it."""
        return self.growing.stop

    def ask(self, question: Question) -> Answer:
        """Measure and judge it. Raises UsageError for what cannot be measured."""
        with self._turn():
            if isinstance(question.call, Scenario):
                return self._ask_scenario(question, question.call)
            limits = Limits(question.stated.limits)
            objectives = stated_objectives(self.config, question.name, (STEP,), _limited(question, limits))
            workload = Workload(question.scenario(), question.load(self.config))
            return self.growing.ask(workload, objectives, question.players, _beside())

    def compare(self, question: Question, item: pytest.Item) -> Answer:
        """Compare the call with that of a commit, in a run of its own. Raises UsageError for what cannot be."""
        # Git, servers and the statistics of pairs: a test with limits needs none of them.
        from tailguard.pytest_plugin.comparing import Comparison  # noqa: PLC0415

        if isinstance(question.call, Scenario):
            raise UsageError(
                f"{question.call.name} is a scenario: compare it by `tailguard duet FILE --baseline-ref "
                f"{question.stated.compare}`"
            )
        with self._alone():
            comparison = Comparison.of(question, item)
            return comparison.answer(self.config, self.growing.command, _beside(), self.folders)

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

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until no other worker measures, and go on with the run that they share."""
        with self._alone() as file:
            folder = file.read() if file else ""
            if folder:
                self.growing.load(Path(folder))
            yield
            if file and not folder and self.growing.run is not None:
                file.write(str(self.growing.run.folder))
                file.flush()
            self._remember()

    @contextmanager
    def _alone(self) -> Iterator[TextIO | None]:
        """Wait until no other worker measures; yields the file that they share, None if there are none."""
        if self.shared is None:
            yield None
            return
        with self.shared.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            yield file

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
