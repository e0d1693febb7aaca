"""What a worker sends that cannot be is dropped and named, the run is not whole, and the others' samples are kept."""

import time

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tailguard.engine.recorder import ROW
from tailguard.engine.summary import scenario_entry
from tailguard.http.tls import Tls
from tailguard.locust.clock import ClockPair
from tailguard.locust.master.master import Master
from tailguard.locust.master.measurement import broadcasts_of, measurement_of
from tailguard.locust.messages import (
    Begin,
    Chunk,
    Ledger,
    Plan,
    Ready,
    ReceiptChunk,
    ScenarioLedger,
    WatchedLedger,
    packed,
)
from tailguard.locust.worker.receipts import RECEIPT
from tailguard.record.environment import MachineReading
from tailguard.record.locust import CoreUse, Locust, WakeLateness, WorkerLoad
from tailguard.record.samples import ERROR, VALUE, pack_code
from tailguard.record.samples.first_failure import FirstFailure
from tailguard.record.scenario import ScenarioEnded, ScenarioEntry
from tailguard.suite.run import Target

IDLE = MachineReading(
    watched_s=3.0,
    busy=0.1,
    foreign=0.0,
    steal=0.0,
    waiting=None,
    gc_longest_ms=0.0,
    gc_share=0.0,
    lag_ms=0.0,
    clock_jump_ms=0.0,
)
HONEST, OTHER = "honest", "other"
ROWS = 5


class Stage:
    """A master of two workers that are both ready; what they say is up to the test."""

    def __init__(self):
        plan = Plan(
            scenarios_sha256="",
            target=Target("http://there"),
            tls=Tls(),
            planned={"walk": 100},
            profile="smoke",
            settings={},
            warmup=0,
        )
        self.master = Master("run", plan, self._answer, lambda _: True)
        self.master.open([HONEST, OTHER])
        self.master.go()
        self.now_ns = time.monotonic_ns()
        for message in (self.chunk(), self.ledger()):
            self.say(HONEST, message)

    def _answer(self, worker, message):
        if isinstance(message, Begin):
            self.say(worker, Ready(run="run", why="", clock=ClockPair.now()))

    def say(self, worker, message):
        self.master.hear(worker, packed(message))

    def chunk(self, number=0, steps=("walk",), errors=("", "Lost"), **columns):
        table = np.zeros(ROWS, ROW)
        table["instants"] = columns.get("instants", self.now_ns)
        table["code"] = columns.get("code", 0)
        return Chunk(
            run="run", number=number, scenario="walk", rows=table.tobytes(), steps=steps, errors=errors
        )

    def receipts(self, number=0, **columns):
        table = np.zeros(1, RECEIPT)
        for name in RECEIPT.names:
            table[name] = columns.get(name, 1 if name in ("id", "count") else self.now_ns)
        return ReceiptChunk(run="run", number=number, scenario="walk", receipts=table.tobytes())

    def ledger(self, chunks=1, **changed):
        told = ScenarioLedger(
            users=1,
            offered=ROWS,
            ended=ROWS,
            warmup=0,
            own_s=0.0,
            cut_off=0,
            broken="",
            first={"Lost": FirstFailure("it is gone", ("shop.Lost",), 404)},
            lateness_ns=np.array([1, 2]).tobytes(),
        )
        ledger = Ledger(
            run="run",
            chunks=chunks,
            rows={"walk": ROWS},
            watched={},
            clock=ClockPair.now(),
            scenarios={"walk": told},
            notes={"throttled": "lift it"},
            load=WorkerLoad(
                late_ms=WakeLateness(p50=0.1, p99=0.2, max=0.3),
                core=CoreUse(mean=0.2, full=0.0),
                reading=IDLE,
            ),
        )
        return replace(ledger, **changed)

    def merged(self):
        """All that the master makes of what came, as at a run's end; returns the samples and what is wrong."""
        faults = self.master.collect()
        for ended in (ScenarioEnded.RUNNING, ScenarioEnded.RUN_TIME):
            measurement = measurement_of("walk", ["walk"], self.master, ended)
            entry = msgspec.json.encode(scenario_entry("Walk", measurement, ()))
            msgspec.json.decode(entry, type=ScenarioEntry)
        locust = Locust(
            scenarios_sha256="0" * 64,
            workers=dict(self.master.workers),
            joined_late=(),
            faults=tuple(faults),
            broadcasts=broadcasts_of(self.master),
            load={worker: told.load for worker, told in self.master.inbox.ledgers().items()},
        )
        msgspec.json.decode(msgspec.json.encode(locust), type=Locust)
        return measurement.samples, faults


@pytest.fixture
def stage():
    return Stage()


