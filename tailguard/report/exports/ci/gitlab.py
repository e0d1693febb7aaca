"""GitLab's code quality report: what is not PASS, shown in the merge request."""

import json

from tailguard.base.state import State
from tailguard.record.part import Json
from tailguard.record.run import Run
from tailguard.report.exports.ci.findings import Finding, findings_of

_SEVERITY = {State.FAIL: "critical", State.INVALID: "major", State.INCONCLUSIVE: "minor"}


def export(run: Run) -> dict[str, str]:
    """Return a JSON array for `artifacts: reports: codequality`; it is empty if the run is PASS."""
    issues = [_issue(each) for each in findings_of(run.record)]
    return {"gl-code-quality-report.json": json.dumps(issues, ensure_ascii=False, indent=1) + "\n"}


def _issue(found: Finding) -> dict[str, Json]:
    return {
        "description": found.text,
        "check_name": f"tailguard-{found.rule}",
        "fingerprint": found.fingerprint,
        "severity": _SEVERITY[found.state],
        "location": {"path": found.path, "lines": {"begin": 1}},
    }
