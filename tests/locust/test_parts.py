"""Master and workers without locust: the same words, carried by threads."""

import threading
import time
from collections import Counter

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from tailguard.base.clock import MonotonicClock
from tailguard.base.errors import InvalidRunError, UsageError
from tailguard.engine.workload import PlainScenario
from tailguard.http.tls import Tls
from tailguard.locust.master.doubts import doubts_of_run_time
from tailguard.locust.master.master import Master
from tailguard.locust.messages import (
    Chunk,
    Go,
    Hello,
    Plan,
    ScheduleWords,
    for_master,
    for_worker,
    packed,
    run_of,
)
from tailguard.locust.worker.arrival_shard import ClosedShard, OpenShard
from tailguard.locust.worker.scenario_executor import ScenarioExecutor
from tailguard.locust.worker.worker import Worker
from tailguard.record.scenario import Invariant
from tailguard.suite.invariants import SkippedError
from tailguard.suite.run import Run, Target
from tailguard.websocket.subscribers import BroadcastLostError
from tests.support.waiting import eventually


def walk(platform):
    """A scenario of one step that asks this platform."""
    return PlainScenario("walk", lambda it: it.step("step", platform, it.number), ("step",))


class Place:
    """A workplace with one executor; `held` is what its invariant says."""

    def __init__(self, begin, clock, tell, platform, held=True):
        words = begin.plan.schedules.get("walk")
        arrivals = ClosedShard(begin.shard, clock)
        if words is not None:
            arrivals = OpenShard(words.schedule().starts_ns(), begin.shard, clock)
        run = Run(begin.run, 1)
        executor = ScenarioExecutor(walk(platform), arrivals, clock, tell, run=run, shard=begin.shard)
        self.executors = {"walk": executor}
        self.held, self.closed, self.audiences, self.skipped = held, False, {}, {}

    def invariants(self, slug, outbox):
        observed = str(len(outbox.samples(slug)))
        return [Invariant(name="all came back", held=self.held, expected="all", observed=observed)]

    def notes(self):
        return {"throttled": "lift it"}

    def close(self):
        self.closed = True


def plan(**more):
    return Plan(
        scenarios_sha256="",
        target=Target("http://there"),
        tls=Tls(),
        planned={"walk": 100},
        profile="smoke",
        settings={"seed": 1, "scenarios": ["walk"], "load.slice_s": 0.5, "database.dsn": None},
        warmup=2,
        **more,
    )


def every(seconds, count):
    """A schedule of `count` starts, evenly spaced, as the plan has it."""
    words = ScheduleWords(text="constant", rate_per_s=1 / seconds, duration_s=seconds * count, seed=1)
    assert len(words.schedule().starts_ns()) == count
    return {"walk": words}


class Net:
    """Some workers with two users each, and a master; `dead` workers hear and say nothing.

    Messages are packed and read again on their way, as under Locust.
    """

    def __init__(self, count, platform, given=None, held=lambda _: True, drop=None):
        self.told, self.dead, self.drop = [], set(), drop
        self.played = Counter()
        self.workers = {f"w{n}": self._worker(f"w{n}", platform, held(n)) for n in range(count)}
        self.master = Master("run", given or plan(), self.to_worker, lambda worker: worker not in self.dead)

    def _worker(self, name, platform, held):
        def send(message):
            if name not in self.dead and not (self.drop and self.drop(name, message)):
                self.master.take(name, for_master(packed(message)))

        def place(begin, clock, tell):
            return Place(begin, clock, tell, platform, held)

        def tell(*told):
            self.told.append(told)
            self.played[name] += 1

        return Worker(send, place, MonotonicClock(), tell)

    def to_worker(self, name, message):
        if name not in self.dead:
            arrived = for_worker(packed(message))
            threading.Thread(target=self.workers[name].take, args=(arrived,), daemon=True).start()

    def play(self, iterations=5, users=2):
        """Begin a run; return once each worker has played so many iterations."""
        self.master.open(list(self.workers))
        self.master.go()
        threads = [
            threading.Thread(target=self._user, args=(worker,), daemon=True)
            for worker in self.workers.values()
            for _ in range(users)
        ]
        for thread in threads:
            thread.start()
        self.wait_for(dict.fromkeys(self.workers, iterations))

    def wait_for(self, iterations):
        eventually(lambda: self.played >= Counter(iterations))

    def _user(self, worker):
        executor = worker.executor("walk")
        with executor.user() as user:
            while executor.play(user):
                time.sleep(0.001)

    def samples(self):
        return self.master.inbox.samples("walk", ("step",))

    def ledgers(self):
        return {name: ledger.scenarios["walk"] for name, ledger in self.master.inbox.ledgers().items()}


def answering(number):
    time.sleep(0.001)
    return number


def test_what_all_workers_measured_arrives_and_their_invariants_too():
    net = Net(3, answering)
    net.play(20)
    assert net.master.collect() == []
    net.master.settle()
    samples = net.samples()
    ended = sum(ledger.ended for ledger in net.ledgers().values())
    assert len(samples) == ended == len([each for each in net.told if each[0] == "walk.step"])
    assert len(samples) > 50
    assert [each.held for each in net.master.invariants["walk"]] == [True]
    assert net.master.notes() == {"throttled": "lift it"}
    assert (np.diff(samples.intended_ns) >= 0).all()


def test_one_worker_whose_invariant_broke_breaks_it_for_all():
    net = Net(3, answering, held=lambda number: number != 1)
    net.play()
    net.master.collect()
    net.master.settle()
    assert [each.held for each in net.master.invariants["walk"]] == [False]


