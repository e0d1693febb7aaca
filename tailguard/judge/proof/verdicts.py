"""Everything that is asked of a migration, from its entry in the record and live.parquet alone."""

from collections.abc import Mapping

from tailguard.base.state import State
from tailguard.judge.proof.checks import evidence_verdicts
from tailguard.judge.proof.under_load import under_load_verdicts
from tailguard.record.migration import MigrationEntry, Unproved
from tailguard.record.samples import Samples
from tailguard.record.verdict import ProofVerdict


def proof_verdicts(entry: MigrationEntry, live: Mapping[str, Samples]) -> tuple[ProofVerdict, ...]:
    """Return the answers, those about the evidence first; `live` are the windows of live.parquet, of any migration.

    Raises UsageError if `live` lacks a window of this proof.
    """
    verdicts = [*evidence_verdicts(entry)]
    if entry.live is not None:
        verdicts += under_load_verdicts(entry, entry.live, live)
    if entry.unproved is not None:
        verdicts.append(_broken_off(entry, entry.unproved))
    return tuple(verdicts)


def _broken_off(entry: MigrationEntry, unproved: Unproved) -> ProofVerdict:
    """A proof that one of Tailguard's limits stopped is INCONCLUSIVE: another try may help."""
    return ProofVerdict(
        name="proof complete",
        state=State.INCONCLUSIVE if unproved.stopped else State.INVALID,
        migration=entry.number,
        expected="",
        observed=f"{'under load: ' if unproved.under_load else ''}{unproved.because}",
        n=1,
        exceedances=1,
        under_load=unproved.under_load,
    )
