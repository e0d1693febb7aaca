"""A suite that is written with the public names is found, put together and played by the engine."""

import sys
from textwrap import dedent

import pytest

from tailguard.engine.measure import measure
from tailguard.engine.schedule import Closed, Constant
from tailguard.engine.workload import Load, Workload
from tailguard.suite.discovery import discover
from tailguard.suite.fixture import given
from tailguard.suite.plan import plan_scenario
from tailguard.suite.resolver import Resolver
from tailguard.suite.run import Run, Target
from tests.support.fake_clock import FakeClock

pytestmark = pytest.mark.system

SHOP = """
    import tailguard as tg

    class SoldOut(Exception): ...

    class Shop:
        def __init__(self, url):
            self.url, self.sold, self.open = url, [], True

        def buy(self, user, number):
            assert self.open
            if number % 10 == 9:
                raise SoldOut
            if number >= 0:  # the warm-up sells nothing
                self.sold.append((user, number))
            return tg.Timed(number, retries=1)

    @tg.fixture(scope="run")
    def stock(run: tg.Run) -> int:
        return run.planned["buy"]

    @tg.fixture
    def shop(target: tg.Target, stock: int):
        shop = Shop(target.url)
        yield shop
        shop.open = False

    @tg.fixture(scope="user")
    def client(shop: Shop, run: tg.Run):
        run.notes.setdefault("clients", []).append("comes")
        yield shop.buy
        run.notes["clients"].append("goes")

    @tg.scenario(refusals={SoldOut: "<= 20%"}, slo=["buy p95 <= 50ms"])
    def buy(it: tg.Iteration, client) -> None:
        it.step("buy", client, it.user, it.number)

    @buy.invariants
    def holds(shop: Shop, samples: tg.Samples, stock: int):
        yield tg.expect("all that was acknowledged is sold", int(samples.ok("buy").sum()), len(shop.sold))
        yield tg.expect("no more is sold than there was", True, len(shop.sold) <= stock)
"""


@pytest.fixture
def suite(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "perf_shop.py").write_text(dedent(SHOP))
    yield discover(tmp_path, ["perf_shop.py"])
    del sys.modules["perf_shop"]


def play(suite, load, clock=None):
    """Measure the one scenario as a run does; return its measurement, its invariants and the run."""
    run = Run("r1", 7, planned={"buy": 200})
    built_ins = {each.name: each for each in (given("run", run), given("target", Target("http://shop")))}
    (scenario,) = suite.choose(["buy"])
    with Resolver() as resolver:
        bound = resolver.bind(plan_scenario(scenario, suite.table(scenario, built_ins)))
        measured = measure([Workload(bound, load)], clock=clock, run_id=run.id, seed=run.seed)["buy"]
        return measured, bound.check(measured.samples, 60.0), run


def test_a_scenario_is_measured_on_its_fixtures_and_its_invariants_are_checked(suite):
    load = Load(Constant(100, 60), workers=1, warmup=5, max_samples=100)
    measured, invariants, _ = play(suite, load, FakeClock())
    samples = measured.samples
    assert (len(samples), int(samples.ok("buy").sum())) == (100, 90)
    assert samples.errors == ("", "SoldOut")
    assert samples.retries[samples.ok("buy")].tolist() == [1] * 90
    assert [(each.held, each.expected, each.observed) for each in invariants] == [
        (True, "90", "90"),
        (True, "True", "True"),
    ]


def test_each_thread_is_a_user_with_a_client_of_its_own(suite):
    _, invariants, run = play(suite, Load(Closed(4, 60), max_samples=200))
    assert all(each.held for each in invariants)
    assert run.notes["clients"] == ["comes"] * 4 + ["goes"] * 4
