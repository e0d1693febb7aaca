"""SARIF 2.1.0: what is not PASS, for code scanning of GitHub and Azure DevOps, and for editors."""

import json
from urllib.parse import quote

from tailguard.base.state import State
from tailguard.record.part import Json
from tailguard.record.run import Run
from tailguard.report.exports.ci.findings import Finding, findings_of

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVEL = {State.FAIL: "error", State.INVALID: "error", State.INCONCLUSIVE: "warning"}
_RULES = {
    "objective": "A service level objective is kept",
    "change": "No metric is worse than its baseline",
    "drift": "Nothing grows over days",
    "plan": "No query plan touches more blocks than its baseline",
    "run": "A run can be trusted, and was judged",
    "migration": "A migration does what it promises, and nobody waits for it",
}


def export(run: Run) -> dict[str, str]:
    """Return one log with one run; without a result if the run is PASS."""
    rules = [{"id": f"tailguard-{name}", "shortDescription": {"text": text}} for name, text in _RULES.items()]
    measured_by = run.record.environment.packages.get("tailguard")
    driver = {"name": "Tailguard", **({"version": measured_by} if measured_by else {}), "rules": rules}
    results = [_result(each) for each in findings_of(run.record)]
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return {"tailguard.sarif": json.dumps(log, ensure_ascii=False, indent=1) + "\n"}


def _result(found: Finding) -> dict[str, Json]:
    place: Json = {"artifactLocation": {"uri": quote(found.path)}, "region": {"startLine": 1}}
    return {
        "ruleId": f"tailguard-{found.rule}",
        "level": _LEVEL[found.state],
        "message": {"text": found.text},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"tailguard/v1": found.fingerprint},
    }
