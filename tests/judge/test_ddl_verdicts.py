"""What is said of a SQL file: by its locks, by what clients met, and by the safe way beside it."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tailguard.base.errors import UsageError
from tailguard.base.state import State, worst
from tailguard.judge.proof.ddl import ddl_verdicts
from tailguard.judge.proof.holds import holds_of
from tailguard.judge.proof.lock_words import blocked_by
from tailguard.record.ddl import DdlProof, DdlStep, GrowthRun, HeldLock, TableSize
from tests.support.made_ddl import ddl_proof, observation, samples, statement

LIVE = samples()
PROOF = ddl_proof(LIVE)


def asked(proof: DdlProof = PROOF) -> dict[str, State]:
    return {f"{each.migration} {each.name}": each.state for each in ddl_verdicts(proof, LIVE)}


def alone(*statements, transaction: bool = False, real_rows: int = 20_000) -> DdlProof:
    """A step that no client could be made for: what is said of it is said by its locks."""
    step = DdlStep(number="1", transaction=transaction, statements=statements, tables=())
    return replace(PROOF, steps=(step,), tables={"orders": TableSize(rows=20_000, real_rows=real_rows)})


def test_a_stall_in_both_runs_fails_and_the_safe_way_passes():
    found = asked()
    assert found["1 longest wait of readers"] is State.FAIL
    assert found["1 safe way: longest wait of readers"] is State.PASS
    assert {state for name, state in found.items() if name.startswith("2 ")} == {State.PASS}


def test_a_stall_in_one_run_alone_may_be_the_machines():
    step = PROOF.steps[0]
    mixed = replace(step, trials=(step.trials[0], PROOF.steps[1].trials[0]))
    assert asked(replace(PROOF, steps=(mixed,)))["1 longest wait of readers"] is State.INCONCLUSIVE


def test_a_control_that_no_client_met_makes_the_proof_worthless():
    blind = replace(PROOF.steps[1], control=PROOF.steps[1].trials[0])
    assert asked(replace(PROOF, steps=(blind,)))["2 positive control"] is State.INVALID


def test_a_safe_way_that_came_to_no_end_is_not_known_to_be_one():
    step = PROOF.steps[0]
    assert step.safe is not None
    given_up = replace(
        step.safe, trials=(replace(step.safe.trials[0], failed="given up"), step.safe.trials[1])
    )
    found = asked(replace(PROOF, steps=(replace(step, safe=given_up),)))
    assert found["1 safe way: came to its end"] is State.INCONCLUSIVE


def test_an_index_that_is_left_invalid_fails_either_way():
    step = PROOF.steps[0]
    assert step.safe is not None
    assert not [name for name in asked() if "left behind" in name]
    left = replace(step.trials[0], left=("orders_x",))
    found = asked(replace(PROOF, steps=(replace(step, trials=(left, step.trials[1])),)))
    assert found["1 nothing left behind"] is State.FAIL
    safe = replace(step.safe, trials=(replace(step.safe.trials[0], left=("orders_x",)),))
    found = asked(replace(PROOF, steps=(replace(step, safe=safe),)))
    assert found["1 safe way: nothing left behind"] is State.FAIL


def test_a_lock_of_a_moment_passes_and_one_that_grows_with_the_table_is_judged_on_the_real_table():
    moment = statement("ALTER TABLE orders ADD x int", "add-column", observation())
    scan = statement("ALTER TABLE orders ADD CHECK (x > 0)", "check", observation(scanned=("orders",)))
    assert worst(asked(alone(moment, real_rows=10**9)).values()) is State.PASS
    assert worst(asked(alone(scan)).values()) is State.PASS
    assert worst(asked(alone(scan, real_rows=10**9)).values()) is State.FAIL
    (verdict,) = ddl_verdicts(alone(scan, real_rows=200_000_000), LIVE)
    assert "blocks reads and writes to orders for as long as it works, 1 ms here" in verdict.observed
    assert "predicted for the real table: 10 s" in verdict.observed


def test_a_lock_is_held_until_the_commit_whatever_comes_after_it():
    moment = statement("ALTER TABLE orders ADD x int", "add-column", observation())
    update = statement(
        "UPDATE customers SET x = 1",
        "update",
        observation("RowExclusiveLock", changed_rows={"customers": 5_000}, seconds=2.0),
    )
    step = alone(moment, update, transaction=True).steps[0]
    first, second = holds_of(step, {})
    assert (first.of, first.what, first.seconds) == ("orders", "reads and writes", 2.001)
    assert (second.of, second.what, second.grows) == ("customers", "writes to 5,000 rows", True)
    assert worst(asked(alone(moment, update, transaction=True)).values()) is State.FAIL


def test_what_grows_with_a_small_table_is_not_multiplied_by_the_rows_of_a_large_one():
    seen = observation(rewritten=("countries",))
    rewrite = statement("ALTER TABLE countries ALTER id TYPE bigint", "alter-type", seen)
    sizes = {
        "orders": TableSize(rows=20_000, real_rows=10**9),
        "countries": TableSize(rows=200, real_rows=200),
    }
    small = replace(alone(rewrite), tables=sizes)
    assert worst(asked(small).values()) is State.PASS
    large = replace(small, tables={"countries": TableSize(rows=200, real_rows=10**7)})
    assert worst(asked(large).values()) is State.FAIL


def test_a_table_that_nobody_uses_yet_keeps_nobody_waiting():
    seen = observation(locks=(HeldLock(relation="events_next", mode="AccessExclusiveLock"),))
    attach = statement("ALTER TABLE events ATTACH PARTITION events_next DEFAULT", "attach-partition", seen)
    step = alone(attach).steps[0]
    assert [hold.of for hold in holds_of(step, {})] == ["events_next"]
    assert holds_of(replace(step, unused=("events_next",)), {}) == []


def test_a_row_of_a_ledger_is_not_a_backfill():
    row = statement(
        "INSERT INTO schema_migrations VALUES (1)",
        "",
        observation("RowExclusiveLock", changed_rows={"schema_migrations": 1}),
    )
    assert holds_of(alone(row).steps[0], {}) == []
    assert not row.observed.grows


@pytest.mark.parametrize(
    ("mode", "blocks"),
    [
        ("AccessExclusiveLock", "reads and writes"),
        ("ShareRowExclusiveLock", "writes"),
        ("ShareLock", "writes"),
        ("ShareUpdateExclusiveLock", ""),
        ("RowExclusiveLock", ""),
        ("AccessShareLock", ""),
    ],
)
def test_what_a_lock_blocks(mode, blocks):
    assert blocked_by(mode) == blocks
    step = alone(
        statement("x", "", replace(observation(), locks=(HeldLock(relation="t", mode=mode),)))
    ).steps[0]
    assert [hold.what for hold in holds_of(step, {})] == ([blocks] if blocks else [])


def test_a_proof_that_broke_off_or_has_no_step_is_invalid():
    assert asked(replace(PROOF, steps=()))[" proof complete"] is State.INVALID
    assert asked(replace(PROOF, unproved="line 3: PostgreSQL refuses it"))[" proof complete"] is State.INVALID


def test_a_lost_window_is_named():
    left = {name: each for name, each in LIVE.items() if name != "1/run_2_readers"}
    with pytest.raises(UsageError, match="1/run_2_readers"):
        ddl_verdicts(PROOF, left)


def grown(seconds_of: Callable[[int], float], real_rows: int) -> DdlProof:
    """A scan that was tried three times on each of three sizes."""
    scan = statement("ALTER TABLE orders ADD CHECK (x > 0)", "check", observation(scanned=("orders",)))
    proof = alone(scan, real_rows=real_rows)
    runs = [
        GrowthRun(rows=rows, seconds=(seconds_of(rows) * (1 + 0.02 * run),))
        for rows in (5_000, 10_000, 20_000)
        for run in range(3)
    ]
    step = replace(proof.steps[0], grows_by="orders", growth=(*runs,))
    return replace(proof, steps=(step,))


def test_a_prediction_goes_on_along_the_line_through_three_sizes_and_has_a_range():
    proof = grown(lambda rows: 0.01 + rows * 1e-6, 200_000_000)
    (hold,) = holds_of(proof.steps[0], proof.tables)
    assert hold.prediction is not None
    assert hold.prediction.low_s < 200 * 1.02 < hold.prediction.high_s
    assert hold.prediction.seconds == pytest.approx(204, rel=0.03)
    (verdict,) = ddl_verdicts(proof, LIVE)
    assert verdict.state is State.FAIL
    assert "predicted for 200,000,000 rows: about 3 min" in verdict.observed


def test_a_range_that_reaches_the_limit_decides_nothing():
    noisy = iter([0.001, 0.009, 0.002, 0.003, 0.011, 0.001, 0.004, 0.012, 0.002])
    assert worst(asked(grown(lambda _: next(noisy), 1_000_000)).values()) is State.INCONCLUSIVE
    assert worst(asked(grown(lambda _: 0.01, 1_000_000)).values()) is State.PASS


def test_two_sizes_are_too_few_for_a_range():
    proof = grown(lambda rows: rows * 1e-6, 200_000_000)
    step = replace(proof.steps[0], growth=proof.steps[0].growth[:6])
    (verdict,) = ddl_verdicts(replace(proof, steps=(step,)), LIVE)
    assert "predicted for the real table: 10 s" in verdict.observed


@pytest.mark.parametrize(("noise_s", "wide"), [(0.0001, False), (0.01, True)])
def test_a_range_that_says_little_is_called_wide(noise_s, wide):
    scan = statement("ALTER TABLE orders ADD CHECK (x > 0)", "check", observation(scanned=("orders",)))
    runs = tuple(
        GrowthRun(rows=rows, seconds=(rows / 1e6 + noise_s * (number % 2),))
        for rows in (5_000, 10_000, 20_000)
        for number in range(4)
    )
    proof = alone(scan, real_rows=200_000_000)
    grown = replace(proof.steps[0], grows_by="orders", growth=runs)
    (verdict,) = ddl_verdicts(replace(proof, steps=(grown,)), LIVE)
    assert "predicted for 200,000,000 rows" in verdict.observed
    assert ("a wide range: copy more rows" in verdict.observed) is wide
