"""Faults: off by default, read strictly, and each slowing slows what it names and nothing else."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.errors import Conflict, Unavailable
from reference.faults import OPERATIONS, SWITCHES, Faults, Slowing


def test_nothing_is_on_where_nothing_is_said():
    faults = Faults.from_environment({})
    assert faults.names() == []
    assert not any(faults.has(switch) for switch in SWITCHES)


def test_an_operation_without_a_slowing_is_called_directly():
    assert Faults.parse("delay_ms=5@registration,capacity").around("economy_transfer", len) is len


def test_the_variable_is_read():
    assert Faults.from_environment({"TAILGUARD_FAULTS": " capacity , delay_ms=50@registration "}).names() == [
        "capacity",
        "delay_ms=50@registration",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("capcity", "unknown fault 'capcity'"),
        ("delay_ms", "needs a number"),
        ("delay_ms=fast", "needs a number"),
        ("delay_ms=-1", "at least 0"),
        ("delay_ms=nan", "finite"),
        ("delay_pct=inf", "finite"),
        ("tail=0.03", "needs a number"),
        ("tail=3x5", "between 0 and 1"),
        ("tail=0.03x0.5", "at least 1"),
        ("error_rate=2", "between 0 and 1"),
        ("delay_ms=5@regstration", "unknown operation"),
        ("capacity=1", "unknown fault"),
    ],
)
def test_a_mistake_is_named(text, says):
    with pytest.raises(ValueError, match=says) as refusal:
        Faults.parse(f"state_guard,{text}")
    assert text in str(refusal.value)


def test_asking_for_an_unknown_switch_is_a_mistake():
    with pytest.raises(ValueError, match="no such fault: 'deadlock'"):
        Faults().has("deadlock")


slowings = st.builds(
    Slowing,
    st.sampled_from(["delay_ms", "delay_pct"]),
    st.integers(0, 500).map(float),
    st.sampled_from([None, *OPERATIONS]),
)


@given(st.frozensets(st.sampled_from(SWITCHES)), st.lists(slowings, max_size=4))
def test_names_are_read_back_as_they_were_written(switches, listed):
    faults = Faults(switches, tuple(listed))
    assert Faults.parse(",".join(faults.names())) == faults


def test_delay_ms_adds_its_milliseconds():
    slowed = Faults.parse("delay_ms=20").around("registration", lambda: 7)
    began_s = time.monotonic()
    assert slowed() == 7
    assert time.monotonic() - began_s >= 0.020


def test_delay_pct_is_a_share_of_the_operation():
    assert Slowing("delay_pct", 10).delay_s(0.5) == pytest.approx(0.05)


def test_a_tail_makes_its_share_of_operations_last_its_factor():
    assert Slowing("tail", 5, share=0.03).delay_s(0.1) == pytest.approx(0.4)
    slow = Faults.parse("tail=1x30").around("registration", lambda: time.sleep(0.001))
    began_s = time.monotonic()
    slow()
    assert time.monotonic() - began_s >= 0.030


@pytest.mark.parametrize(("rate", "least", "most"), [("0", 0, 0), ("0.2", 140, 260), ("1", 1000, 1000)])
def test_an_error_rate_fails_about_its_share_the_same_ones_each_time(rate, least, most):
    def failures() -> list[int]:
        call = Faults.parse(f"error_rate={rate}").around("registration", lambda: None)
        return [number for number in range(1000) if not _succeeds(call)]

    assert least <= len(failures()) <= most
    assert failures() == failures()


def test_a_failing_operation_is_delayed_too():
    def fail() -> None:
        raise KeyError

    slowed = Faults.parse("delay_ms=10").around("registration", fail)
    began_s = time.monotonic()
    with pytest.raises(KeyError):
        slowed()
    assert time.monotonic() - began_s >= 0.010


def _succeeds(call) -> bool:
    try:
        call()
    except Unavailable as failure:
        return failure.code != "FAULT_INJECTED"
    return True


def test_what_is_delayed_by_milliseconds_starts_later():
    began_s = time.monotonic()
    started_s = Faults.parse("delay_ms=20").around("websocket_broadcast", time.monotonic)()
    assert started_s - began_s >= 0.020


def test_a_slow_result_is_announced_late(faulty, seeded, monkeypatch):
    platform = faulty("delay_ms=30@result_submission")
    announced_s = []
    monkeypatch.setattr(platform.hub, "subscribers", lambda _tournament_id: 1)
    monkeypatch.setattr(platform, "_publish", lambda *_: announced_s.append(time.monotonic()))
    match_id = seeded.matches[0]
    began_s = time.monotonic()
    platform.submit_result(match_id, seeded.participants(match_id)[0], 2, 1)
    assert announced_s[0] - began_s >= 0.030


@pytest.mark.parametrize(
    "operation", ["registration", "economy_transfer", "wallet_history", "moderation_history"]
)
def test_each_operation_of_the_platform_can_be_made_to_fail(faulty, seeded, fresh, operation):
    platform, user = faulty(f"error_rate=1@{operation}"), seeded.users[next(fresh)]
    calls = {
        "registration": lambda: platform.register(seeded.hot_tournament, user),
        "economy_transfer": lambda: platform.transfer(1, 2, 1, "not-injected"),
        "wallet_history": lambda: platform.wallet_history(42),
        "moderation_history": lambda: platform.moderation_history("TRN-2025-001"),
    }
    with pytest.raises(Unavailable, match=f"{operation} failed on purpose"):
        calls.pop(operation)()
    for call in calls.values():
        call()


class LateSleeper:
    """A clock whose reading costs 1 us and whose sleepers, also those of no time at all, wake 0.5 ms late."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        self.now_s += 1e-6
        return self.now_s

    def sleep(self, wait_s: float) -> None:
        self.now_s += wait_s + 0.0005


@pytest.mark.parametrize(("fault", "factor"), [("delay_pct=10", 1.1), ("tail=1x5", 5.0)])
@pytest.mark.parametrize("took_s", [0.0002, 0.001, 0.02])
def test_a_late_waking_adds_nothing_to_a_delay(monkeypatch, fault, factor, took_s):
    clock = LateSleeper()
    monkeypatch.setattr("reference.faults.time", clock)

    def operation() -> None:
        clock.now_s += took_s

    Faults.parse(fault).around("registration", operation)()
    assert clock.now_s == pytest.approx(took_s * factor, rel=0.001, abs=1e-5)


def test_a_mistake_in_the_variable_names_it_once():
    with pytest.raises(ValueError, match=r"^TAILGUARD_FAULTS: unknown fault 'capcity'"):
        Faults.from_environment({"TAILGUARD_FAULTS": "capcity"})


@pytest.mark.system
def test_with_numbers_that_collide_registrations_at_once_are_refused(faulty, crown, seeded, fresh):
    users = [seeded.users[-1 - next(fresh)] for _ in range(8)]

    def refusals(platform, tournament):
        def enters(user):
            try:
                platform.register(tournament, user)
            except Conflict as refused:
                return refused.code
            return "entered"

        with ThreadPoolExecutor(8) as clients:
            return set(clients.map(enters, users))

    assert refusals(crown, seeded.open_tournaments[0]) == {"entered"}
    platform = faulty("number_collision")
    with ThreadPoolExecutor(2) as halls:
        found = set().union(*halls.map(lambda each: refusals(platform, each), seeded.open_tournaments[1:5]))
    assert "INTEGRITY_ERROR" in found