def test_without_a_forgery_nothing_is_wrong(stage):
    for message in (
        stage.chunk(code=pack_code(0, ERROR, 3, 1)),
        stage.receipts(1),
        stage.ledger(2, watched=WATCHED),
    ):
        stage.say(OTHER, message)
    samples, faults = stage.merged()
    assert faults == []
    assert len(samples) == 2 * ROWS


WATCHED = {"walk": WatchedLedger(rows=1, spectators=1, since_ns=5, duplicates=0)}
EARLY_NS, LATE_NS = -1, 10**12


@pytest.mark.parametrize(
    ("forge", "told"),
    [
        (lambda s: replace(s.chunk(), rows=b"123"), "its 3 bytes are not rows of 28 bytes"),
        (lambda s: replace(s.chunk(), rows=b""), "its 0 bytes are not rows of 28 bytes"),
        (lambda s: s.chunk(errors=()), "it names 0 kinds of errors"),
        (lambda s: s.chunk(errors=("Lost",)), "it names 1 kinds of errors"),
        (lambda s: s.chunk(steps=()), "it names 0 steps"),
        (lambda s: s.chunk(steps=tuple(map(str, range(300)))), "it names 300 steps"),
        (lambda s: s.chunk(steps=tuple(map(str, range(256)))), "with it there are 257 steps, of 256 at most"),
        (lambda s: s.chunk(code=pack_code(1)), "it has a sample of step 1, of 1 that there are"),
        (lambda s: s.chunk(code=pack_code(0, 3)), "it has a value of metric 0, of 0 that there are"),
        (
            lambda s: s.chunk(code=pack_code(0, ERROR, 0, 2)),
            "it has a sample of error 2, of 2 that there are",
        ),
        (lambda s: s.chunk(code=-1), "it has a value of metric 255, of 0"),
        (lambda s: s.chunk(instants=s.now_ns + LATE_NS), "it has times outside the run"),
        (lambda s: s.chunk(instants=s.now_ns - LATE_NS), "it has times outside the run"),
        (lambda s: s.chunk(instants=-(1 << 63)), "it has times outside the run"),
        (lambda s: replace(s.chunk(), scenario="swim"), "a Chunk speaks of 'swim', which is not played"),
        (lambda s: s.chunk(number=-1), "a message of it cannot be read: Expected `int` >= 0"),
        (lambda s: s.chunk(number=3), "chunk 3 came too early: 0 was due"),
        (lambda s: replace(s.receipts(), receipts=b"123"), "its 3 bytes are not receipts of 28 bytes"),
        (lambda s: s.receipts(count=0), "it has a receipt of nobody"),
        (lambda s: s.receipts(first_ns=s.now_ns + 9), "one that ended before it began"),
        (lambda s: s.receipts(first_ns=s.now_ns - LATE_NS), "it has times outside the run"),
        (lambda s: replace(s.receipts(), scenario="swim"), "a ReceiptChunk speaks of 'swim'"),
    ],
)
def test_a_chunk_that_cannot_be_is_dropped_and_named_and_the_others_samples_are_kept(stage, forge, told):
    stage.say(OTHER, forge(stage))
    stage.say(OTHER, stage.ledger())
    samples, faults = stage.merged()
    assert any(fault.startswith(f"worker {OTHER}: ") and told in fault for fault in faults), faults
    assert len(samples) in {ROWS, 2 * ROWS if "too early" in told else ROWS}
    assert samples.steps[0] == "walk"


def test_a_metric_that_is_a_step_of_another_worker_is_named_and_all_of_both_is_kept(stage):
    recorded = replace(stage.chunk(steps=("swim",), code=pack_code(0, VALUE)), metrics=("walk",))
    for message in (recorded, stage.ledger()):
        stage.say(OTHER, message)
    samples, faults = stage.merged()
    assert faults == [
        "walk: 'walk' is a step of worker honest and recorded by worker other: give one of them another name"
    ]
    assert len(samples) == len(samples.recorded.value) == ROWS
    assert samples.recorded.names == ("walk (recorded)",)


def told_by(stage, **changed):
    return replace(stage.ledger(), scenarios={"walk": replace(stage.ledger().scenarios["walk"], **changed)})


