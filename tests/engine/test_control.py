"""Another rate in mid-run: the starts before stay, those after follow from the change alone."""

from bisect import bisect_left
from collections.abc import Sequence
from threading import Event

import pytest

from tailguard.base.errors import UsageError
from tailguard.engine.control.rates import RateChange, rerated
from tailguard.engine.measure import measure
from tailguard.engine.schedule import Closed, Constant, Poisson, Ramp, Schedule, starts_sha256
from tailguard.engine.workload import Load, PlainScenario, Workload
from tailguard.engine.workload_run import WorkloadRun
from tests.support.fake_clock import FakeClock

AT_NS = 1_000_000_000
CHANGE = RateChange(iteration=100, offset_ns=AT_NS, rate_per_s=50.0)


def starts(schedule: Schedule) -> list[int]:
    found: list[int] = schedule.starts_ns().tolist()
    return found


@pytest.mark.parametrize("schedule", [Constant(100, 4), Poisson(100, 4, seed=3)])
def test_what_was_due_stays_and_the_rest_comes_at_the_new_rate(schedule: Schedule) -> None:
    before = starts(schedule)
    due = bisect_left(before, AT_NS)
    change = RateChange(due, AT_NS, 50.0)
    after = rerated(before, schedule, change, len(before))
    assert after == rerated(before, schedule, change, len(before))
    assert after[:due] == before[:due]
    assert after == sorted(after)
    assert min(after[due:]) >= AT_NS
    assert len(after) - due == pytest.approx(150, rel=0.25)


def test_there_are_no_more_than_were_planned() -> None:
    schedule = Constant(100, 4)
    faster = RateChange(100, 1_000_000_000, 1000.0)
    assert len(rerated(starts(schedule), schedule, faster, 400)) == 400


@pytest.mark.parametrize("schedule", [Ramp(10, 20, 4), Closed(2, 4)])
def test_a_load_without_a_rate_of_its_own_is_refused(schedule: Schedule) -> None:
    with pytest.raises(UsageError, match=f"a {schedule.kind} load has no rate"):
        rerated(starts(schedule), schedule, CHANGE, 400)


POISSON = Poisson(100, 2, seed=3)


def workload(rates: tuple[RateChange, ...] = (), mix: str = "") -> Workload:
    scenario = PlainScenario("some", lambda it: it.step("go", lambda: None), ("go",))
    return Workload(scenario, Load(POISSON, workers=1), mix=mix, rates=rates)


class Changing:
    """Changes the rate before the second slice."""

    def __init__(self) -> None:
        self.change: RateChange | None = None
        self.starts_ns: list[int] = []

    def before_slice(self, group: Sequence[WorkloadRun], runs: Sequence[WorkloadRun], stop: Event) -> None:
        if self.change is None and group[0].next_iteration:
            self.change = RateChange(group[0].next_iteration, group[0].offset_ns, 40.0)
            self.starts_ns = group[0].starts_at(40.0)
            group[0].take_starts(self.starts_ns)


def test_a_change_that_is_known_beforehand_gives_the_starts_of_the_one_that_was_made_on_the_way() -> None:
    control = Changing()
    changed = measure([workload()], clock=FakeClock(0), control=control)["some"]
    assert control.change is not None
    assert len(changed.samples) == len(control.starts_ns) < len(starts(POISSON))
    again = WorkloadRun(workload((control.change,)), FakeClock(0), run_id="", seed=1)
    assert again._starts_ns == control.starts_ns
    assert again.measurement().starts_sha256 == changed.starts_sha256 == starts_sha256(POISSON.starts_ns())


def test_the_rate_of_a_mix_does_not_change() -> None:
    run = WorkloadRun(workload(mix="day"), FakeClock(0), run_id="", seed=1)
    with pytest.raises(UsageError, match="mix day"):
        run.starts_at(40.0)
