"""A scenario that hardly ever worked says what its failures said, and where to look."""

import pytest

from tailguard.engine.recorder import ErrorKinds, Recorder
from tailguard.locust.master.failures import doubts_of_failures
from tailguard.locust.messages import ScenarioLedger
from tailguard.locust.worker.outbox import Outbox
from tailguard.record.samples import ERROR, pack_code


def found(kind, errors, ok=0, said="POST /x: no"):
    recorder, kinds = Recorder(), ErrorKinds()
    for number in range(errors + ok):
        code = pack_code(0) if number < ok else pack_code(0, ERROR, 0, kinds.number(kind))
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
        said={kind: said},
        lateness_ns=b"",
    )
    ledger = Outbox("run").ledger({"registration": told}, {}, None)
    return list(doubts_of_failures({"registration": samples}, [ledger], "https://there"))


@pytest.mark.parametrize(
    ("kind", "look_at"),
    [
        ("ConnectionRefusedError", "--host"),
        ("SSLCertVerificationError", "ca_file"),
        ("Status404", "the path and the method"),
        ("Status401", "[target.login]"),
        ("TimedOut", "a lock"),
        ("Status500", "the target's log"),
    ],
)
def test_what_failed_is_named_with_host_words_and_next_step(kind, look_at):
    [doubt] = found(kind, errors=6, ok=4)
    assert doubt.measured == f"6 of 10 samples at https://there are errors, most of them {kind}: POST /x: no"
    assert look_at in doubt.remedy


def test_a_platform_that_fails_now_and_then_is_a_matter_of_its_error_rate():
    assert found("Status500", errors=4, ok=6) == []
    assert found("NotServed", errors=6) == []
    assert found("Status500", errors=0) == []
