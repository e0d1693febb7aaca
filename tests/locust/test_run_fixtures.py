"""Fixtures of a Locust run are made by a process of their own, which keeps them and hands their values over."""

import json
import re
import sys
from textwrap import dedent
from types import SimpleNamespace

import msgspec
import pytest
from msgspec.structs import replace

from tailguard.base.clock import MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.locust.master.load_test import LoadTest
from tailguard.locust.master.run_fixtures import Order, run_fixtures
from tailguard.locust.messages import Begin, for_worker, packed
from tailguard.locust.options import Selection
from tailguard.locust.worker.outbox import Outbox
from tailguard.postgres import connect
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tailguard.suite.run import Shard, Target
from tests.support.suite import ROOT

pytestmark = pytest.mark.system
SUITE = """
    import time
    from dataclasses import dataclass
    from pathlib import Path

    import tailguard as tg

    @dataclass(frozen=True)
    class Stock:
        seats: int
        url: str

    @tg.fixture(scope="run")
    def stock(target: tg.Target, run: tg.Run):
        print("seats are counted")
        run.note("faults", ("slow",))
        Path("held").write_text(run.id)
        yield Stock(run.planned["buy"], target.url)
        Path("held").unlink()

    @tg.fixture(scope="run")
    def pool(target: tg.Target):
        tg.skip("the target has no water")

    @tg.fixture(scope="run")
    def broken():
        raise OSError("no such host")

    @tg.fixture
    def desk(stock: Stock, shard: tg.Shard, run: tg.Run):
        run.note("buy.refund", "nobody refunds here")
        yield []
        Path("closed").touch()

    @tg.scenario(steps=["buy", "refund"])
    def buy(it: tg.Iteration, desk, stock: Stock):
        it.step("buy", desk.append, (it.number, it.user))

    @buy.invariants
    def holds(desk, stock: Stock, samples: tg.Samples):
        bought = [number for number, _ in desk if number >= 0]
        yield tg.expect("all that was acknowledged is sold", int(samples.ok("buy").sum()), len(bought))
        yield tg.expect("no more is sold than there was", True, len(bought) <= stock.seats)

    ticket, entered = tg.rows("tickets.csv"), []

    @tg.scenario(steps=["enter"])
    def enter(it: tg.Iteration, ticket):
        it.step("enter", entered.append, ticket["id"])

    @tg.scenario
    def swim(it: tg.Iteration, pool): ...

    @tg.scenario
    def call(it: tg.Iteration, broken): ...

    @tg.fixture(scope="run")
    def hung():
        time.sleep(600)

    @tg.scenario
    def wait(it: tg.Iteration, hung): ...
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "pool_suite.py").write_text(dedent(SUITE), encoding="utf-8")
    (tmp_path / "tailguard.toml").write_text('[suite]\nscenarios = ["pool_suite.py"]\n', encoding="utf-8")
    (tmp_path / "slo.toml").write_text(
        '[defaults]\nerror_rate = "< 1%"\n[scenarios.swim]\n[scenarios.buy]\n', encoding="utf-8"
    )
    (tmp_path / "tickets.csv").write_text("id\n1\n2\n3\n4\n5\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAILGUARD_CONFIG", raising=False)
    monkeypatch.setenv("TAILGUARD_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("pool_suite", None)


@pytest.fixture
def load_test():
    test = LoadTest()
    yield test
    test.close()


def options():
    """Locust's options, as they are if nobody gives another."""
    names = (
        "profile",
        "config",
        "objectives",
        "target",
        "set",
        "rate",
        "schedule",
        "until_decided",
        "keep_raw",
        "dsn",
    )
    given = {"objectives": "slo.toml", "set": ["load.warmup=2", "load.max_samples=40"]}
    return SimpleNamespace(run_time=None, **{f"tailguard_{name}": given.get(name) for name in names})


def order(*scenarios):
    planned = dict.fromkeys(scenarios, 40)
    return Order(selection=Selection(), run="r1", planned=planned, target=Target("http://there"))


