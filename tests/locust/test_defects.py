"""The five defects of a real platform, each switched on in the reference: attached by a mapping and a DSN alone, each
is found for the right reason, and without them nothing is.
"""

import os

import pytest

from tests.support.busy_machine import earned
from tests.support.locust_runs import LIMIT_S, processes
from tests.support.mapped_reference import MAPPING, TOGETHER, stranger

pytestmark = pytest.mark.proof
USERS = {
    "registration": "RegistrationUser",
    "result_submission": "ResultSubmissionUser",
    "economy_transfer": "EconomyTransferUser",
    "websocket_broadcast": "WebsocketBroadcastUser",
}


@pytest.fixture
def measured(database, tmp_path):
    """Measure scenarios at the platform with these faults; returns (exit code, record, log)."""

    def measure(faults, rates, mapping=MAPPING):
        warmup = (
            "load.warmup=0" if "once" in mapping else "load.warmup=3"
        )  # a match of `once` is warmed up with, too
        with (
            stranger(database, faults, tmp_path, mapping) as (url, words, variables),
            processes(tmp_path, url, {**os.environ, **variables}) as locust,
        ):
            rate = ",".join(f"{slug}={per_s}" for slug, per_s in rates.items())
            users = str(6 * len(rates))
            one = locust.alone(
                "one", "-u", users, "-r", users, "-t", "14s", "--tailguard-rate", rate, *words,
                "--tailguard-set", "scenario.websocket_broadcast.subscribers=10", "--tailguard-set", warmup,
                *(USERS[slug] for slug in rates),
            )  # fmt: skip
            code = one.wait(LIMIT_S)
            return code, locust.run().record, locust.log("one")

    return measure


def broken(record):
    return {each.name for entry in record.scenarios.values() for each in entry.invariants if not each.held}


def checked(record):
    return {each.name for entry in record.scenarios.values() for each in entry.invariants}


def test_without_a_defect_everything_passes_and_everything_was_checked(measured):
    rates = {"registration": 70, "economy_transfer": 60, "websocket_broadcast": 35}
    code, record, log = measured("", rates)
    assert earned(code, record) == 0, log
    assert broken(record) == set()
    assert {
        "no tournament is over its capacity", "nobody is registered twice", "money is conserved", "no deadlock",
        "no event overtook its commit",
    } <= checked(record)  # fmt: skip
    assert "invariants_unchecked" not in {each.kind for each in record.doubts}


def test_without_a_defect_one_of_two_results_at_once_is_accepted_and_it_passes(measured):
    code, record, log = measured("", {"result_submission": 22}, TOGETHER)
    assert earned(code, record) == 0, log
    assert record.scenarios["result_submission"].counts.ok > 200


def test_opposite_transfers_that_deadlock_are_found(measured):
    code, record, log = measured("crossing_deadlock", {"economy_transfer": 60})
    assert earned(code, record) == 65, log
    assert broken(record) == {"no deadlock"}


def test_registration_numbers_that_collide_are_found(measured):
    code, record, log = measured("number_collision", {"registration": 70})
    assert earned(code, record) == 99, log
    assert "registration number is taken" in record.scenarios["registration"].said["Status409"]


def test_a_tournament_that_takes_more_than_it_holds_is_found(measured):
    code, record, log = measured("capacity", {"registration": 70})
    assert earned(code, record) == 65, log
    assert broken(record) == {"no tournament is over its capacity"}
    assert record.scenarios["registration"].errors["AcceptedFullError"] > 0


def test_two_results_that_both_win_the_same_change_are_found(measured):
    code, record, log = measured("state_guard", {"result_submission": 22}, TOGETHER)
    assert earned(code, record) == 65, log  # every sample is an error, so that there is no p95
    assert set(record.scenarios["result_submission"].errors) == {"NotOneWinnerError"}


def test_an_event_that_overtakes_its_commit_is_found(measured):
    code, record, log = measured("event_before_commit", {"websocket_broadcast": 35})
    assert earned(code, record) == 65, log
    assert broken(record) == {"no event overtook its commit"}
