"""Segments: virtual users live on, iterations are numbered on, and samples go with their segment."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import ClassVar

from tailguard.engine.iteration import Iteration
from tailguard.engine.schedule import Constant
from tailguard.engine.workload import Journey, Load, Pace, PlainScenario, Workload
from tailguard.soak.segments import Segments
from tests.support.fake_clock import FakeClock


class Shop(PlainScenario):
    """Counts its users and remembers the numbers of its iterations."""

    made = 0
    numbers: ClassVar[list[int]] = []

    @contextmanager
    def user(self, number: int) -> Iterator[Journey]:
        type(self).made += 1
        yield self.journey


def buy(it: Iteration) -> None:
    Shop.numbers.append(it.number)
    it.step("buy", int)


def test_users_and_numbers_go_on_and_memory_does_not_grow() -> None:
    Shop.made, Shop.numbers = 0, []
    load = Load(Constant(50.0, 60.0), workers=2, warmup=0, max_samples=10_000)
    segments = Segments([Workload(Shop("shop", buy, ("buy",)), load, first=7)], "run", 1, FakeClock())
    with segments.users():
        found = [segments.play(number, 60.0, Event(), Pace(slice_s=30.0)) for number in range(5)]
        [execution] = segments._executions.values()
        held = sum(len(user.recorder) for user in execution.users)
    assert [len(each["shop"].samples) for each in found] == [3000] * 5
    assert sorted(Shop.numbers) == [*range(7, 7 + 15_000)]
    assert Shop.made == 2
    assert held == 0
    assert len(execution.lateness_ns) == 0
