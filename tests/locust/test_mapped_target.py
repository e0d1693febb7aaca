"""A platform of one's own under Locust: only what it has is played, and its users stay logged in on every worker."""

import os

import pytest

from tailguard.base.state import State
from tests.support.locust_runs import LIMIT_S, processes
from tests.support.other_platform import MAPPING, other_platform, write_mapping

pytestmark = pytest.mark.proof
PLAYERS, WORKERS = 5, 2


def test_a_target_is_played_for_longer_than_its_log_ins_last_and_what_it_lacks_is_left_out(tmp_path):
    mapping = MAPPING.replace('kind = "session"', 'kind = "session"\nrenew_after_s = 1.0')
    with (
        other_platform() as (url, state),
        processes(tmp_path, url, {**os.environ, "OTHER_PASSWORD": "open sesame"}) as locust,
    ):
        state.session_s = 4.0
        words = ("--tailguard-target", str(write_mapping(tmp_path, mapping)))
        users = ("EconomyTransferUser", "WebsocketBroadcastUser")
        master = locust.master("-u", "4", "-r", "4", "-t", "10s", *words, *users, workers=WORKERS)
        for number in range(WORKERS):
            locust.worker(f"worker{number}")
        locust.ends(master, "master", 75)
        record, log = locust.run().record, locust.log("master")
    assert "SKIPPED, and so neither passed nor failed: websocket_broadcast: it has no feed" in log
    entry = record.scenarios["economy_transfer"]
    assert list(record.scenarios) == ["economy_transfer"]
    assert entry.schedule.clients == 4
    assert entry.counts.ok == entry.counts.total > 0
    assert state.log_ins >= PLAYERS * (1 + WORKERS * 5)
    assert sum(state.balances.values()) == 100 * len(state.balances)
    states = {each.name: each.state for each in record.verdicts}
    assert states["websocket_broadcast error rate < 1%"] is State.INCONCLUSIVE
    kinds = {(each.kind, each.scenario) for each in record.doubts}
    assert {
        ("skipped_scenario", "websocket_broadcast"),
        ("invariants_unchecked", "economy_transfer"),
    } <= kinds


def test_a_target_without_any_step_of_the_chosen_scenarios_ends_before_anything_starts(tmp_path):
    with (
        other_platform() as (url, _),
        processes(tmp_path, url, {**os.environ, "OTHER_PASSWORD": "open sesame"}) as locust,
    ):
        words = ("-u", "1", "-t", "4s", "--tailguard-target", str(write_mapping(tmp_path)))
        assert locust.alone("none", *words, "WebsocketBroadcastUser").wait(LIMIT_S) == 64, locust.log("none")
        assert "there is nothing to measure" in locust.log("none")


def test_the_run_time_begins_once_everybody_is_there(tmp_path):
    """Log-ins, a warm-up of 4 s and users that come one a second are not part of it."""
    with (
        other_platform() as (url, state),
        processes(tmp_path, url, {**os.environ, "OTHER_PASSWORD": "open sesame"}) as locust,
    ):
        state.coins_s = 0.2
        words = ("--tailguard-target", str(write_mapping(tmp_path)), "--tailguard-set", "load.warmup=20")
        one = locust.alone("one", "-u", "3", "-r", "1", "-t", "5s", *words, "EconomyTransferUser")
        locust.ends(one, "one", 75)
        record, log = locust.run().record, locust.log("one")
    assert record.scenarios["economy_transfer"].measured_s >= 5.0
    assert "the --run-time of 5 s begins" in log
    assert "No run time limit" not in log
    assert "short_measurement" not in {each.kind for each in record.doubts}
