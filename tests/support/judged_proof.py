"""What the verdicts of a proof come to: its state, its answers by name, and the sentence."""

from collections.abc import Mapping

from tailguard.base.state import State, worst
from tailguard.judge.proof.verdicts import proof_verdicts
from tailguard.proofs.proof import Proof
from tailguard.record.samples import Samples
from tailguard.record.verdict import ProofVerdict
from tailguard.report.views.proof.sentences import why

NOTHING_SENT: Mapping[str, Samples] = {}


def state_of(proof: Proof, live: Mapping[str, Samples] = NOTHING_SENT) -> State:
    """Return the worst state of its verdicts."""
    return worst(verdict.state for verdict in proof_verdicts(proof.entry, live))


def answers(proof: Proof, live: Mapping[str, Samples] = NOTHING_SENT) -> dict[str, ProofVerdict]:
    """Return its verdicts by name."""
    return {verdict.name: verdict for verdict in proof_verdicts(proof.entry, live)}


def why_of(proof: Proof, live: Mapping[str, Samples] = NOTHING_SENT) -> str:
    """Return the sentence of the report."""
    return why(proof.entry, proof_verdicts(proof.entry, live))
