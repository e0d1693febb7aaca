"""Master and workers without locust: the same words, carried by threads."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from tailguard.base.clock import MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.engine.scenario import Invariant, Scenario
from tailguard.locust.master.master import Master
from tailguard.locust.worker.arrival_shard import ClosedLane, OpenLane
from tailguard.locust.worker.scenario_executor import Part, Role
from tailguard.locust.worker.worker import Worker
from tailguard.websocket.subscribers import BroadcastLostError

REFUSED = type("Refused", (Exception,), {})
BROKEN = type("Broken", (Exception,), {})


def journey(session, platform, data):
    session.step("step", platform, session.turn)


def make(platform, refusals=(REFUSED,), steps=("step",), play=journey):
    return Part(
        Scenario("walk", "Walk", steps, frozenset(), play, lambda *_: None, lambda *_: [], refusals),
        platform,
        None,
    )


class Place:
    """A workplace with one role; `held` is what its invariant says."""

    def __init__(self, plan, clock, tell, platform, held=True):
        schedule = plan.get("starts")
        lane = ClosedLane(plan["lane"], plan["lanes"], clock)
        if schedule is not None:
            lane = OpenLane(np.array(schedule, np.int64), plan["lane"], plan["lanes"], clock)
        self.roles = {"walk": Role(make(platform), lane, clock, tell)}
        self.held, self.closed, self.audiences = held, False, {}

    def invariants(self, slug, outbox):
        return [Invariant("all came back", self.held, "all", str(len(outbox.samples(slug, ("step",)))))]

    def notes(self):
        return {"throttled": "lift it"}

    def renew(self, message):
        self.renewed = message["credentials"]

    def close(self):
        self.closed = True


class Net:
    """Some workers with two users each, and a master; `dead` workers hear and say nothing."""

    def __init__(self, count, platform, plan=None, held=lambda _: True, drop=None):
        self.told, self.dead, self.drop = [], set(), drop
        self.workers = {f"w{n}": self._worker(f"w{n}", platform, held(n)) for n in range(count)}
        plan = {"open_model": False, "warmup": 2, "keep_raw": None, **(plan or {})}
        self.master = Master("run", plan, self.to_worker, lambda worker: worker not in self.dead)

    def _worker(self, name, platform, held):
        def send(kind, message):
            if name not in self.dead and not (self.drop and self.drop(name, kind, message)):
                self.master.take(kind, name, message)

        def place(plan, clock, tell):
            return Place(plan, clock, tell, platform, held)

        return Worker(send, place, MonotonicClock(), lambda *told: self.told.append(told))

    def to_worker(self, kind, name, message):
        if name not in self.dead:
            threading.Thread(target=self.workers[name].take, args=(kind, message), daemon=True).start()

    def play(self, seconds, users=2):
        self.master.open(list(self.workers))
        self.master.go()
        threads = [
            threading.Thread(target=self._user, args=(worker,), daemon=True)
            for worker in self.workers.values()
            for _ in range(users)
        ]
        for thread in threads:
            thread.start()
        time.sleep(seconds)

    def _user(self, worker):
        role = worker.role("walk")
        session = role.session()
        while role.play(session):
            time.sleep(0.001)

    def samples(self):
        return self.master.inbox.samples("walk", ("step",))


def answering(turn):
    time.sleep(0.001)
    return turn


def test_what_all_workers_measured_arrives_and_their_invariants_too():
    net = Net(3, answering)
    net.play(0.3)
    assert net.master.collect() == []
    net.master.settle()
    samples = net.samples()
    ended = sum(ledger["roles"]["walk"]["ended"] for ledger in net.master.inbox.ledgers().values())
    assert len(samples) == ended == len([each for each in net.told if each[0] == "walk.step"])
    assert len(samples) > 50
    assert [each["held"] for each in net.master.invariants["walk"]] == [True]
    assert net.master.notes() == {"throttled": ["lift it"]}
    assert (np.diff(samples.intended_ns) >= 0).all()


def test_one_worker_whose_invariant_broke_breaks_it_for_all():
    net = Net(3, answering, held=lambda number: number != 1)
    net.play(0.05)
    net.master.collect()
    net.master.settle()
    assert [each["held"] for each in net.master.invariants["walk"]] == [False]


def test_new_credentials_reach_every_worker():
    net = Net(2, answering)
    net.play(0.05)
    net.master.renew({"credentials": ["new"]})
    net.master.collect()
    assert [worker._workplace.renewed for worker in net.workers.values()] == [["new"], ["new"]]


def test_a_worker_that_dies_is_a_fault_and_is_not_waited_for():
    net = Net(2, answering)
    net.play(0.05)
    net.dead.add("w1")
    began_s = time.monotonic()
    assert "w1: its ledger never came" in net.master.collect()[0]
    assert time.monotonic() - began_s < 10
    net.master.settle()
    assert net.master.unsettled() == []


def test_a_chunk_that_is_lost_on_the_way_is_noticed():
    lost = []

    def drop(name, kind, message):
        if name == "w0" and kind == "chunk" and not lost:
            lost.append(message)
            return True
        return False

    net = Net(2, answering, drop=drop)
    net.play(0.05)
    faults = net.master.collect()
    assert lost
    assert any("chunks arrived" in fault or "came too early" in fault for fault in faults)


def test_a_worker_that_cannot_prepare_refuses_with_its_reason():
    net = Net(2, answering)

    def no_place(*_):
        raise UsageError("its scenarios are not the master's")

    net.workers["w1"]._open = no_place
    with pytest.raises(UsageError, match="worker w1: its scenarios are not the master's"):
        net.master.open(list(net.workers))


def test_a_worker_that_joins_late_gets_a_lane_of_its_own():
    net = Net(3, answering)
    late = net.workers.pop("w2")
    net.play(0.05)
    net.workers["w2"] = late
    net.master.admit("w2")
    threading.Thread(target=net._user, args=(late,), daemon=True).start()
    time.sleep(0.3)
    assert net.master.collect() == []
    assert net.master.late == ["w2"]
    assert net.master.inbox.ledgers()["w2"]["roles"]["walk"]["ended"] > 0
    assert sorted(net.master.workers.values()) == [0, 1, 2]


def test_in_the_open_model_a_late_worker_has_no_starts_and_is_told_of():
    net = Net(2, answering, plan={"open_model": True, "starts": [10**7 * n for n in range(20)]})
    late = net.workers.pop("w1")
    net.play(0.05)
    net.workers["w1"] = late
    net.master.admit("w1")
    time.sleep(0.5)
    assert net.master.collect() == []
    assert (net.master.late, list(net.master.workers)) == (["w1"], ["w0"])
    assert net.master.inbox.ledgers()["w0"]["roles"]["walk"]["offered"] == 20


def test_two_workers_play_one_schedule_each_start_once():
    starts = [2 * 10**7 * n for n in range(30)]
    net = Net(2, answering, plan={"open_model": True, "starts": starts})
    net.play(1.2)
    assert net.master.collect() == []
    roles = [ledger["roles"]["walk"] for ledger in net.master.inbox.ledgers().values()]
    assert sum(role["offered"] for role in roles) == 30
    assert len(net.samples()) == 30


def test_refusals_failures_and_what_never_came_back_are_samples_of_their_own():
    stuck = threading.Event()

    def platform(turn):
        if turn == 5:
            stuck.wait(5)
        if turn % 7 == 1:
            raise REFUSED
        if turn % 7 == 2:
            raise BROKEN

    role = Role(
        make(platform),
        ClosedLane(0, 1, MonotonicClock()),
        MonotonicClock(),
        lambda *told: told_of.append(told),
    )
    told_of = []
    role.warm_up(2, 0)
    sessions = [role.session() for _ in range(2)]
    threads = [
        threading.Thread(target=lambda s=s: [role.play(s) for _ in range(10)], daemon=True) for s in sessions
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    role.finish(0.1)
    stuck.set()
    for thread in threads:
        thread.join()
    samples = role.recorder.samples("walk", ("step",), role.errors.names())
    kinds = [samples.errors[number] for number in samples.error]
    assert {"Refused", "Broken", "TimedOut"} <= set(kinds)
    assert kinds.count("TimedOut") == 1
    assert role.warmed_up == 2
    assert {name for name, _, _ in told_of} == {"walk.step", "walk.step (refused)"}
    assert {kind for _, _, kind in told_of} >= {"", "Broken"}


def test_starts_that_found_nobody_are_errors_and_not_left_out():
    clock = MonotonicClock()
    lane = OpenLane(np.array([0, 1, 2]), 0, 1, clock)
    lane.begin(clock.now_ns())
    role = Role(make(answering), lane, clock, lambda *_: None)
    time.sleep(0.001)
    role.finish(0.0)
    samples = role.recorder.samples("walk", ("step",), role.errors.names())
    assert [samples.errors[number] for number in samples.error] == ["NotServed"] * 3


def test_a_user_whom_locust_stops_in_mid_turn_leaves_no_sample_and_is_counted():
    class Stopped(BaseException):
        pass

    def stopped(turn):
        raise Stopped

    role = Role(make(stopped), ClosedLane(0, 1, MonotonicClock()), MonotonicClock(), lambda *_: None)
    with pytest.raises(Stopped):
        role.play(role.session())
    assert (role.cut_off, role.ended, len(role.recorder)) == (1, 0, 0)


def test_a_journey_that_times_an_undeclared_step_is_broken_and_says_so():
    def misspelt(session, platform, data):
        session.step("stp", platform, 1)

    role = Role(
        make(answering, play=misspelt), ClosedLane(0, 1, MonotonicClock()), MonotonicClock(), lambda *_: None
    )
    role.play(role.session())
    assert "'stp'" in role.ledger()["broken"]
    assert not role.play(SimpleNamespace())


def test_a_worker_that_cannot_settle_says_why_and_nobody_waits_for_it():
    net = Net(2, answering)

    def gone(*_):
        raise BroadcastLostError("the subscribers' process no longer answers")

    net.play(0.05)
    net.workers["w1"]._workplace.invariants = gone
    net.master.collect()
    began_s = time.monotonic()
    assert net.master.settle() == [
        "worker w1: BroadcastLostError: the subscribers' process no longer answers"
    ]
    assert time.monotonic() - began_s < 10
