"""A run under faults as run.json has it: one fault that was felt, one that outlasts the samples, one after them."""

from msgspec.structs import replace

from tailguard.record.chaos import Chaos, FaultWindow, Outage, Recovery
from tailguard.record.run_record import RunRecord
from tailguard.report.views.verdict_view import judged_of

START_NS = 5_000_000_000
_SECOND = 10**9
FELT = Recovery(
    label="S3 killed", scenario="certificate_migration", samples=42, errors=3, retried=2, recovered_s=1.5
)
CHAOS = Chaos(
    recover_s=5.0,
    ordered=("S3 killed", "S3 down", "too late"),
    windows=(
        FaultWindow(label="S3 killed", began_ns=START_NS + 2 * _SECOND, ended_ns=START_NS + 4 * _SECOND),
        FaultWindow(label="S3 down", began_ns=START_NS + 8 * _SECOND, ended_ns=START_NS + 30 * _SECOND),
        FaultWindow(label="too late", began_ns=START_NS + 40 * _SECOND, ended_ns=START_NS + 50 * _SECOND),
    ),
    outages={
        "websocket_broadcast": (Outage(began_ns=START_NS + 2 * _SECOND, ended_ns=START_NS + 3 * _SECOND),)
    },
    recoveries=(
        FELT,
        Recovery(label="S3 down", scenario="registration", samples=0, errors=0, retried=0, recovered_s=0.0),
    ),
)


def chaos_record(made: RunRecord, chaos: Chaos = CHAOS) -> RunRecord:
    """`made`, as a run under faults whose uploads were counted; no migration was proven."""
    upload = replace(made.scenarios["certificate_upload"], counters={"cert.s3.retries": 7})
    scenarios = {**made.scenarios, "certificate_upload": upload}
    return replace(made, chaos=chaos, scenarios=scenarios, verdicts=judged_of(made), migrations=())
