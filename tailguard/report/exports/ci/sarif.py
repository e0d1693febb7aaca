"""SARIF 2.1.0: what is not PASS, for code scanning of GitHub and Azure DevOps, and for editors."""

from tailguard.base.state import State
from tailguard.record.run import Run
from tailguard.report.exports.ci.findings import findings_of
from tailguard.report.exports.ci.sarif_log import Level, SarifResult, SarifRule, sarif_log

_LEVEL: dict[State, Level] = {State.FAIL: "error", State.INVALID: "error", State.INCONCLUSIVE: "warning"}
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
    rules = [SarifRule(f"tailguard-{name}", text) for name, text in _RULES.items()]
    results = [
        SarifResult(
            f"tailguard-{each.rule}",
            _LEVEL[each.state],
            each.text,
            each.path,
            fingerprint=each.fingerprint,
        )
        for each in findings_of(run.record)
    ]
    return {"tailguard.sarif": sarif_log(rules, results, run.record.environment.packages.get("tailguard"))}
