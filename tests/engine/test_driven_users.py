"""Driven scenarios: the loop itself takes the starts, and callbacks play the iterations."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from threading import Event, Thread
from time import monotonic_ns, sleep

import numpy as np
import pytest

from tailguard.base.errors import UsageError
from tailguard.engine.event_loop.alarm import Alarm
from tailguard.engine.iteration.driven_iteration import DrivenIteration
from tailguard.engine.measure import measure
from tailguard.engine.scenario_execution import NOT_SERVED, TIMED_OUT
from tailguard.engine.schedule import Closed, Constant, Schedule
from tailguard.engine.think import Think
from tailguard.engine.workload import Driven, Load, Measurement, Pace, PlainScenario, Workload
from tailguard.record.scenario import ScenarioEnded

Ended = Callable[[BaseException | None], None]


class Platform:
    """Answers on the loop after a while; never, at once or with a failure if it is told to."""

    def __init__(self, takes_s: float = 0.002) -> None:
        self.takes_s = takes_s
        self.hangs_at: set[int] = set()
        self.failure: BaseException | None = None
        self.users = self.at_once = self.most_at_once = self.cancelled = 0
        self.numbers: list[int] = []

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Callable[[int], "Journey"]]:
        yield lambda number: Journey(self)

    def scenario(self) -> PlainScenario:
        return PlainScenario("some", lambda it: None, ("go",), on_loop=Driven(self.opened))


class Journey:
    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        platform.users += 1

    def __call__(self, it: DrivenIteration, ended: Ended) -> None:
        platform = self.platform
        platform.numbers.append(it.number)
        platform.at_once += 1
        platform.most_at_once = max(platform.most_at_once, platform.at_once)
        it.begin_step("go")
        if it.number in platform.hangs_at:
            return
        if platform.takes_s:
            asyncio.get_running_loop().call_later(platform.takes_s, self.end, it, ended)
        else:
            self.end(it, ended)

    def end(self, it: DrivenIteration, ended: Ended) -> None:
        self.platform.at_once -= 1
        failure = self.platform.failure
        if isinstance(failure, Exception) and not isinstance(failure, UsageError):
            it.fail_step(failure, 0)
        else:
            it.end_step(it._now_ns(), 0)
        ended(failure)

    def cancel(self) -> None:
        self.platform.cancelled += 1
        self.platform.at_once -= 1


def play(platform: Platform, schedule: Schedule, users: int = 100, **load: int) -> Measurement:
    more = {"max_seconds": 20, "max_samples": 10**6, **load}
    loaded = Load(schedule, workers=users, **more)  # type: ignore[arg-type]  # by name
    pace = Pace(slice_s=0.1, drain_s=0.2)
    return measure([Workload(platform.scenario(), loaded)], pace=pace)["some"]


def test_an_open_schedule_is_played_whole_and_in_order() -> None:
    platform = Platform()
    measured = play(platform, Constant(500, 0.4))
    assert platform.numbers == [*range(200)]
    assert len(measured.samples.outcome) == 200
    assert len(measured.lateness_ns) == 200
    whole_ns = int(measured.samples.intended_ns[-1] - measured.samples.intended_ns[0])
    assert whole_ns >= 199 * 2_000_000 - 1_000_000


def test_users_are_made_as_arrivals_need_them() -> None:
    quick, slow = Platform(0.001), Platform(0.05)
    play(quick, Constant(50, 0.3))
    play(slow, Constant(400, 0.3))
    assert quick.users < slow.users <= 100


def test_a_limit_of_users_is_never_exceeded_and_the_wait_is_the_platforms() -> None:
    platform = Platform(0.02)
    measured = play(platform, Constant(400, 0.2), users=2)
    assert platform.most_at_once == platform.users == 2
    assert len(measured.samples.outcome) == 80
    assert measured.samples.response_ms("go").max() > 200
    assert len(measured.lateness_ns) < 80


def test_closed_users_begin_again_as_soon_as_they_are_free() -> None:
    platform = Platform()
    measured = play(platform, Closed(5, 0.3))
    assert platform.most_at_once == platform.users == 5
    assert len(measured.samples.outcome) > 10
    assert len(measured.lateness_ns) == 0


def test_a_closed_number_of_iterations_is_exact() -> None:
    assert len(play(Platform(), Closed(7, 5), max_samples=100).samples.outcome) == 100


def test_iterations_that_end_at_once_do_not_hold_the_loop() -> None:
    measured = play(Platform(0), Closed(3, 0.2))
    assert len(measured.samples.outcome) > 100


def test_users_think_between_two_iterations_and_do_not_begin_at_one_instant() -> None:
    platform = Platform(0.001)
    samples = play(platform, Closed(20, 0.5, Think(0.05, 0.1))).samples
    assert 20 <= len(samples.outcome) <= 220
    assert np.ptp(np.sort(samples.started_ns)[:20]) > 10_000_000


def test_a_warm_up_is_counted_and_not_kept() -> None:
    platform = Platform()
    measured = play(platform, Constant(100, 0.1), warmup=30)
    assert platform.numbers[:30] == [-1 - number for number in range(30)]
    assert (measured.warmup, len(measured.samples.outcome)) == (30, 10)


def test_what_does_not_come_back_is_an_error_and_the_next_slice_goes_on() -> None:
    platform = Platform()
    platform.hangs_at = {3}
    measured = play(platform, Constant(100, 0.3))
    names = [measured.samples.errors[each] for each in measured.samples.error if each]
    assert names == [TIMED_OUT]
    assert platform.cancelled == 1
    assert sorted(platform.numbers) == [*range(30)]


def test_starts_that_found_no_user_until_the_end_are_errors() -> None:
    platform = Platform()
    platform.hangs_at = {0}
    measured = play(platform, Constant(100, 0.1), users=1)
    names = {measured.samples.errors[each] for each in measured.samples.error}
    assert names == {TIMED_OUT, NOT_SERVED}
    assert len(measured.samples.outcome) >= 10


def test_a_failure_is_a_sample_and_a_wrong_scenario_is_raised() -> None:
    platform = Platform()
    platform.failure = ValueError("no")
    assert play(platform, Constant(100, 0.1)).said == {"ValueError": "no"}
    platform.failure = UsageError("wrong")
    with pytest.raises(UsageError, match="wrong"):
        play(platform, Constant(100, 0.1))


@pytest.mark.parametrize(
    "schedule", [Constant(0.2, 60), Closed(2, 60, Think(30, 30))], ids=["open", "closed"]
)
def test_a_stop_is_heard_while_nothing_is_due(schedule: Schedule) -> None:
    stop, platform = Event(), Platform()
    Thread(target=lambda: (sleep(0.2), stop.set())).start()
    load = Load(schedule, max_seconds=60)
    measured = measure([Workload(platform.scenario(), load)], stop=stop, pace=Pace(slice_s=60))["some"]
    assert measured.ended_because is ScenarioEnded.INTERRUPTED


def test_an_alarm_rings_once_at_the_last_instant_that_it_was_told_and_not_once_it_is_off() -> None:
    async def rings() -> list[int]:
        loop, rung = asyncio.get_running_loop(), list[int]()
        now_ns = monotonic_ns()
        alarm = Alarm(loop, lambda: rung.append(monotonic_ns() - now_ns))
        alarm.at(now_ns + 10**12)
        alarm.at(now_ns + 5_000_000)
        await asyncio.sleep(0.1)
        alarm.at(monotonic_ns() + 1_000_000)
        alarm.off()
        await asyncio.sleep(0.05)
        alarm.close()
        return rung

    (late_ns,) = asyncio.run(rings())
    assert late_ns >= 5_000_000
