"""Broadcasts over several workers: each ends at the last spectator anywhere, and none is lost in silence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tailguard.locust.clock import ClockPair
from tailguard.locust.master.inbox import Inbox
from tailguard.locust.master.inbox.broadcasts import LOST
from tailguard.locust.messages import ReceiptChunk, WatchedLedger
from tailguard.locust.worker.outbox import Outbox
from tailguard.locust.worker.receipts import ReceiptLog
from tailguard.record.samples import ERROR, OK, pack_code
from tailguard.websocket.messages import Receipt, Totals
from tests.support.measured import Measured

STEPS = ("broadcast",)
SPECTATORS = 3
# Of one event: its sender, and by worker how long after the send each of its spectators had it, None: never.
WORKERS = 3
EVENT = st.tuples(
    st.integers(0, WORKERS - 1),
    st.lists(
        st.lists(st.one_of(st.none(), st.integers(1, 900)), min_size=SPECTATORS, max_size=SPECTATORS),
        min_size=WORKERS,
        max_size=WORKERS,
    ),
)


class Spectators:
    """What a crowd's process would tell, without a crowd."""

    def __init__(self, count=SPECTATORS, duplicates=0):
        self.count, self.duplicates, self.waiting = count, duplicates, []
        self.tell = None

    def follow(self, follower):
        self.tell = follower

    def see(self, event, delays_ns, sent_ns):
        came = [sent_ns + delay for delay in delays_ns if delay is not None]
        if not came:
            return None
        receipt = Receipt(
            key=event,
            id=event,
            count=len(came),
            awaited=self.count - len(came),
            first_ns=min(came),
            ended_ns=max(came),
        )
        (self.tell if len(came) == self.count else self.waiting.append)(receipt)
        return receipt

    def unfinished(self):
        return self.waiting

    def totals(self):
        return Totals(
            events=0,
            duplicates=self.duplicates,
            out_of_order=0,
            dropped=0,
            away=0,
            missed=0,
            received=0,
            cpu_ns=0,
        )


class Stopped:
    """A clock that jumps over every wait."""

    def __init__(self, now=0):
        self.now = now

    def now_ns(self):
        return self.now

    def sleep_until_ns(self, due_ns, wake=None):
        self.now = max(self.now, due_ns)


class Node:
    """A worker: its spectators, and the broadcasts that it sent itself."""

    def __init__(self, since_ns=0):
        self.crowd, self.clock = Spectators(), Stopped(since_ns)
        self.measured, self.outbox = Measured(STEPS), Outbox("run")
        self.recorder, self.errors = self.measured.recorder, self.measured.errors
        self.outbox.add("b", self.measured)
        self.outbox.add_receipts("b", ReceiptLog(self.crowd, self.clock))

    def sent(self, sent_ns, receipt):
        if receipt is None or receipt.count < SPECTATORS:
            code = pack_code(0, ERROR, 0, self.errors.number(LOST))
            self.recorder.append(sent_ns, sent_ns, sent_ns + 5000, code)
        else:
            self.recorder.append(sent_ns, sent_ns, receipt.ended_ns, pack_code(0))


def play(nodes, events):
    for number, (sender, delays) in enumerate(events):
        sent_ns = 10_000 * (number + 1)
        receipts = [node.crowd.see(number, delays[place], sent_ns) for place, node in enumerate(nodes)]
        nodes[sender].sent(sent_ns, receipts[sender])


def collected(nodes, late=(), drop=None, clocks=None):
    inbox = Inbox("run")
    for place, node in enumerate(nodes):
        inbox.expect(f"w{place}", late=place in late)
        messages = [*node.outbox.cut()]
        node.outbox.close_receipts()
        messages += node.outbox.cut()
        for message in messages:
            if not (drop and drop(place, message)):
                inbox.take_chunk(f"w{place}", message)
        ledger = node.outbox.ledger({}, {}, None)
        inbox.take_ledger(f"w{place}", replace(ledger, clock=clocks[place]) if clocks else ledger)
    return inbox


