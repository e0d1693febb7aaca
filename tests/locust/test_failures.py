"""A scenario that hardly ever worked shows the messages of its failures, and where to look."""

import socket
import ssl

import pytest

from tailguard.engine.recorder import ErrorKinds, Recorder
from tailguard.locust.master.failures import doubts_of_failures
from tailguard.locust.messages import ScenarioLedger
from tailguard.locust.worker.outbox import Outbox
from tailguard.record.samples import ERROR, pack_code


class CertificateChangedError(Exception):
    """Of a suite: what was read back differs. It has nothing to do with TLS."""


class AnswerError(Exception):
    def __init__(self, status):
        super().__init__("POST /x: no")
        self.status = status


def caused_by(cause):
    """What an HTTP library makes of a failure of the socket."""
    try:
        try:
            raise cause
        except OSError as error:
            raise RuntimeError("POST /x: no") from error
    except RuntimeError as failure:
        return failure


def found(failure, errors, ok=0, kind=None):
    recorder, kinds, kind = Recorder(), ErrorKinds(), kind or type(failure).__name__
    for number in range(errors + ok):
        code = pack_code(0) if number < ok else pack_code(0, ERROR, 0, kinds.number(kind, failure))
        recorder.append(number, number, number + 1, code)
    samples = recorder.samples("registration", ("register",), kinds.names())
    told = ScenarioLedger(
        users=1,
        offered=errors + ok,
        ended=errors + ok,
        warmup=0,
        own_s=0.0,
        cut_off=0,
        broken="",
        first=kinds.first,
        lateness_ns=b"",
    )
    ledger = Outbox("run").ledger({"registration": told}, {}, None)
    return list(doubts_of_failures({"registration": samples}, [ledger], "https://there"))


@pytest.mark.parametrize(
    ("failure", "look_at"),
    [
        (ConnectionRefusedError("POST /x: no"), "--host"),
        (socket.gaierror("POST /x: no"), "--host"),
        (caused_by(ssl.SSLCertVerificationError("self-signed")), "ca_file"),
        (caused_by(ssl.SSLError("wrong version number")), "ca_file"),
        (caused_by(ConnectionRefusedError()), "--host"),
        (AnswerError(404), "the path and the method"),
        (AnswerError(401), "[target.login]"),
        (AnswerError(301), "redirects"),
        (TimeoutError("POST /x: no"), "a lock"),
        (AnswerError(500), "the target's log"),
        (CertificateChangedError("POST /x: no"), "the target's log"),
    ],
)
def test_what_failed_is_named_with_host_words_and_next_step(failure, look_at):
    [doubt] = found(failure, errors=6, ok=4)
    kind = type(failure).__name__
    assert doubt.measured == f"6 of 10 samples at https://there are errors, most of them {kind}: POST /x: no"
    assert look_at in doubt.remedy


def test_an_iteration_that_never_came_back_is_a_matter_of_waiting():
    [doubt] = found(None, errors=6, kind="TimedOut")
    assert "a lock" in doubt.remedy


def test_a_platform_that_fails_now_and_then_is_a_matter_of_its_error_rate():
    assert found(AnswerError(500), errors=4, ok=6) == []
    assert found(None, errors=6, kind="NotServed") == []
    assert found(AnswerError(500), errors=0) == []
