"""Before the clock starts and after it has stopped: a suite's fixtures, what it skips, what must hold of it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent

import pytest

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config, load_config
from tailguard.engine.measure import measure
from tailguard.engine.placement import choose_placement
from tailguard.engine.summary import scenario_entry
from tailguard.pipeline.environment import describe_environment
from tailguard.pipeline.preparation import Prepared, prepared
from tailguard.pipeline.settling import settle
from tailguard.record.doubt import Doubt
from tailguard.record.run import Run
from tailguard.suite.discovery import discover
from tailguard.suite.run import Target

Prepare = Callable[..., Prepared]
HERE = Target("")
OPTIONS = [
    "load.schedule=constant",
    "load.rate_per_s=100",
    "load.max_seconds=0.2",
    "load.min_samples=1",
    "load.warmup=0",
]


def configured(folder: Path, *sets: str) -> Config:
    """The configuration of a suite in this folder, which says nothing else."""
    (folder / "tailguard.toml").write_text("[suite]\n", encoding="utf-8")
    return load_config(
        file=folder / "tailguard.toml", sets=[f"runs_dir={folder / 'runs'}", *sets], environ={}
    )


@pytest.fixture
def prepare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Prepare]:
    """Prepares the scenarios of a file of this text until the test's end."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    with ExitStack() as stack:

        def made(text: str, target: Target = HERE, *sets: str) -> Prepared:
            (tmp_path / "perf_prepared.py").write_text(
                "import tailguard as tg\n" + dedent(text), encoding="utf-8"
            )
            suite = discover(tmp_path, ["perf_prepared.py"])
            config = configured(tmp_path, *OPTIONS, *sets)
            placement = choose_placement(pin=False)
            return stack.enter_context(prepared(config, suite, "r1", placement, target))

        yield made
    sys.modules.pop("perf_prepared", None)


def settled(ready: Prepared, folder: Path) -> tuple[Run, list[Doubt]]:
    """Measure what is prepared, and settle it as a run does."""
    run = Run.start(configured(folder), environment=describe_environment(Path.cwd()))
    measured = measure(ready.workloads)
    for scenario in ready.scenarios:
        entry = scenario_entry(scenario.title, measured[scenario.name])
        run.add_scenario(scenario.name, entry, measured[scenario.name].samples)
    doubts = [
        doubt
        for scenario in ready.scenarios
        for doubt in settle(run, scenario, measured[scenario.name].samples, 60.0)
    ]
    return run, doubts


def test_a_scenario_gets_the_built_ins_that_it_names_and_nothing_else_is_started(prepare: Prepare) -> None:
    ready = prepare("""
        @tg.fixture
        def seen(config, run, target, shard, folder, connections):
            return dict(seed=config.seed, id=run.id, url=target.url, shard=(shard.index, shard.count), folder=folder)

        @tg.scenario
        def look(it, seen): it.step("look", len, seen)
    """)
    (scenario,) = ready.scenarios
    seen = next(each for each in scenario.shared if isinstance(each, dict))
    folder = seen.pop("folder")
    assert seen == {"seed": 1, "id": "r1", "url": "", "shard": (0, 1)}
    assert list(folder.iterdir()) == []
    assert (ready.parts.database, ready.parts.s3) == (None, None)


def test_a_fixture_of_the_suites_own_wins_over_the_built_in_of_its_name(prepare: Prepare) -> None:
    ready = prepare("""
        @tg.fixture
        def postgres(): return "a database of my own"

        @tg.scenario
        def look(it, postgres): it.step("look", len, postgres)
    """)
    assert ready.scenarios[0].shared == ["a database of my own"]
    assert ready.parts.database is None


def test_the_servers_of_a_target_elsewhere_are_not_ours(prepare: Prepare) -> None:
    text = """
        @tg.scenario
        def look(it, postgres, s3): it.step("look", print, postgres.conninfo, s3.endpoint)
    """
    ready = prepare(text, Target("http://shop.example"))
    assert ready.parts.database is None
    assert {
        str(getattr(each, "conninfo", getattr(each, "endpoint", None))) for each in ready.scenarios[0].shared
    } == {""}


