"""What follows from the files of a shadow run."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from tailguard.base.state import State
from tailguard.compare.shadow.verdicts import ShadowComparison, compare_shadow
from tailguard.record.doubt import Grade
from tailguard.trust.shadow_doubts import shadow_doubts
from tests.support.made_shadow import made_answers, made_counts, made_shadow
from tests.support.runs_by_hand import entry_of, samples_of


def compared(
    folder: Path, slower: float = 1.0, n: int = 1_000, lies: int = 0, **counts: int
) -> ShadowComparison:
    """Compare two sides with the same noise, of which the candidate is so much slower."""
    run = made_shadow(folder)
    times_ms = np.random.default_rng(9).lognormal(2, 0.3, n)
    for side, factor in (("primary", 1.0), ("candidate", slower)):
        samples = samples_of(side, ("GET /cart/{id}",), times_ms * factor)
        run.add_scenario(side, entry_of(samples), samples)
    run.write_answers(made_answers(lies=lies, n=n))
    assert run.record.shadow is not None
    return compare_shadow(run, replace(run.record.shadow, counts=made_counts(**counts)))


def states(found: ShadowComparison) -> list[State]:
    return [each.state for each in found.verdicts]


def test_a_candidate_that_answers_the_same_as_fast_passes(tmp_path: Path) -> None:
    assert states(compared(tmp_path)) == [State.PASS] * 4


def test_a_slower_candidate_fails_although_it_answers_the_same(tmp_path: Path) -> None:
    found = compared(tmp_path, slower=1.2)
    assert found.answers.state is State.PASS
    assert {each.q: each.state for each in found.changes} == {
        0.5: State.FAIL,
        0.95: State.FAIL,
        0.99: State.FAIL,
        None: State.PASS,
    }


def test_a_lie_fails_although_it_is_as_fast(tmp_path: Path) -> None:
    found = compared(tmp_path, lies=400)
    assert (found.answers.state, found.answers.differing, found.answers.fields) == (State.FAIL, 300, 1)
    assert "GET /cart/{id}: total" in found.answers.why


def test_a_candidate_that_answers_nothing_but_errors_fails(tmp_path: Path) -> None:
    run = made_shadow(tmp_path)
    assert run.record.shadow is not None
    samples = samples_of("candidate", ("GET /cart/{id}",), np.ones(1_000), outcome=np.full(1_000, 2))
    run.add_scenario("candidate", entry_of(samples), samples)
    found = compare_shadow(run, run.record.shadow)
    assert {each.q: each.state for each in found.changes if each.gated} == {
        0.5: State.INCONCLUSIVE,
        0.95: State.INCONCLUSIVE,
        None: State.FAIL,
    }


@pytest.mark.parametrize("n", [5, 100, 458])
def test_too_few_answers_never_pass(tmp_path: Path, n: int) -> None:
    found = compared(tmp_path, n=n)
    assert found.answers.state is State.INCONCLUSIVE
    assert State.FAIL not in states(found)


def test_nothing_passes_once_a_write_was_dropped_and_a_difference_stays_one(tmp_path: Path) -> None:
    assert {*states(compared(tmp_path / "same", dropped=1, dropped_writes=1))} == {State.INVALID}
    assert states(compared(tmp_path / "slow", slower=1.2, dropped=500))[1] is State.FAIL


@pytest.mark.parametrize(
    ("counts", "grade"),
    [
        ({"dropped": 0}, None),
        ({"dropped": 5}, Grade.WARN),
        ({"dropped": 50}, Grade.GRAVE),
        ({"dropped": 1, "dropped_writes": 1}, Grade.GRAVE),
    ],
)
def test_dropped_requests_are_doubted(counts: dict[str, int], grade: Grade | None) -> None:
    found = {each.kind: each.grade for each in shadow_doubts(made_counts(**counts))}
    assert found.get("requests_dropped") == grade