@pytest.mark.parametrize(
    ("forge", "told"),
    [
        (lambda s: s.ledger(chunks=-1), "cannot be read: Expected `int` >= 0"),
        (lambda s: s.ledger(chunks=9), "1 of 9 chunks arrived"),
        (lambda s: s.ledger(rows={"walk": 9}), "5 of 9 samples of walk arrived"),
        (lambda s: s.ledger(rows={"swim": 9}), "a Ledger speaks of 'swim', which is not played"),
        (lambda s: s.ledger(watched={"swim": WATCHED["walk"]}), "a Ledger speaks of 'swim'"),
        (lambda s: s.ledger(watched=WATCHED), "0 of 1 receipts of walk arrived"),
        (lambda s: told_by(s, users=1 << 70), "cannot be"),
        (lambda s: told_by(s, ended=1 << 60), "cannot be read: Expected `int` <="),
        (lambda s: told_by(s, own_s=float("nan")), "cannot be read: Expected `float` >= 0.0"),
        (lambda s: told_by(s, own_s=float("inf")), "cannot be read: Expected `float` <="),
        (lambda s: told_by(s, lateness_ns=b"123"), "3 bytes are not times"),
        (lambda s: told_by(s, lateness_ns=np.array([-5]).tobytes()), "an iteration that was early"),
        (lambda s: s.ledger(clock=ClockPair(0, 0, "elsewhere")), "s off the master's: set both by NTP"),
        (
            lambda s: s.ledger(load=replace(s.ledger().load, core=CoreUse(mean=float("inf"), full=0.0))),
            "its ledger was dropped: its load cannot be",
        ),
    ],
)
def test_a_ledger_that_cannot_be_is_named_and_all_samples_that_came_are_kept(stage, forge, told, monkeypatch):
    monkeypatch.setattr("tailguard.locust.master.master.LEDGER_S", 0.0)
    stage.say(OTHER, stage.chunk())
    try:
        stage.say(OTHER, forge(stage))
    except OverflowError:  # msgpack itself has no such number
        return
    samples, faults = stage.merged()
    assert any(told in fault for fault in faults), faults
    assert len(samples) == 2 * ROWS


def test_a_dropped_ledger_is_not_waited_for(stage):
    stage.say(OTHER, told_by(stage, lateness_ns=b"123"))
    began_s = time.monotonic()
    stage.merged()
    assert time.monotonic() - began_s < 10


def test_who_takes_no_part_gets_no_account_and_none_of_its_samples_counts(stage):
    for message in (stage.chunk(), stage.ledger()):
        stage.say("nobody", message)
    stage.say(OTHER, stage.chunk())
    stage.say(OTHER, stage.ledger())
    samples, faults = stage.merged()
    assert faults == [
        "worker nobody: a Chunk came of it, and it takes no part",
        "worker nobody: a Ledger came of it, and it takes no part",
    ]
    assert len(samples) == 2 * ROWS
    assert "nobody" not in stage.master.inbox.ledgers()


def test_a_worker_whose_clock_is_far_off_is_refused_before_anything_is_measured():
    stage = Stage()
    now = ClockPair.now()
    ahead = ClockPair(now.wall_ns + 130 * 10**9, now.monotonic_ns, "elsewhere")
    stage.say(OTHER, Ready(run="run", why="", clock=ahead))
    assert stage.master._refusals([OTHER]) == [
        f"worker {OTHER}: its clock is +130 s off the master's: set both by NTP"
    ]


def test_a_worker_of_another_machine_may_be_some_seconds_off(stage):
    now = ClockPair.now()
    elsewhere = ClockPair(now.wall_ns + 3 * 10**9, 500, "elsewhere")
    stage.say(OTHER, Ready(run="run", why="", clock=elsewhere))
    stage.say(OTHER, stage.chunk(instants=400))
    stage.say(OTHER, stage.ledger(clock=elsewhere))
    samples, faults = stage.merged()
    assert faults == []
    assert len(samples) == 2 * ROWS


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(),
    st.text(max_size=9),
    st.binary(max_size=90),
    st.lists(st.one_of(st.text(max_size=3), st.integers(0, 9)), max_size=3),
    st.dictionaries(st.sampled_from(["walk", "swim", ""]), st.integers(-2, 2), max_size=2),
)
KINDS = ("chunk", "receipts", "ledger")


def places(data, path=()):
    """Every place of a message, from the outside in."""
    for key, value in data.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from places(value, (*path, key))


def put(data, path, value):
    *outer, last = path
    for key in outer:
        data = data[key]
    data[last] = value


@pytest.mark.system
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KINDS), st.data(), VALUES)
def test_whatever_one_field_of_a_message_becomes_nothing_breaks_and_the_honest_samples_are_there(
    kind, data, value
):
    stage = Stage()
    message = msgspec.msgpack.decode(packed(getattr(stage, kind)()))
    put(message, data.draw(st.sampled_from(list(places(message)))), value)
    survives(stage, msgspec.msgpack.encode(message))


@pytest.mark.system
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KINDS), st.binary(min_size=1, max_size=40), st.integers(0, 400))
def test_whatever_bytes_come_nothing_breaks_and_the_honest_samples_are_there(kind, noise, place):
    stage = Stage()
    message = packed(getattr(stage, kind)())
    survives(stage, message[:place] + noise + message[place + len(noise) :])


def survives(stage, data):
    stage.master.hear(OTHER, data)
    stage.say(OTHER, stage.ledger())
    samples, faults = stage.merged()
    assert int((samples.ok("walk") & (samples.intended_ns == stage.now_ns)).sum()) >= ROWS
    assert faults or len(samples) >= ROWS
