"""A finished run ready to show. HTML, Markdown and terminal all speak from this one view.

Nothing is computed or decided here: fields of the record are chosen and formatted. What the run does not hold is shown
as absent, never filled in.
"""

import json
import shlex
from dataclasses import dataclass

from tailguard.record.doubt import Doubt
from tailguard.record.run_json import masked, record_sha256
from tailguard.record.run_record import RunRecord
from tailguard.record.verdict import ProofVerdict
from tailguard.report.views.compared import gravest_first
from tailguard.report.views.overall import Overall, overall_of
from tailguard.report.views.proof.migration_view import MigrationView, migrations_of, questions_of
from tailguard.report.views.shortened import shortened
from tailguard.report.views.verdict_view import Card, cards_of


@dataclass(frozen=True, slots=True)
class ReportView:
    """A record without a secret, and what is derived from it; `warnings` stand on top of all."""

    record: RunRecord
    warnings: tuple[tuple[str, str], ...]
    overall: Overall
    cards: tuple[Card, ...]
    questions: tuple[ProofVerdict, ...]
    doubts: tuple[Doubt, ...]
    migrations: tuple[MigrationView, ...]
    record_sha256: str  # of the whole record, which `record` may be a part of

    @property
    def created(self) -> str:
        """When the run began."""
        return self.record.created_utc.replace("T", " ").removesuffix("Z") + " UTC"

    @property
    def command(self) -> str:
        """The command that starts it again."""
        return shlex.join(self.record.command)

    @property
    def config(self) -> str:
        """The frozen configuration as indented JSON."""
        return json.dumps(self.record.config.value, indent=2, ensure_ascii=False)


def view_of(record: RunRecord) -> ReportView:
    """Return the view of a record. A run that has just ended is masked here as its run.json is."""
    whole = masked(record)
    record, left_out = shortened(whole)
    return ReportView(
        record=record,
        warnings=_warnings(whole, left_out),
        overall=overall_of(whole),
        cards=cards_of(record),
        questions=questions_of(record),
        doubts=gravest_first(record.doubts),
        migrations=migrations_of(record),
        record_sha256=record_sha256(whole),
    )


def _warnings(record: RunRecord, left_out: str) -> tuple[tuple[str, str], ...]:
    """What must be known before any number is read: (title, text)."""
    found = []
    if not record.complete:
        text = f"It ended early: {record.why_incomplete}. The measurements until then are shown."
        found.append(("Incomplete run", text))
    if record.platform.faults:
        listed = ", ".join(record.platform.faults)
        found.append(("Faults switched on", f"Faults were injected on purpose: {listed}."))
    if left_out:
        text = f"This report leaves out {left_out}, the least grave ones. `tailguard export` and run.json have all."
        found.append(("Too much for one page", text))
    return tuple(found)
