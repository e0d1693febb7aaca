"""An async scenario is played on one event loop, on fixtures that live there, many iterations at once."""

import sys
from textwrap import dedent

import pytest

from tailguard.base.errors import UsageError
from tailguard.engine.measure import Pace, measure
from tailguard.engine.schedule import Closed, Constant
from tailguard.engine.workload import Load, Workload
from tailguard.record.scenario import ScenarioEnded
from tailguard.suite.discovery import discover
from tailguard.suite.plan import plan_scenario
from tailguard.suite.resolver import Resolver

pytestmark = pytest.mark.system

SHOP = """
    import asyncio
    import time
    import tailguard as tg

    seen = []

    @tg.fixture
    async def pool():
        seen.append("pool comes")
        yield asyncio.get_running_loop()
        seen.append("pool goes")

    @tg.fixture
    def name(pool):
        return "shop"

    @tg.fixture(scope="user")
    async def client(pool, name):
        assert pool is asyncio.get_running_loop()
        seen.append("client comes")
        yield name
        seen.append("client goes")

    @tg.scenario(rate="50/s")
    async def browse(it, client):
        await it.step("find", asyncio.sleep, 0.02)

    @tg.scenario
    async def hangs(it, client):
        await it.step("find", asyncio.sleep, 60 if it.number == 1 else 0.001)

    @tg.scenario
    async def blocks(it):
        await it.step("find", asyncio.sleep, 0)
        if it.number % 8 == 2:
            time.sleep(0.2)  # what must not be done

    @tg.scenario
    async def slow_service(it):
        await it.step("find", time.sleep, 0.2)

    @tg.scenario
    def plain(it, client): ...

    @tg.scenario
    async def checked(it): ...

    @checked.invariants
    def holds(pool):
        yield tg.expect("x", 0, 0)
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "perf_async_shop.py").write_text(dedent(SHOP), encoding="utf-8")
    yield discover(tmp_path, ["perf_async_shop.py"])
    del sys.modules["perf_async_shop"]


def plan(shop, name):
    (scenario,) = shop.choose([name])
    return plan_scenario(scenario, shop.table(scenario, {}))


def play(shop, name, load, **kw):
    with Resolver() as resolver:
        return measure([Workload(resolver.bind(plan(shop, name)), load)], **kw)[name]


def seen():
    return sys.modules["perf_async_shop"].seen


def test_many_iterations_are_in_flight_and_none_waits_for_another(shop):
    load = Load(Constant(1000, 60), workers=64, warmup=3, max_samples=200)
    measured = play(shop, "browse", load)
    assert (len(measured.samples), int(measured.samples.ok("find").sum())) == (200, 200)
    assert measured.warmup == 3
    # 200 iterations of 20 ms, one after the other, would take 4 s.
    assert measured.measured_s < 3.5


def test_starts_that_come_faster_than_they_are_handed_out_are_late_and_found_free_users(shop):
    measured = play(shop, "browse", Load(Constant(100_000, 60), workers=200, max_samples=200))
    assert len(measured.lateness_ns) == 200


def test_starts_that_find_all_users_busy_are_not_the_generators_lateness(shop):
    measured = play(shop, "browse", Load(Constant(1000, 60), workers=2, max_samples=20))
    assert len(measured.lateness_ns) < 5


def test_fixtures_live_on_the_loop_and_are_taken_away_in_reverse(shop):
    play(shop, "browse", Load(Closed(2, 60), max_samples=6))
    assert seen() == ["pool comes", "client comes", "client comes", "client goes", "client goes", "pool goes"]


def test_an_iteration_that_does_not_come_back_is_an_error_and_its_user_plays_on(shop):
    measured = play(shop, "hangs", Load(Closed(2, 60), max_samples=40), pace=Pace(slice_s=0.1, drain_s=0.1))
    samples = measured.samples
    assert measured.ended_because is ScenarioEnded.MAX_SAMPLES
    assert (len(samples), int(samples.ok("find").sum()), samples.errors) == (40, 39, ("", "TimedOut"))
    assert seen().count("client goes") == 2


def test_a_journey_that_holds_the_loop_outside_of_a_step_is_named_with_its_line(shop):
    holds = []
    play(shop, "blocks", Load(Closed(4, 60), max_samples=40), on_held=holds.append)
    (hold,) = holds
    line = 1 + SHOP.splitlines().index("            time.sleep(0.2)  # what must not be done")
    assert hold.place.endswith(f"perf_async_shop.py, line {line}")
    assert hold.held_s >= 0.05


def test_a_service_that_blocks_inside_a_step_is_slow_and_nothing_else(shop):
    holds = []
    measured = play(shop, "slow_service", Load(Closed(1, 60), max_samples=2), on_held=holds.append)
    assert holds == []
    assert measured.samples.response_ms("find").min() >= 200


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("plain", "fixture 'pool' is async and is needed by a journey that is not: "),
        ("checked", "fixture 'pool' is async and is needed by its invariants, which are not: "),
    ],
)
def test_an_async_fixture_is_for_async_journeys_alone(shop, name, why):
    with pytest.raises(UsageError, match=why):
        plan(shop, name)


def test_a_fixture_that_cannot_be_made_on_the_loop_is_named_with_its_line(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    text = SHOP.replace("yield name", 'raise ConnectionError("refused")\n        yield')
    (tmp_path / "perf_broken_shop.py").write_text(dedent(text), encoding="utf-8")
    suite = discover(tmp_path, ["perf_broken_shop.py"])
    with pytest.raises(
        UsageError, match=r"perf_broken_shop.py, line \d+: fixture 'client' could not be made: Conn"
    ):
        play(suite, "browse", Load(Closed(1, 60), max_samples=1))
    assert sys.modules["perf_broken_shop"].seen[-1] == "pool goes"


def test_a_teardown_on_the_loop_that_does_not_end_is_left(tmp_path, monkeypatch, said):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("tailguard.suite.loop_lifetime.TEARDOWN_S", 0.05)
    text = SHOP.replace('seen.append("client goes")', "await asyncio.sleep(60)")
    (tmp_path / "perf_endless_shop.py").write_text(dedent(text), encoding="utf-8")
    play(discover(tmp_path, ["perf_endless_shop.py"]), "browse", Load(Closed(1, 60), max_samples=1))
    assert "fixture 'client' was left after 0.05 s" in said.text
    assert sys.modules["perf_endless_shop"].seen[-1] == "pool goes"
