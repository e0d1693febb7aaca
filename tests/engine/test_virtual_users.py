"""A worker thread is a virtual user: what is the user's own is made, used and torn down in that thread."""

import logging
from contextlib import contextmanager
from threading import Event, current_thread

import pytest

from tailguard.base.clock import MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.engine import runner as runner_module
from tailguard.engine.measure import measure
from tailguard.engine.runner import Runner
from tailguard.engine.schedule import Closed
from tailguard.engine.workload import Load, PlainScenario, Workload
from tests.support.stand import MS, Stand


class Log(list):
    """What happened, and in which thread."""

    def note(self, what):
        self.append((what, current_thread().name))

    def told(self, what):
        return [thread for said, thread in self if said == what]


class Scenario(PlainScenario):
    """Its users note when they come and go."""

    def __init__(self, log, journey=lambda it: None, name="some"):
        super().__init__(name, journey, ("go",))
        object.__setattr__(self, "log", log)

    __slots__ = ("log",)

    @contextmanager
    def user(self, number):
        self.log.note(f"{self.name} comes")
        yield self.play
        self.log.note(f"{self.name} goes")

    def play(self, it):
        self.log.note(f"{self.name} plays")
        self.journey(it)


def closed(name, log, clients=2, **load):
    return Workload(Scenario(log, name=name), Load(Closed(clients, 60), max_samples=40, **load))


def test_users_are_made_before_anything_is_played_and_go_after_all_of_it():
    log = Log()
    measure([closed("a", log, clients=2, warmup=4), closed("b", log, clients=3)])
    said = [what for what, _ in log]
    assert set(said[:5]) == {"a comes", "b comes"}
    assert set(said[-5:]) == {"a goes", "b goes"}
    assert {what.split()[1] for what in said[5:-5]} == {"plays"}
    assert said.count("a plays") == 44


def test_a_user_lives_in_one_thread_and_every_thread_is_one_user_of_a_scenario():
    log = Log()
    measure([closed("a", log, clients=2), closed("b", log, clients=3)])
    assert sorted(log.told("a comes")) == sorted(log.told("a goes")) == ["worker-0", "worker-1"]
    assert sorted(log.told("b comes")) == sorted(log.told("b goes")) == ["worker-0", "worker-1", "worker-2"]
    assert set(log.told("a plays")) <= {"worker-0", "worker-1"}


def test_users_of_one_thread_go_in_reverse_order():
    log = Log()
    measure([closed("a", log, clients=1), closed("b", log, clients=1)])
    assert [what for what, _ in log][:2] == ["a comes", "b comes"]
    assert [what for what, _ in log][-2:] == ["b goes", "a goes"]


def test_an_iteration_knows_its_user():
    users = set()
    stand = Stand(lambda it: users.add(it.user), MonotonicClock(), users=3)
    with Runner(3) as runner:
        runner.run(stand.job([MS * index for index in range(100)]))
    assert users <= {0, 1, 2}


def test_a_user_that_cannot_be_made_ends_it_before_anything_is_played_and_the_others_go():
    log = Log()

    class Broken(Scenario):
        @contextmanager
        def user(self, number):
            if current_thread().name == "worker-1":
                raise UsageError("fixture 'client' could not be made")
            with super().user(number) as journey:
                yield journey

    with pytest.raises(UsageError, match="'client' could not be made"):
        measure([Workload(Broken(log), Load(Closed(3, 60)))])
    assert [what for what, _ in log] == ["some comes"] * 2 + ["some goes"] * 2


@pytest.mark.system
def test_a_worker_that_was_replaced_is_a_new_user():
    log, released = Log(), Event()
    stand = Stand(Scenario(log, lambda it: it.number == 0 and released.wait()), MonotonicClock())
    with Runner(1) as runner:
        runner.run(stand.job([0], length_ns=30 * MS, patience_ns=0), drain_s=0.05)
        runner.run(stand.job(None, first=1, end=2))
        assert len(log.told("some comes")) == 2
        released.set()


def test_a_user_that_does_not_go_is_named_and_left(caplog, monkeypatch):
    monkeypatch.setattr(runner_module, "LEAVE_S", 0.05)
    released = Event()

    class Stuck(Scenario):
        @contextmanager
        def user(self, number):
            yield self.play
            released.wait()

    with caplog.at_level(logging.WARNING):
        measure([Workload(Stuck(Log()), Load(Closed(1, 60), max_samples=5))])
    released.set()
    assert [record.getMessage() for record in caplog.records] == [
        "virtual user 0 was abandoned: its fixtures were not torn down within 0.05 s"
    ]
