"""The recipes in docs/how-to: what stands there is written into a folder, and played as it stands."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tailguard.config.asked_suite import asked_suite
from tailguard.config.merge import load_config
from tailguard.engine.measure import measure
from tailguard.engine.schedule import Closed
from tailguard.engine.workload import Load, Measurement, Workload
from tailguard.judge.exceedance import is_met
from tailguard.judge.objectives.configured import configured_objectives
from tailguard.pipeline.opened_suite import open_suite
from tailguard.suite.discovery import plans_of
from tailguard.suite.resolver import Resolver
from tests.support.forgotten_modules import forgetting

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to"
PYTHON = re.compile(r"```python\n# (\w+\.py)\n(.*?)```", re.DOTALL)
CSV = re.compile(r"`(\w+\.csv)`:\n\n```csv\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"^\$ tailguard run (perf_\w+\.py)$", re.MULTILINE)
NEEDS = {
    "celery": ("celery",),
    "django": ("django",),
    "fastapi": ("fastapi", "httpx"),
    "function": (),
    "graphql": ("httpx",),
    "grpc": ("grpc",),
    "limit-per-parameter": (),
    "login": (),
    "metrics": (),
    "mixed-workload": (),
    "redis-queue": ("redis",),
    "sqlalchemy": ("sqlalchemy",),
}
ITERATIONS, PATIENCE_S = 40, 60


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder that stands first on the path; what was imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    with forgetting(tmp_path):
        yield tmp_path


def written(name: str, folder: Path) -> str:
    """Write the files of a recipe, and return the file of scenarios that its command names."""
    text = (HOW_TO / f"{name}.md").read_text(encoding="utf-8")
    for file, content in [*PYTHON.findall(text), *CSV.findall(text)]:
        (folder / file).write_text(content, encoding="utf-8")
    [command] = COMMAND.findall(text)
    return command


def test_each_recipe_with_a_scenario_is_tried() -> None:
    with_scenario = {path.stem for path in HOW_TO.glob("*.md") if COMMAND.search(path.read_text("utf-8"))}
    assert with_scenario == {*NEEDS}


@pytest.mark.system
# A worker of Celery takes half a minute to start and to end.
@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=pytest.mark.proof) if each == "celery" else each for each in NEEDS]
)
def test_a_recipe_works_as_it_stands(name: str, folder: Path, request: pytest.FixtureRequest) -> None:
    for package in NEEDS[name]:
        pytest.importorskip(package)
    if name == "redis-queue":
        request.getfixturevalue("redis_server")
    played(written(name, folder))


@pytest.mark.system
def test_a_token_that_is_about_to_expire_is_renewed_in_a_step_of_its_own(folder: Path) -> None:
    pytest.importorskip("httpx")
    file = folder / written("graphql", folder)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("EARLY_S = 0.3", "EARLY_S = 1.0"), encoding="utf-8")
    samples = played(file.name)["graphql"].samples
    assert samples.ok("item").sum() == samples.ok("log in").sum() == ITERATIONS


def played(file: str) -> dict[str, Measurement]:
    """Play a file of scenarios for a few iterations: nothing fails, every limit is met, every invariant holds."""
    config, suite = open_suite(load_config("smoke", suite=asked_suite([file]), environ={}))
    objectives = configured_objectives(config, suite.steps, suite.limits)
    mixed = suite.cases([config.mix])
    load = Load(Closed(2, 60), warmup=2, max_samples=ITERATIONS)
    with Resolver() as resolver:
        found = [resolver.bind(plan) for plan in plans_of(config, suite, {})]
        workloads = [Workload(each, load, mix="mix" if each.name in mixed else "") for each in found]
        measured = measure(workloads, run_id="r1")
        invariants = [held for each in found for held in each.check(measured[each.name].samples, PATIENCE_S)]
    for slug, each in measured.items():
        assert each.samples.ok(each.samples.steps[0]).sum() >= (1 if slug in mixed else ITERATIONS)
        assert len(each.samples.errors) == 1, each.samples.errors
        assert [item.name for item in objectives.of(slug) if not is_met(each.samples, item)] == []
    assert [each.name for each in invariants if not each.held] == []
    return measured