def test_what_a_worker_leaves_out_reaches_the_master_with_the_reason():
    net = Net(2, answering, given=replace(plan(), planned={"walk": 100, "swim": 100}))
    usual = net.workers["w1"]._open

    def left_out(*_):
        raise SkippedError("the target's database is not ours to read")

    def place(*given):
        found = usual(*given)
        found.skipped, found.invariants = {"swim": "there is no water"}, left_out
        return found

    net.workers["w1"]._open = place
    net.play()
    net.master.collect()
    assert net.master.settle() == []
    assert net.master.skipped == {"swim": "there is no water"}
    assert net.master.unchecked == {"walk": "the target's database is not ours to read"}
    assert [each.held for each in net.master.invariants["walk"]] == [True]


def test_a_worker_that_dies_is_a_fault_and_is_not_waited_for():
    net = Net(2, answering)
    net.play()
    net.dead.add("w1")
    began_s = time.monotonic()
    assert "w1: its ledger never came" in net.master.collect()[0]
    assert time.monotonic() - began_s < 10
    net.master.settle()
    assert net.master.unsettled() == []


def test_the_word_to_stop_is_obeyed_that_comes_while_the_word_to_go_is(monkeypatch):
    net = Net(1, answering)
    net.master.open(["w0"])
    stopping = threading.Thread(target=net.workers["w0"].collect)

    def begin(executor, base_ns):
        stopping.start()
        stopping.join(0.1)

    monkeypatch.setattr(ScenarioExecutor, "begin", begin)
    net.workers["w0"].take(Go(run="run"))
    stopping.join(60)
    assert net.ledgers().keys() == {"w0"}


def test_a_chunk_that_is_lost_on_the_way_is_noticed():
    lost = []

    def drop(name, message):
        if name == "w0" and isinstance(message, Chunk) and not lost:
            lost.append(message)
            return True
        return False

    net = Net(2, answering, drop=drop)
    net.play()
    faults = net.master.collect()
    assert lost
    assert any("chunks arrived" in fault or "came too early" in fault for fault in faults)


def test_a_worker_that_dies_before_the_run_begins_is_no_mistake_of_the_users():
    lost = Net(2, answering)
    lost.dead.add("w1")
    with pytest.raises(InvalidRunError, match="worker w1: it does not answer"):
        lost.master.open(list(lost.workers))


def test_a_worker_that_cannot_prepare_refuses_with_its_reason():
    net = Net(2, answering)

    def no_place(*_):
        raise UsageError("its scenarios are not the master's")

    net.workers["w1"]._open = no_place
    with pytest.raises(UsageError, match="worker w1: its scenarios are not the master's"):
        net.master.open(list(net.workers))


def test_a_worker_that_joins_late_gets_a_shard_of_its_own():
    net = Net(3, answering)
    late = net.workers.pop("w2")
    net.play()
    net.workers["w2"] = late
    net.master.take("w2", for_master(packed(Hello())))
    threading.Thread(target=net._user, args=(late,), daemon=True).start()
    net.wait_for({"w2": 1})
    assert net.master.collect() == []
    assert net.master.late == ["w2"]
    assert net.ledgers()["w2"].ended > 0
    assert sorted(net.master.workers.values()) == [0, 1, 2]


def test_in_the_open_model_a_late_worker_has_no_starts_and_is_told_of():
    net = Net(2, answering, given=plan(schedules=every(0.01, 20)))
    late = net.workers.pop("w1")
    net.play()
    net.workers["w1"] = late
    net.master.take("w1", for_master(packed(Hello())))
    net.wait_for({"w0": 20})
    assert net.master.collect() == []
    assert (net.master.late, list(net.master.workers)) == (["w1"], ["w0"])
    assert net.ledgers()["w0"].offered == 20


@pytest.mark.system
def test_two_workers_play_one_schedule_each_start_once():
    net = Net(2, answering, given=plan(schedules=every(0.02, 30)))
    net.play(15)
    assert net.master.collect() == []
    assert sum(ledger.offered for ledger in net.ledgers().values()) == 30
    assert len(net.samples()) == 30


def test_a_worker_that_cannot_settle_says_why_and_nobody_waits_for_it():
    net = Net(2, answering)

    def gone(*_):
        raise BroadcastLostError("the subscribers' process no longer answers")

    net.play()
    net.workers["w1"]._workplace.invariants = gone
    net.master.collect()
    began_s = time.monotonic()
    assert net.master.settle() == [
        "worker w1: BroadcastLostError: the subscribers' process no longer answers"
    ]
    assert time.monotonic() - began_s < 10


def test_a_message_of_another_version_is_refused_and_still_says_whose_run_it_is():
    newer = msgspec.msgpack.encode({"type": "Begin", "run": "a1b2c3", "plan": {"rounds": 3}})
    with pytest.raises(msgspec.ValidationError, match="missing required field"):
        for_worker(newer)
    assert run_of(newer) == "a1b2c3"


@pytest.mark.parametrize(
    ("went_s", "closed_s", "told"),
    [(31, 60, "29.0 s of the --run-time of 60 s"), (3, 60, ""), (31, 50, ""), (31, 91, "")],
    ids=["short", "a little short", "ended by somebody", "headless, counted from the first iteration"],
)
def test_a_test_whose_start_took_a_good_part_of_its_run_time_is_doubted(went_s, closed_s, told):
    master = Master("run", plan(), lambda *_: None, lambda _: True)
    master.opened_ns, master.went_ns, master.closed_ns = 1, went_s * 10**9, closed_s * 10**9 + 1
    found = [each.measured for each in doubts_of_run_time(60.0, master)]
    assert len(found) == bool(told)
    assert all(told in each for each in found)
