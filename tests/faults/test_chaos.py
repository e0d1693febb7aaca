"""Faults begin and end by their plan, whatever they meet, and what they cost is told from the samples."""

import numpy as np
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tailguard.faults.chaos import FaultInjector, Injection
from tailguard.judge.recovery import recoveries
from tailguard.record.chaos import FaultWindow, Outage
from tailguard.record.samples import ERROR, OK, Samples
from tailguard.s3.restartable import restartable_s3
from tests.support.waiting import eventually


def injection(log, label, seconds=0.02, begin=None, end=None):
    return Injection(
        label,
        seconds,
        begin or (lambda: log.append(f"{label} begins")),
        end or (lambda: log.append(f"{label} ends")),
    )


def test_faults_come_one_after_the_other_with_a_calm_before_each():
    log = []
    with FaultInjector([injection(log, "a"), injection(log, "b")], calm_s=0.02) as injector:
        eventually(lambda: len(injector.windows) == 2)
    assert log == ["a begins", "a ends", "b begins", "b ends"]
    first, second = injector.windows
    assert first.began_ns < first.ended_ns < second.began_ns < second.ended_ns
    assert second.began_ns - first.ended_ns >= 0.02e9
    assert injector.labels == ("a", "b")


def test_the_fault_at_hand_is_taken_back_when_the_run_ends_early():
    log = []
    with FaultInjector([injection(log, "a", seconds=60), injection(log, "b")], calm_s=0.0) as injector:
        eventually(lambda: log)
    assert log == ["a begins", "a ends"]
    assert [window.label for window in injector.windows] == ["a"]


def test_a_fault_that_cannot_be_made_is_noted_and_the_next_one_comes():
    log = []

    def broken():
        raise OSError("no such server")

    plan = [injection(log, "a", begin=broken), injection(log, "b")]
    with FaultInjector(plan, calm_s=0.0) as injector:
        eventually(lambda: len(injector.windows) == 2)
    assert [window.note for window in injector.windows] == ["OSError: no such server", ""]
    assert log == ["a ends", "b begins", "b ends"]


def samples(rows):
    """(ended in s, outcome, retries) each; every sample takes a millisecond."""
    ended = np.array([int(at * 1e9) for at, _, _ in rows], dtype=np.int64)
    return Samples(
        scenario="s",
        steps=("step",),
        errors=("", "Broken"),
        intended_ns=ended - 1_000_000,
        started_ns=ended - 1_000_000,
        ended_ns=ended,
        step=np.zeros(len(rows), np.uint8),
        outcome=np.array([outcome for _, outcome, _ in rows], np.uint8),
        error=np.zeros(len(rows), np.uint16),
        retries=np.array([retries for _, _, retries in rows], np.uint8),
    )


def outage(began_s, ended_s):
    return Outage(began_ns=int(began_s * 1e9), ended_ns=int(ended_s * 1e9))


FIRST = FaultWindow(label="first", began_ns=int(10e9), ended_ns=int(12e9))
SECOND = FaultWindow(label="second", began_ns=int(20e9), ended_ns=int(22e9))


def test_recovery_is_the_time_from_the_end_of_a_fault_to_the_end_of_its_last_trouble():
    rows = [
        (9, OK, 0),
        (10.5, ERROR, 0),
        (13, ERROR, 0),
        (14.5, OK, 1),
        (16, OK, 0),
        (21, ERROR, 0),
        (25, OK, 0),
    ]
    first, second = recoveries({"s": samples(rows)}, [FIRST, SECOND], {})
    assert (first.samples, first.errors, first.retried) == (4, 2, 1)
    assert first.recovered_s == pytest.approx(2.5)
    assert (second.errors, second.recovered_s) == (1, 0.0)


def test_a_scenario_that_noticed_nothing_was_well_at_once():
    (found,) = recoveries({"s": samples([(9, OK, 0), (11, OK, 0)])}, [FIRST], {})
    assert (found.samples, found.errors, found.recovered_s) == (1, 0, 0.0)


def test_a_subscriber_that_comes_back_late_delays_its_scenarios_recovery_and_no_other():
    rows = samples([(11, OK, 0)])
    outages = {"s": [outage(11, 13), outage(11, 12.5), outage(5, 6)]}
    watched, other = recoveries({"s": rows, "other": rows}, [FIRST], outages)
    assert (watched.cut_off, watched.recovered_s) == (2, pytest.approx(1.0))
    assert (other.cut_off, other.recovered_s) == (0, 0.0)


def test_a_fault_is_at_hand_until_all_of_it_is_taken_back():
    seen = []
    plan = [
        injection(
            [], "a", begin=lambda: seen.append(injector.at_hand), end=lambda: seen.append(injector.at_hand)
        )
    ]
    with FaultInjector(plan, calm_s=0.1) as injector:
        eventually(lambda: injector.windows)
        assert not injector.at_hand
    assert seen == [True, True]


@pytest.mark.system
def test_a_killed_s3_server_comes_back_on_its_port_with_its_objects():
    with restartable_s3() as s3:
        client = s3.server.client(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=2)
        place = {"Bucket": s3.server.bucket, "Key": "kept"}
        client.put_object(**place, Body=b"body")
        s3.kill()
        with pytest.raises(Exception, match="Could not connect"):
            client.get_object(**place)
        s3.restart()

        def back():
            try:
                return client.get_object(**place)["Body"].read() == b"body"
            except (BotoCoreError, ClientError):
                return False

        eventually(back)
        client.close()
