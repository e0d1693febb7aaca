"""Orders to a run under way: obeyed between two slices, written down, or refused by name."""

import socket
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Thread

import pytest

from tailguard.base.errors import UsageError
from tailguard.engine.measure import Progress, measure
from tailguard.engine.schedule import Constant, Ramp, Schedule
from tailguard.engine.workload import Load, Measurement, PlainScenario, Workload
from tailguard.pipeline.control.listener import NAME, listening, send
from tailguard.pipeline.control.order import Answer, Order, read_order
from tailguard.pipeline.control.replay import Replay, rates_of
from tailguard.pipeline.control.run_control import OVER, RunControl
from tailguard.record.run_record import Override
from tests.support.fake_clock import FakeClock

SECONDS = 2


def workload(name: str, schedule: Schedule | None = None) -> Workload:
    scenario = PlainScenario(name, lambda it: it.step("go", lambda: None), ("go",))
    return Workload(scenario, Load(schedule or Constant(100, SECONDS), workers=1))


class Ordered:
    """Measures scenarios on a clock of its own, and gives `orders` after the second slice, one after the other."""

    def __init__(self, *orders: Order) -> None:
        self.clock = FakeClock(0)
        self.overrides: list[Override] = []
        self.answers: list[Answer] = []
        self.control = RunControl(self._keep, self.clock)
        self._orders, self._slices = orders, 0
        self._thread = Thread(target=self._give)

    def measure(self, *workloads: Workload) -> dict[str, Measurement]:
        try:
            return measure(workloads, clock=self.clock, control=self.control, on_progress=self._heard)
        finally:
            self.control.end()
            self._thread.join()

    def _keep(self, overrides: Sequence[Override]) -> None:
        self.overrides = [*overrides]

    def _heard(self, _: Progress) -> None:
        self._slices += 1
        if self._slices == 2:
            self._thread.start()
        # The next slice has the next order, however slow the thread is.
        while self._slices >= 2 and self._thread.is_alive() and self.control._pending.empty():
            time.sleep(0.001)

    def _give(self) -> None:
        self.answers += [self.control.obey(each) for each in self._orders]


def due_after(order: Override) -> int:
    """How many iterations a scenario of 100/s has in all if 20/s is ordered so."""
    return order.iteration + len(Constant(20, SECONDS - order.offset_ns / 1e9).starts_ns())


def test_a_rate_is_obeyed_by_each_scenario_at_its_own_iteration() -> None:
    ordered = Ordered(Order("rate", 20.0))
    measured = ordered.measure(workload("a"), workload("b"))
    assert [(each.scenario, each.at_ns) for each in ordered.overrides] == [
        (name, ordered.overrides[0].at_ns) for name in ("a", "b")
    ]
    assert ordered.answers == [Answer(obeyed=True, told="; ".join(map(str, ordered.overrides)))]
    for each in ordered.overrides:
        assert each.iteration >= 50
        assert len(measured[each.scenario].samples) == due_after(each)


def test_one_scenario_is_meant_by_its_name() -> None:
    ordered = Ordered(Order("rate", 20.0, "b"), Order("rate", 20.0, "c"))
    measured = ordered.measure(workload("a"), workload("b"))
    [order] = ordered.overrides
    assert {name: len(each.samples) for name, each in measured.items()} == {"a": 200, "b": due_after(order)}
    assert ordered.answers[1].told.startswith("no scenario 'c' is under way.")


def test_all_scenarios_change_or_none() -> None:
    ordered = Ordered(Order("rate", 20.0))
    measured = ordered.measure(workload("a"), workload("b", Ramp(100, 100.5, SECONDS)))
    assert (
        ordered.answers[0].told
        == "the rate of b cannot change: a ramp load has no rate of its own that could change."
    )
    assert len(measured["a"].samples) == 200
    assert ordered.overrides == []


def test_a_pause_sends_nothing_until_it_is_over() -> None:
    ordered = Ordered(Order("pause"), Order("pause"), Order("resume"), Order("resume"))
    measured = ordered.measure(workload("a"))
    assert [each.obeyed for each in ordered.answers] == [True, False, True, False]
    assert [each.order for each in ordered.overrides] == ["pause", "resume"]
    assert len(measured["a"].samples) == 200


def test_a_stop_ends_all_and_keeps_what_was_measured() -> None:
    ordered = Ordered(Order("pause"), Order("stop"), Order("resume"))
    measured = ordered.measure(workload("a"), workload("b"))
    assert {each.ended_because for each in measured.values()} == {"stopped"}
    assert [each.order for each in ordered.overrides] == ["pause", "stop", "stop"]
    for each in ordered.overrides[1:]:
        assert len(measured[each.scenario].samples) == each.iteration < 100
    assert ordered.answers[-1] == OVER


def test_the_same_orders_are_obeyed_again_at_the_same_iterations() -> None:
    ordered = Ordered(Order("rate", 20.0), Order("pause"), Order("resume"), Order("stop"))
    before = ordered.measure(workload("a"), workload("b"))
    again: list[Override] = []
    clock = FakeClock(0)

    def keep(overrides: Sequence[Override]) -> None:
        again[:] = overrides

    rated = [
        Workload(each.scenario, each.load, rates=rates_of(ordered.overrides, each.scenario.name))
        for each in (workload("a"), workload("b"))
    ]
    replay = Replay(ordered.overrides, keep, clock)
    measured = measure(rated, clock=clock, control=replay)
    replay.end()
    assert sorted(map(str, again)) == sorted(map(str, ordered.overrides))
    assert {len(each.samples) for each in measured.values()} == {
        len(each.samples) for each in before.values()
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("workers=4", r"load\.workers may not change while a run is under way"),
        ("load.warmup=4", r"load\.warmup may not change"),
        ("seed=4", "seed may not change"),
        ("pauze", "'pauze' is not an order.*Did you mean 'pause'"),
        ("rate", "rate may not|'rate' is not an order"),
        ("rate=0/s", "one number, such as 80/s"),
        ("rate=ramp 1/s to 2/s", "one number, such as 80/s"),
        ("rate=fast", "is not valid"),
    ],
)
def test_what_may_not_change_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_order(text)


def test_a_pause_is_of_the_whole_run() -> None:
    with pytest.raises(UsageError, match="leave out --scenario a"):
        read_order("pause", "a")


@pytest.fixture(params=["", "long" * 30])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    (path := tmp_path / request.param).mkdir(exist_ok=True)
    yield path
    assert not (path / NAME).exists()


def test_the_socket_is_the_users_alone_wherever_the_folder_is(folder: Path) -> None:
    with listening(folder, lambda order: Answer(obeyed=True, told=str(order.rate_per_s))):
        mode = (folder / NAME).stat().st_mode
        assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, 0o600)
        assert send(folder, Order("rate", 80.0)) == Answer(obeyed=True, told="80.0")
    with pytest.raises(UsageError, match="it has ended, or was killed"):
        send(folder, Order("stop"))


def test_what_is_not_an_order_is_answered_and_the_next_one_heard(tmp_path: Path) -> None:
    with listening(tmp_path, lambda _: Answer(obeyed=True, told="done")):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / NAME))
            client.sendall(b"rm -rf\n")
            assert b"Not a valid order" in client.recv(4096)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / NAME))  # and leaves
        assert send(tmp_path, Order("stop")).told == "done"
