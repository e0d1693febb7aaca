"""The proof of a SQL file as lines for a terminal: each step, what it did, both ways side by side, the safe SQL."""

from collections.abc import Iterator

from tailguard.base.state import State
from tailguard.record.ddl import DdlProof
from tailguard.record.run_record import RunRecord
from tailguard.report.views.proof.ddl_view import StepView, did, lead_of, safe_sql, steps_of, ways_of

LONGEST_LINE = 100


def ddl_lines(record: RunRecord, proof: DdlProof) -> Iterator[str]:
    """Write all steps; why a run is not PASS, the summary says at its end."""
    yield lead_of(proof)
    for what in proof.left_out:
        yield f"Left out: {what}"
    for view in steps_of(record):
        yield ""
        yield from _step_lines(view, proof)


def _step_lines(view: StepView, proof: DdlProof) -> Iterator[str]:
    step = view.step
    yield f"{view.title}: {view.state}{', one transaction' if step.transaction else ''}"
    for statement in step.statements:
        yield f"  {_cut(' '.join(statement.text.split()))}"
        yield f"    {did(statement)}"
    for what in step.left_out:
        yield f"  Without load there: {what}"
    yield ""
    for verdict in view.verdicts:
        if verdict.state is not State.PASS or not verdict.under_load:  # the report has all that is well
            yield f"  {verdict.state:<12} {verdict.name}: {verdict.observed}"
    if ways := ways_of(step):
        yield ""
        yield f"  {'':<13} {'longest wait':>13} {'took':>9} {'failed':>7} {'attempts':>9}"
    for way in ways:
        yield f"  {way.name:<13} {way.longest:>13} {way.took:>9} {way.failed:>7} {way.attempts:>9}"
        if way.ended:
            yield f"    not done: {way.ended}"
    if step.safe is not None:
        yield ""
        yield from _safe_lines(view, proof)


def _safe_lines(view: StepView, proof: DdlProof) -> Iterator[str]:
    safe = view.step.safe
    assert safe is not None  # the caller has checked it
    if safe.statements:
        yield "  The safe way:"
        yield from (f"    {line}" for line in safe_sql(safe, proof.lock_timeout_ms).splitlines())
    if safe.why:
        yield f"  {safe.why}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"
