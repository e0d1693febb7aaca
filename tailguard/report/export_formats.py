"""The formats there are: name -> module and function. A format costs its import only when it is asked for."""

from importlib import import_module
from typing import TYPE_CHECKING

from tailguard.base.output.escaping import visible

if TYPE_CHECKING:
    from tailguard.record.run import Run

FORMATS = {
    "pytest-benchmark": "pytest_benchmark:export",
    "github-benchmark": "github_benchmark:export",
    "bencher": "bencher:export",
    "k6": "k6:export",
    "hyperfine": "hyperfine:export",
    "hgrm": "hgrm:export",
    "openmetrics": "openmetrics:export",
    "junit": "ci.junit:export",
    "csv": "csv_table:export",
    "github-annotations": "ci.github:annotations",
    "github-summary": "ci.github:summary",
    "github-comment": "ci.github:comment",
    "gitlab-code-quality": "ci.gitlab:export",
    "sarif": "ci.sarif:export",
    "openslo": "openslo:export",
    "prometheus": "prometheus_rules:export",
    "sloth": "prometheus_rules:sloth",
}


def exported(run: "Run", name: str) -> dict[str, str]:
    """Return the files of one format: name -> text. KeyError for a format that does not exist.

    Each format escapes for its own reader; of what no format has a place for, JSON's `\\u001b` is left.
    """
    module, function = FORMATS[name].split(":")
    files: dict[str, str] = getattr(import_module(f"tailguard.report.exports.{module}"), function)(run)
    return {name: visible(text) for name, text in files.items()}
