"""What a reviewer must look at, for formats that show it beside the code: each verdict that is not PASS.

If no verdict says why the whole run is not PASS (an invariant broke, nothing was judged), the run itself is one more.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from tailguard.base.state import State
from tailguard.record.run_record import RunRecord
from tailguard.record.verdict import (
    AnswersVerdict,
    ChangeVerdict,
    DriftVerdict,
    ObjectiveVerdict,
    PlanVerdict,
    ProofVerdict,
    Verdict,
    WindowVerdict,
)
from tailguard.report.views.overall import overall_of
from tailguard.report.views.verdict_view import title_of, worst_first


@dataclass(frozen=True, slots=True)
class Finding:
    """What is not PASS: the `rule` that it broke, and the file, from the repository's top, that states it.

    `fingerprint` is the same in each run that finds the same thing.
    """

    state: State
    rule: str
    title: str
    why: str
    path: str

    @property
    def text(self) -> str:
        """What a reviewer reads."""
        return f"{self.state}: {self.title}" + (f": {self.why}" if self.why else "")

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.rule}\n{self.path}\n{self.title}".encode()).hexdigest()


def findings_of(record: RunRecord) -> Iterator[Finding]:
    """Yield what is found, the worst first."""
    path = f"{record.environment.git.folder}{_file(record)}"
    if record.state not in {State.PASS, *(verdict.state for verdict in record.verdicts)}:
        overall = overall_of(record)
        yield Finding(record.state, "run", overall.sentence, overall.detail, path)
    for verdict in worst_first(record.verdicts):
        if verdict.state is not State.PASS:
            yield Finding(verdict.state, _rule(verdict), title_of(verdict), verdict.why, path)


def _rule(verdict: Verdict) -> str:
    match verdict:
        case ObjectiveVerdict() | WindowVerdict():
            return "objective"
        case ChangeVerdict():
            return "change"
        case PlanVerdict():
            return "plan"
        case ProofVerdict():
            return "migration"
        case DriftVerdict():
            return "drift"
        case AnswersVerdict():
            return "answers"


def _file(record: RunRecord) -> str:
    if record.ddl is not None:
        return record.ddl.file
    if record.suite is None:
        return "tailguard.toml"
    asked = [path for path in (each.partition("::")[0] for each in record.suite.asked) if path]
    return asked[0] if len({*asked}) == 1 else record.suite.file