@given(st.lists(EVENT, min_size=1, max_size=20))
def test_a_broadcast_ends_at_the_last_spectator_anywhere_or_is_lost(events):
    nodes = [Node() for _ in range(WORKERS)]
    play(nodes, events)
    inbox = collected(nodes)
    assert inbox.faults() == []
    samples = inbox.samples("b", STEPS, last=True)
    for number, (_, delays) in enumerate(events):
        everybody = [delay for worker in delays for delay in worker]
        [row] = np.flatnonzero(samples.intended_ns == 10_000 * (number + 1))
        if None in everybody:
            assert samples.outcome[row] == ERROR
            assert samples.errors[samples.error[row]] == LOST
        else:
            assert samples.outcome[row] == OK
            assert samples.ended_ns[row] - samples.started_ns[row] == max(everybody)
    assert sum(ends.unmatched for ends in inbox.ends["b"].values()) == 0


def one_broadcast(elsewhere):
    nodes = [Node(), Node()]
    play(nodes, [(0, [[100, 110, 120], elsewhere])])
    return nodes


def test_what_its_own_worker_calls_whole_is_lost_if_another_workers_spectator_missed_it():
    nodes = one_broadcast([100, None, 120])
    own = nodes[0].recorder.samples("b", STEPS, ("",))
    assert own.outcome.tolist() == [OK]  # all that one worker can know
    inbox = collected(nodes)
    merged = inbox.samples("b", STEPS, last=True)
    assert [merged.errors[kind] for kind in merged.error] == [LOST]
    assert (inbox.ends["b"]["w0"].lost_count, inbox.ends["b"]["w1"].lost_count) == (1, 0)


def test_what_another_workers_spectators_had_late_ends_late():
    inbox = collected(one_broadcast([100, 7_000_000, 120]))
    merged = inbox.samples("b", STEPS, last=True)
    assert merged.response_ms("broadcast").tolist() == [7.0]
    assert inbox.ends["b"]["w0"].moved == 1


def test_one_worker_alone_keeps_its_ends():
    [node] = nodes = [Node()]
    play(nodes, [(0, [[100, 110, 120]])])
    merged = collected(nodes).samples("b", STEPS, last=True)
    assert merged.ended_ns.tolist() == [10_120]
    assert merged.errors == ("",)
    assert node.outbox.receipts("b")["last_ns"].tolist() == [10_120]


def test_the_receipts_of_another_machine_are_put_on_one_clock():
    nodes = one_broadcast([100, 500, 120])
    ours = ClockPair.now()
    behind = ClockPair(ours.wall_ns, ours.monotonic_ns - 10**15, "another machine")
    inbox = collected(nodes, clocks=[ours, behind])
    [ended] = inbox.samples("b", STEPS, last=True).ended_ns
    assert ended - 10**15 == pytest.approx(10_500, abs=10**9)


def test_a_late_workers_spectators_are_not_expected_to_have_seen_what_was_before_them():
    nodes = [Node(), Node(since_ns=10_050)]
    play(nodes, [(0, [[100, 110, 120], [None] * 3])])
    assert collected(nodes, late={1}).samples("b", STEPS, last=True).outcome.tolist() == [OK]
    again = [Node(), Node(since_ns=10_050)]
    play(again, [(0, [[100, 110, 120], [None] * 3])])
    assert collected(again).samples("b", STEPS, last=True).outcome.tolist() == [ERROR]


def test_receipts_that_did_not_arrive_are_a_fault():
    inbox = collected(
        one_broadcast([1, 2, 3]), drop=lambda place, told: place == 1 and isinstance(told, ReceiptChunk)
    )
    assert any("0 of 1 receipts of b arrived" in fault for fault in inbox.faults())


def test_an_event_that_only_some_have_is_waited_for_and_then_kept_as_it_is():
    crowd, clock = Spectators(duplicates=2), Stopped(50)
    log = ReceiptLog(crowd, clock)
    crowd.see(1, [10, None, 20], 0)
    log.close()
    assert clock.now >= 10_000_000_000  # an event of just now may still come to all
    assert log.ledger(0) == WatchedLedger(rows=0, spectators=3, since_ns=50, duplicates=2)
    assert len(log.drain()) > 0
