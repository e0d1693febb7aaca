"""A suite of somebody's own under Locust, in two workers: think time, weights, metrics, a TOML file with WebSockets."""

from contextlib import ExitStack
from textwrap import dedent

import pytest

from tailguard.base.state import State
from tests.support.busy_machine import earned
from tests.support.locust_judged import Judged
from tests.support.shop_service import PASSWORD, served_shop

pytestmark = pytest.mark.system
USERS = "from tailguard.locust import users\n\nglobals().update(users(__file__))\n"
SUITE = """
    import time
    import tailguard as tg

    @tg.scenario(think="0.02s to 0.04s", slo=["depth p95 <= 100", "hit rate >= 20%", "error rate < 60%"])
    def browse(it):
        it.step("look", time.sleep, 0.001)
        it.record("depth", it.number % 7)
        it.record("hit", it.number % 2 == 0)

    @tg.scenario(think="0.02s to 0.04s", slo=["pay p50 <= 30s", "error rate < 60%"])
    def buy(it):
        it.step("pay", time.sleep, 0.001)

    day = tg.mix({browse: 3, buy: 1}, rate="100/s")
"""


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


def played(judged, **files):
    """Write a suite, let eight users in two workers play it, and return its record: nothing is missing of it."""
    for name, text in files.items():
        (judged.folder / name.replace("_toml", ".toml").replace("_py", ".py")).write_text(
            dedent(text), encoding="utf-8"
        )
    code = judged.start(
        "-f", "locust_users.py", "--headless", "-u", "8", "-r", "8", "-t", "4s", "--processes", "2"
    ).wait(120)
    record = judged.record
    assert record.why_incomplete == "", judged.log()
    assert len(record.locust.workers) == 2
    assert earned(code, record) in {0, 75}, judged.log()
    return record


def test_users_are_dealt_by_weight_and_think_and_what_they_record_is_judged(tmp_path, stack):
    judged = Judged(tmp_path, "http://127.0.0.1:1", stack)
    record = played(
        judged, tailguard_toml='[suite]\nscenarios = ["shop.py"]\n', shop_py=SUITE, locust_users_py=USERS
    )
    browse, buy = (record.scenarios[name] for name in ("browse", "buy"))
    assert (browse.schedule.clients, buy.schedule.clients) == (6, 2)
    assert browse.schedule.think_s == (0.02, 0.04)
    assert 0 < browse.counts.ok <= 6 * record.scenarios["browse"].measured_s / 0.02 + 6
    assert browse.metrics["depth"].n == browse.metrics["hit"].n == browse.counts.ok
    assert browse.metrics["depth"].values.max == 6
    assert browse.metrics["hit"].rate == pytest.approx(0.5, abs=0.02)
    judged_by = {each.name: each.state for each in record.verdicts}
    assert {"browse depth p95 <= 100", "browse hit rate >= 20%"} <= judged_by.keys()
    assert set(judged_by.values()) <= {State.PASS, State.INVALID}


@pytest.mark.proof
def test_the_steps_of_a_toml_file_on_its_websocket_and_its_broadcasts_over_two_workers(
    tmp_path, stack, monkeypatch, pytestconfig
):
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)
    example = (pytestconfig.rootpath / "docs" / "examples" / "shop.toml").read_text(encoding="utf-8")
    url, shop = stack.enter_context(served_shop())
    record = played(Judged(tmp_path, url, stack), tailguard_toml=example, locust_users_py=USERS)
    assert set(record.scenarios) == {"browse", "checkout", "support", "price"}
    assert all(each.counts.ok and not each.errors for each in record.scenarios.values())
    assert record.scenarios["support"].steps["ask"].counts.ok > 0
    told = record.locust.broadcasts["price"]
    assert sum(told.spectators.values()) == 2 * 20
    assert (told.duplicates, told.lost_elsewhere, told.unmatched) == (0, 0, 0)
    assert shop.log_ins == 50
