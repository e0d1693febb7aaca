"""What a suite notes of its own run becomes a doubt; what it notes for other readers does not."""

from tailguard.record.doubt import Grade
from tailguard.trust.suite_doubts import doubts_of_notes, skipped_scenario, skipped_step, unchecked


def test_a_target_that_throttled_or_ran_out_of_rows_makes_the_run_invalid():
    notes = {"throttled": "lift UserRateThrottle", "pool_exhausted": "no row of 'users' is left"}
    found = {doubt.kind: doubt for doubt in doubts_of_notes(notes)}
    assert {kind: (doubt.grade, doubt.measured) for kind, doubt in found.items()} == {
        "throttled": (Grade.GRAVE, "lift UserRateThrottle"),
        "pool_exhausted": (Grade.GRAVE, "no row of 'users' is left"),
    }


def test_invariants_that_were_not_checked_are_told_without_a_charge():
    (doubt,) = doubts_of_notes({"invariants_unchecked": "no event is compared with its row"})
    assert (doubt.kind, doubt.scenario, doubt.grade) == ("invariants_unchecked", None, Grade.NOTE)


def test_other_notes_say_nothing_against_a_run():
    assert list(doubts_of_notes({"feed": object(), "faults": ("capacity",), "buy.pay": "no till"})) == []


def test_what_was_skipped_is_named_with_its_reason():
    assert skipped_scenario("buy", "no till").measured == "not measured: no till"
    assert skipped_step("buy", "pay", "no till").measured == "pay was not measured: no till"
    assert unchecked("buy", "no till").scenario == "buy"


def test_a_journey_that_held_the_event_loop_is_a_warning():
    (doubt,) = doubts_of_notes({"held_loop": "held for 200 ms at shop.py, line 3"})
    assert (doubt.kind, doubt.grade, doubt.measured) == (
        "held_loop",
        Grade.WARN,
        "held for 200 ms at shop.py, line 3",
    )
