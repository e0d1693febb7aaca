"""Findings as their readers want them: one line each for people and editors, annotations of GitHub, SARIF."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from tailguard.base.output.escaping import for_workflow, for_workflow_property
from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.lint.rules import RULES
from tailguard.report.exports.ci.sarif_log import SarifResult, SarifRule, sarif_log

PAGE = "More in docs/reference/rules/{}.md."
SQUAWKS_RULES = "https://squawkhq.com/docs/rules"


def plain(finding: Finding) -> str:
    """Write a finding as compilers do: editors jump to it."""
    return f"{finding.path}:{finding.line}: {finding.severity}: {finding.rule}: {finding.message}"


def annotation(finding: Finding) -> str:
    """Write a finding as a workflow command of GitHub, which shows it at its line of the change."""
    file, rule = for_workflow_property(_relative(finding.path)), for_workflow_property(finding.rule)
    where = f"file={file},line={finding.line},title={rule}"
    return f"::{finding.severity} {where}::{for_workflow(finding.message)}"


def sarif(findings: Sequence[Finding]) -> str:
    """Write all findings as one SARIF log. Each of our own rules has its whole page with it."""
    ours = [
        SarifRule(_id(rule.name), rule.summary, f"{rule.summary} {PAGE.format(rule.name)}", rule.page)
        for rule in RULES
    ]
    others = sorted({one.rule for one in findings if one.rule.startswith("squawk:")})
    results = [
        SarifResult(_id(one.rule), one.severity, one.message, _relative(one.path), one.line)
        for one in findings
    ]
    rules = [*ours, *(SarifRule(name, f"{name}: a rule of Squawk's", uri=SQUAWKS_RULES) for name in others)]
    return sarif_log(rules, results, version("tailguard"))


def _id(rule: str) -> str:
    return rule if ":" in rule else f"tailguard-{rule}"


def _relative(path: Path) -> str:
    """GitHub knows files by their path in the repository, where its steps run."""
    here = Path.cwd()
    whole = path.resolve()
    return whole.relative_to(here).as_posix() if whole.is_relative_to(here) else str(path)