def test_what_they_are_and_note_comes_back_and_they_live_as_long_as_they_are_asked_for(folder):
    with run_fixtures(order("buy", "swim")) as made:
        assert (folder / "held").read_text() == "r1"
        assert made.skipped == {"swim": "the target has no water"}
        assert made.noted() == {"faults": ("slow",)}
        stock = msgspec.json.decode(made.values)[
            "pool_suite:stock(tailguard.suite.fixture:target,tailguard.suite.fixture:run)"
        ]
        assert stock["$fields"] == {"seats": 40, "url": "http://there"}
        assert made.environment.postgres is None
    assert not (folder / "held").exists()


def test_one_that_cannot_be_made_is_named_with_its_line(folder):
    with (
        pytest.raises(
            UsageError, match=r"pool_suite.py, line \d+: fixture 'broken' could not be made: OSError"
        ),
        run_fixtures(order("call")),
    ):
        pass


def test_one_that_hangs_is_left_in_time_with_its_line(folder, monkeypatch):
    monkeypatch.setenv("TAILGUARD_LIMITS__PREPARE_S", "0.5")
    hung = (
        r"Wait was not prepared within 0\.5 s \(limits\.prepare_s\), and was left at pool_suite.py, line \d+"
    )
    with pytest.raises(UsageError, match=hung), run_fixtures(order("wait")):
        pass


def test_if_no_scenario_can_be_played_there_is_nothing_to_measure_and_the_run_says_so(folder, load_test):
    with pytest.raises(UsageError, match="nothing to measure"):
        load_test.begin(options(), "http://there", ["swim"])
    record = Run.load("latest", folder / "runs").record
    assert (record.ended, record.exit_code) == (Ended.BROKE_OFF, None)
    assert "nothing to measure" in record.because


def test_a_worker_plays_on_their_values_and_takes_away_what_it_made_of_them(folder, load_test):
    begun = load_test.begin(options(), "", ["buy", "swim"])
    assert begun.plan.scenarios == ("buy",)
    assert begun.run.record.platform.faults == ("slow",)
    arrived = for_worker(packed(Begin(run=begun.id, plan=begun.plan, shard=Shard(1, 2))))
    place = load_test.open_workplace(arrived, MonotonicClock(), lambda *_: None)
    executor = place.executors["buy"]
    assert executor.steps == ("buy",)
    executor.warm_up(begun.plan.warmup)
    with executor.user() as user:
        assert all(executor.play(user) for _ in range(3))
    outbox = Outbox(begun.id)
    outbox.add("buy", executor)
    assert len(list(outbox.cut())) == 1
    assert [each.held for each in place.invariants("buy", outbox)] == [True, True]
    assert place.notes() == {"buy.refund": "nobody refunds here"}
    place.close()
    assert (folder / "closed").exists()


def test_workers_of_this_repositorys_suite_get_tokens_but_neither_what_signs_them_nor_a_superuser(
    monkeypatch,
):
    monkeypatch.chdir(ROOT)
    ours = order("registration", "result_submission")
    ours = replace(ours, target=Target(""), selection=Selection(file=str(ROOT / "tailguard.toml")))
    with run_fixtures(ours) as made:
        values = msgspec.json.decode(made.values)
        kinds = [each["$class"] for each in values.values() if isinstance(each, dict) and "$class" in each]
        assert "perf.reference:Access" in kinds
        assert "perf.reference:Reference" not in kinds
        found = set(re.findall(rb'"conninfo":"((?:[^"\\]|\\.)*)"', made.values))
        [conninfo] = [json.loads(b'"' + each + b'"') for each in found]
        with connect(conninfo) as connection:
            assert connection.execute(
                "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone() == (False,)
            assert connection.execute("SELECT count(*) > 0 FROM accounts_user").fetchone() == (True,)


def test_rows_that_are_used_once_are_taken_from_the_first_on_at_a_target_that_others_have_used(
    folder, load_test
):
    """Elsewhere numbers begin far away, so that nothing is done that an earlier run did."""
    begun = load_test.begin(options(), "", ["enter"])
    plan = replace(begun.plan, first_iteration=7_000_000)
    arrived = for_worker(packed(Begin(run=begun.id, plan=plan, shard=Shard())))
    executor = load_test.open_workplace(arrived, MonotonicClock(), lambda *_: None).executors["enter"]
    executor.warm_up(2)
    with executor.user() as user:
        assert all(executor.play(user) for _ in range(3))
    assert executor.broken == ""
    assert sys.modules["pool_suite"].entered == ["5", "4", "1", "2", "3"]
