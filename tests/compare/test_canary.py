"""A canary beside the rest: what the change costs is found, how the workers differ is not taken for it."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from tailguard.base.state import State, worst
from tailguard.compare.canary import compare_canary
from tailguard.compare.canary.windows import Group, Period, window_count
from tailguard.record.verdict import ChangeVerdict

MOST_MS = 50.0


class World:
    """Uploads of two groups in one time, which has noise of its own; the canary's workers are slower by a factor."""

    def __init__(self, seed: int = 1, slower: float = 1.0) -> None:
        self.rng, self.slower, self.now_s = np.random.default_rng(seed), slower, 0.0

    def period(
        self, canary: int = 1000, rest: int = 4000, cost_ms: float = 0.0, failing: float = 0.0
    ) -> Period:
        begin_s, self.now_s = self.now_s, self.now_s + 3600.0
        minutes = np.exp(self.rng.normal(0.0, 0.2, 61))

        def group(n: int, factor: float, cost_ms: float, failing: float) -> Group:
            at_s = np.sort(self.rng.uniform(0.0, 3600.0, n))
            level = minutes[(at_s // 60).astype(int)]
            ms = self.rng.lognormal(np.log(10.0), 0.4, n) * level * factor + cost_ms
            return Group(begin_s + at_s, ms, self.rng.uniform(size=n) < failing)

        return Period(group(canary, self.slower, cost_ms, failing), group(rest, 1.0, 0.0, 0.0))


def judged(world: World, most_ms: float = MOST_MS, **during: float) -> Sequence[ChangeVerdict]:
    return compare_canary("certificates", "store", world.period(), world.period(**during), most_ms)  # type: ignore[arg-type]  # counts are whole


def state(found: Sequence[ChangeVerdict]) -> State:
    return worst(each.state for each in found)


def test_a_change_that_costs_less_than_it_may_passes() -> None:
    found = judged(World(), cost_ms=8.0)
    assert state(found) is State.PASS
    median = found[0]
    assert median.baseline == pytest.approx(10.0, rel=0.15)
    assert median.candidate == pytest.approx(18.0, rel=0.15)
    assert "within +50 ms" in median.why


def test_a_change_that_costs_more_than_it_may_fails() -> None:
    found = judged(World(), cost_ms=200.0)
    assert [each.state for each in found] == [State.FAIL, State.FAIL, State.PASS]
    assert "more than +50 ms" in found[0].why


def test_failures_of_the_canary_alone_fail() -> None:
    assert [each.state for each in judged(World(), failing=0.1)] == [State.PASS, State.PASS, State.FAIL]


def test_workers_that_are_slower_anyway_are_not_taken_for_the_change() -> None:
    """The guard is shown to fail: as if both groups had been alike before, the same uploads are a FAIL."""
    world = World(slower=7.0)
    before, during = world.period(), world.period(cost_ms=5.0)
    assert state(compare_canary("c", "store", before, during, MOST_MS)) is State.PASS
    alike = Period(World(seed=2).period().canary, before.rest)
    assert state(compare_canary("c", "store", alike, during, MOST_MS)) is State.FAIL


def test_what_befalls_all_workers_at_once_is_not_taken_for_the_change() -> None:
    world = World()
    before, during = world.period(), world.period()
    slow = Period(*(Group(each.at_s, each.ms * 5.0, each.failed) for each in (during.canary, during.rest)))
    assert state(compare_canary("c", "store", before, slow, MOST_MS)) is State.PASS


def test_at_the_limit_itself_hardly_any_is_decided_wrongly() -> None:
    """Each direction errs at most 1 % of the time at each quantile; 60 canaries have 120 chances each way."""
    found = [judged(World(seed), most_ms=10.0, cost_ms=10.0, canary=400, rest=1600)[:2] for seed in range(60)]
    states = [each.state for two in found for each in two]
    assert states.count(State.PASS) <= 6
    assert states.count(State.FAIL) <= 6


@pytest.mark.parametrize(
    ("canary", "expected"), [(0, State.INVALID), (15, State.INVALID), (100, State.INCONCLUSIVE)]
)
def test_too_few_uploads_never_pass(canary: int, expected: State) -> None:
    found = judged(World(), canary=canary, cost_ms=200.0)
    assert state(found) is expected
    assert all(each.state is not State.PASS for each in found)


def test_a_canary_without_a_rest_is_invalid() -> None:
    found = judged(World(), rest=0)
    assert {each.state for each in found} == {State.INVALID}
    assert "1000 of the canary with it, 0 of the rest with it" in found[0].why


def test_windows_share_all_that_was_done() -> None:
    period = World().period(canary=1000, rest=3000)
    windows = [*period.windows(window_count(1000))]
    assert len(windows) == 20
    assert {len(each.canary) for each in windows} == {50}
    assert sum(len(each.rest) for each in windows) == 3000
    assert all(a.canary.at_s[-1] <= b.canary.at_s[0] for a, b in pairwise(windows))