def test_a_run_knows_how_many_iterations_are_planned_at_most(prepare: Prepare) -> None:
    text = """
        @tg.scenario
        def look(it): ...

        @tg.scenario
        def buy(it): ...
    """
    assert prepare(text).run.planned == {"look": 20, "buy": 20}
    assert prepare(text, HERE, "load.max_samples=7").run.planned == {"look": 7, "buy": 7}


def test_a_scenario_whose_fixture_skips_is_left_out_aloud(
    prepare: Prepare, said: pytest.LogCaptureFixture
) -> None:
    ready = prepare("""
        @tg.fixture
        def till(): tg.skip("there is no till")

        @tg.scenario
        def look(it): it.step("look", int)

        @tg.scenario
        def buy(it, till): it.step("buy", till.buy)
    """)
    assert [each.name for each in ready.scenarios] == ["look"]
    assert [(each.kind, each.scenario) for each in ready.doubts] == [("skipped_scenario", "buy")]
    assert "Buy is skipped: there is no till" in said.messages


def test_if_every_scenario_is_skipped_nothing_is_measured(prepare: Prepare) -> None:
    with pytest.raises(UsageError, match=r"Nothing is left to measure\. not measured: there is no till"):
        prepare("""
            @tg.fixture
            def till(): tg.skip("there is no till")

            @tg.scenario
            def buy(it, till): it.step("buy", till.buy)
        """)


def test_a_step_that_is_noted_as_skipped_is_not_expected(
    prepare: Prepare, said: pytest.LogCaptureFixture
) -> None:
    ready = prepare("""
        @tg.fixture
        def till(run): run.note("buy.pay", "there is no till")

        @tg.scenario(steps=["choose", "pay"])
        def buy(it, till): it.step("choose", int)
    """)
    assert ready.scenarios[0].steps == ("choose",)
    assert [each.measured for each in ready.doubts] == ["pay was not measured: there is no till"]
    assert "Buy: pay is skipped: there is no till" in said.messages


COUNTED = """
    class Till:
        def __init__(self): self.bought = 0
        def buy(self): self.bought += 1
        def counters(self): return {"till.bought": self.bought}

    @tg.fixture
    def till(): return Till()

    @tg.fixture
    def books(): tg.skip("the books are not ours to read")

    @tg.scenario
    def buy(it, till): it.step("buy", till.buy)
"""


@pytest.mark.system
def test_what_must_hold_is_checked_and_what_a_part_counts_is_kept(prepare: Prepare, tmp_path: Path) -> None:
    ready = prepare(
        COUNTED
        + """
    @buy.invariants
    def holds(till, samples): yield tg.expect("all that was bought is counted", len(samples), till.bought)
    """
    )
    run, doubts = settled(ready, tmp_path)
    entry = run.record.scenarios["buy"]
    assert [(each.name, each.held) for each in entry.invariants] == [("all that was bought is counted", True)]
    assert entry.counters == {"till.bought": entry.counts.ok}
    assert doubts == []


@pytest.mark.system
def test_invariants_that_cannot_be_had_here_are_left_out_and_said_so(
    prepare: Prepare, tmp_path: Path
) -> None:
    ready = prepare(
        COUNTED
        + """
    @buy.invariants
    def holds(books): yield tg.expect("the books are right", 1, books.sum())
    """
    )
    run, (doubt,) = settled(ready, tmp_path)
    assert run.record.scenarios["buy"].invariants == ()
    assert (doubt.kind, doubt.scenario, doubt.measured) == (
        "invariants_unchecked",
        "buy",
        "the books are not ours to read",
    )


def test_fixtures_that_hang_are_left_in_time_with_their_line(prepare: Prepare) -> None:
    text = """
        import time

        @tg.fixture
        def rows():
            time.sleep(60)

        @tg.scenario
        def buy(it, rows): ...
    """
    with pytest.raises(UsageError, match=r"Buy was not prepared within 0\.3 s \(limits\.prepare_s\).*line 7"):
        prepare(text, HERE, "limits.prepare_s=0.3")
