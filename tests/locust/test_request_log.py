"""Requests as locust's event tells them become rows, and what cannot is named."""

from datetime import timedelta
from itertools import count

import pytest

from tailguard.locust.judged.request_log import RequestLog, shown
from tailguard.locust.worker.outbox import Outbox
from tests.support.fake_clock import FakeClock

SECOND_NS = 1_000_000_000


class Stage:
    """A log of three users; `stopped` says whether they were told to stop."""

    def __init__(self):
        self.clock, self.stopped = FakeClock(), False
        self.log = RequestLog(self.clock, lambda: 3, self._stop)
        self.outbox = Outbox("run")
        self.outbox.add("requests", self.log)

    def _stop(self):
        self.stopped = True

    def asked(self, name="/cart", took_ms=250.0, failure=None, method="GET"):
        """A request that took so long has ended."""
        self.clock.sleep_until_ns(self.clock.now_ns() + SECOND_NS)
        self.log.take(
            request_type=method,
            name=name,
            response_time=took_ms,
            response_length=3,
            exception=failure,
            context={},
            url="http://shop/cart",
        )

    def samples(self):
        list(self.outbox.cut())
        return self.outbox.samples("requests")


@pytest.fixture
def stage():
    return Stage()


def test_a_request_is_a_row_of_its_name_with_its_exact_time(stage):
    stage.asked(took_ms=250.125)
    stage.asked("/pay", method="POST")
    samples = stage.samples()
    assert samples.steps == ("GET /cart", "POST /pay")
    assert list(samples.response_ms("GET /cart")) == [250.125]
    assert list(samples.ended_ns) == [SECOND_NS, 2 * SECOND_NS]
    assert stage.log.ledger().users == 3


def test_a_failure_is_an_error_of_its_kind_whatever_locust_was_told(stage):
    stage.asked(failure=ConnectionRefusedError("nobody there"))
    stage.asked(failure="wrong body")
    samples = stage.samples()
    assert [samples.errors[each] for each in samples.error] == ["ConnectionRefusedError", "RuntimeError"]
    assert stage.log.ledger().first["RuntimeError"].said == "wrong body"
    assert len(samples.response_ms("GET /cart")) == 0


@pytest.mark.parametrize("took_ms", [None, "7", timedelta(seconds=1), -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("failure", [None, OSError()])
def test_a_request_without_a_time_breaks_the_run(stage, took_ms, failure):
    stage.asked()
    stage.asked(took_ms=took_ms, failure=failure)
    assert len(stage.samples()) == 1
    assert f"a request 'GET /cart' took {took_ms!r} ms" in stage.log.ledger().broken


def test_such_a_request_after_the_end_breaks_it_too(stage):
    stage.log.finish(10.0)
    stage.asked(took_ms=None)
    assert "a request 'GET /cart' took None ms" in stage.log.ledger().broken


def test_too_many_names_break_the_run_and_the_way_out_is_named(stage):
    numbers = count()
    for _ in range(300):
        stage.asked(f"/item/{next(numbers)}")
    assert "give steps names without ids in them (locust's argument name=)" in stage.log.ledger().broken
    assert len(stage.samples()) == 300


def test_at_the_end_the_users_stop_and_only_what_was_on_its_way_is_kept(stage):
    stage.asked()
    stage.clock.sleep_until_ns(stage.clock.now_ns() + SECOND_NS)
    stage.log.finish(10.0)
    assert stage.stopped
    stage.asked("/after", 100.0)
    assert stage.samples().steps == ("GET /cart",)


def test_what_began_before_the_end_is_kept(stage):
    stage.log.finish(10.0)
    stage.asked("/slow", 5_000.0)
    assert stage.samples().steps[-1:] == ("GET /slow",)


@pytest.mark.parametrize(
    ("method", "name", "told"),
    [("GET", " /a\n b ", "GET /a b"), ("", "", "?"), ("WS", "x\x1b[1m", "WS x?[1m")],
)
def test_a_name_is_shown_on_one_line(method, name, told):
    assert shown(method, name) == told
