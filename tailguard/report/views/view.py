"""A finished run ready to show. HTML, Markdown and terminal all speak from this one view.

Nothing is computed or decided here: fields of the record are chosen and formatted. What the run does not hold is shown
as absent, never filled in.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tailguard.base.state import State
from tailguard.record.doubt import Doubt
from tailguard.record.run_json import masked, record_sha256
from tailguard.record.run_record import RunRecord
from tailguard.record.verdict import ProofVerdict
from tailguard.report.views.card import Card
from tailguard.report.views.compared import gravest_first
from tailguard.report.views.overall import Overall, overall_of
from tailguard.report.views.proof.migration_view import MigrationView, migrations_of, questions_of
from tailguard.report.views.shortened import shortened
from tailguard.report.views.trend import Previous, Trend, previous_of, trends_of
from tailguard.report.views.verdict_view import cards_of


@dataclass(frozen=True, slots=True)
class ReportView:
    """A record without a secret, and what is derived from it; `warnings` come first.

    `previous` and `trends`, by the objective's name, tell of the runs before it: None and empty if there are none.
    """

    record: RunRecord
    warnings: tuple[tuple[str, str], ...]
    overall: Overall
    cards: tuple[Card, ...]
    questions: tuple[ProofVerdict, ...]
    doubts: tuple[Doubt, ...]
    migrations: tuple[MigrationView, ...]
    record_sha256: str  # of the whole record, which `record` may be a part of
    previous: Previous | None
    trends: Mapping[str, Trend]

    @property
    def unmet(self) -> tuple[Card, ...]:
        """The cards of all that is not PASS, the worst first."""
        return tuple(card for card in self.cards if card.verdict.state is not State.PASS)

    @property
    def met(self) -> tuple[Card, ...]:
        """The cards of all that is PASS, those nearest to their limit first."""
        met = (card for card in self.cards if card.verdict.state is State.PASS)
        return tuple(sorted(met, key=lambda card: -card.used))

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


def view_of(record: RunRecord, earlier: Sequence[RunRecord] = ()) -> ReportView:
    """Return the view of a record. A run that has just ended is masked here as its run.json is.

    `earlier` are comparable runs before it, oldest first.
    """
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
        previous=previous_of(whole, earlier),
        trends=trends_of(record, earlier),
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
