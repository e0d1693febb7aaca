"""Samples on their way: any split merges to the recorder of the whole, and whatever is missing is noticed."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tailguard.engine.recorder import ErrorKinds, Recorder, merge
from tailguard.locust.clock import ClockPair
from tailguard.locust.master.inbox import Inbox
from tailguard.locust.messages import Chunk, Ledger, for_master, packed
from tailguard.locust.worker.outbox import Outbox
from tailguard.record.samples import CONFLICT, ERROR, OK, pack_code
from tests.support.measured import Measured

STEPS = ("upload", "presigned_read")
KINDS = ["TimedOut", "NotFound", "DeadlockDetected (40P01)"]
SAMPLE = st.tuples(
    st.integers(0, 10**6),
    st.integers(0, 10**5),
    st.integers(0, 10**6),
    st.integers(0, 1),
    st.sampled_from([OK, CONFLICT, ERROR]),
    st.integers(0, 3),
    st.sampled_from(KINDS),
)
COLUMNS = ("intended_ns", "started_ns", "ended_ns", "step", "outcome", "retries")


def keep(recorder, errors, sample):
    intended, wait, took, step, outcome, retries, kind = sample
    number = 0 if outcome == OK else errors.number(kind)
    recorder.append(
        intended, intended + wait, intended + wait + took, pack_code(step, outcome, retries, number)
    )


def sent_by_workers(shares, cuts=3):
    """(worker, message) of several workers, each sending its share in some cuts and then its ledger."""
    for number, share in enumerate(shares):
        outbox, source = Outbox("run"), Measured(STEPS)
        outbox.add("upload", source)
        for start in range(0, len(share), max(1, len(share) // cuts)):
            for sample in share[start : start + max(1, len(share) // cuts)]:
                keep(source.recorder, source.errors, sample)
            yield from ((f"w{number}", message) for message in outbox.cut())
        yield f"w{number}", outbox.ledger({}, {}, None)


def received(messages, workers):
    inbox = Inbox("run")
    for number in range(workers):
        inbox.expect(f"w{number}")
    for worker, message in messages:
        take(inbox, worker, message)
    return inbox


def take(inbox, worker, message):
    """Hand a message over as it arrives: packed and read again."""
    arrived = for_master(packed(message))
    assert arrived == message
    (inbox.take_chunk if isinstance(arrived, Chunk) else inbox.take_ledger)(worker, arrived)


@pytest.mark.system
@given(st.lists(st.lists(SAMPLE, max_size=30), min_size=1, max_size=4), st.integers(1, 5), st.booleans())
def test_any_split_over_workers_and_chunks_merges_to_the_recorder_of_the_whole(shares, cuts, last):
    inbox = received(sent_by_workers(shares, cuts), len(shares))
    whole, errors = Recorder(), ErrorKinds()
    for share in shares:
        for sample in share:
            keep(whole, errors, sample)
    expected = merge([whole], "upload", STEPS, errors.names())
    merged = inbox.samples("upload", STEPS, last=last)
    assert inbox.faults() == []
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(merged, column), getattr(expected, column))
    assert [merged.errors[kind] for kind in merged.error] == [
        expected.errors[kind] for kind in expected.error
    ]


@given(st.integers(0, 10**6), st.sampled_from(["drop", "repeat", "swap", "lose the ledger"]))
def test_a_dropped_repeated_or_reordered_message_is_noticed(seed, mishap):
    rng = random.Random(seed)
    shares = [[(n, 0, 1, 0, OK, 0, "") for n in range(12)] for _ in range(2)]
    messages = list(sent_by_workers(shares, 4))
    chunks = [place for place, (_, message) in enumerate(messages) if isinstance(message, Chunk)]
    at = rng.choice(
        [place for place in chunks if place + 1 in chunks and messages[place][0] == messages[place + 1][0]]
    )
    if mishap == "drop":
        del messages[at]
    elif mishap == "repeat":
        messages.insert(at, messages[at])
    elif mishap == "swap":
        messages[at], messages[at + 1] = messages[at + 1], messages[at]
    else:
        del messages[
            next(place for place, (_, message) in enumerate(messages) if isinstance(message, Ledger))
        ]
    assert received(messages, 2).faults() != []


def test_steps_of_the_same_name_become_one_whatever_their_numbers_are_on_a_worker():
    inbox = Inbox("run")
    for worker, names in (("w0", ("cart", "pay")), ("w1", ("pay", "cart", "cancel"))):
        outbox, source = Outbox("run"), Measured(names)
        outbox.add("shop", source)
        for number in range(len(names)):
            keep(source.recorder, source.errors, (number, 0, 1 + number, number, OK, 0, ""))
        for message in outbox.cut():
            inbox.take_chunk(worker, message)
    merged = inbox.samples("shop", ("pay",))
    assert merged.steps == ("pay", "cart", "cancel")
    counts = {step: len(merged.response_ms(step)) for step in merged.steps}
    assert counts == {"pay": 2, "cart": 2, "cancel": 1}


def test_a_worker_that_never_answered_is_a_fault_and_what_it_had_sent_is_kept():
    shares = [[(n, 0, 1, 0, OK, 0, "") for n in range(10)] for _ in range(2)]
    messages = [
        (worker, message)
        for worker, message in sent_by_workers(shares)
        if not (worker == "w1" and isinstance(message, Ledger))
    ]
    inbox = received(messages, 2)
    assert inbox.missing() == ["w1"]
    assert "w1: its ledger never came" in inbox.faults()[0]
    assert len(inbox.samples("upload", STEPS)) == 20


def test_messages_of_another_run_are_not_ours():
    inbox = Inbox("another")
    for worker, message in sent_by_workers([[(1, 0, 1, 0, OK, 0, "")]]):
        take(inbox, worker, message)
    assert inbox.count("upload") == 0
    assert inbox.ledgers() == {}


def test_the_clock_of_another_machine_is_shifted_and_its_latencies_are_not():
    ours, theirs = ClockPair(10_000, 500, "a"), ClockPair(12_000, 90_000, "b")
    assert ours.shift_ns(theirs) == (12_000 - 90_000) - (10_000 - 500)
    assert ours.shift_ns(ClockPair(99_000, 7, "a")) == 0  # the same machine: its wall clock does not matter
    inbox = Inbox("run")
    [(worker, chunk), (_, ledger)] = sent_by_workers([[(1_000, 5, 70, 0, OK, 0, "")]], 1)
    inbox.take_chunk(worker, chunk)
    elsewhere = ClockPair(ClockPair.now().wall_ns + 10**9, ClockPair.now().monotonic_ns, "elsewhere")
    inbox.take_ledger(worker, replace(ledger, clock=elsewhere))
    samples = inbox.samples("upload", STEPS)
    assert samples.response_ms("upload")[0] == pytest.approx(75e-6)
    assert samples.intended_ns[0] == pytest.approx(1_000 + 10**9, abs=5 * 10**8)
